// Package conntrack reads the kernel's connection table of one namespace: whole, and
// as it changes. It only looks: it makes no rule, loads no table, sets no sysctl and
// zeroes no counter, so a namespace that tracks nothing goes on tracking nothing.
package conntrack

import "time"

// Resync is how often Watch reads the whole table when Options.Resync is 0. Rates are
// made of two readings.
const Resync = 4 * time.Second

// apart is how many times as long as a reading of the whole table takes lies between two
// of them at least.
const apart = 20

// Options say how Watch works. The zero value is good.
type Options struct {
	// Resync is the time between two readings of the whole table, at least twenty times
	// what a reading takes. Flows older than the subscription send no events, not even
	// when they end: only a reading finds that out.
	Resync time.Duration
	// Buffer is the size of the socket's receive buffer in bytes; 0 is rcvbuf.Want.
	Buffer int
}

func (o Options) resync() time.Duration {
	if o.Resync > 0 {
		return o.Resync
	}
	return Resync
}
