// Package drops reads what the kernel threw away and why: from the tracepoint
// kfree_skb by a small eBPF program, by perf without headers where that is refused, and
// from the counters of /proc always.
package drops

import (
	"errors"
	"time"

	"nfscope/model/drop"
)

// ErrUnsupported is what every call returns where there is no Linux.
var ErrUnsupported = errors.New("drop reasons need Linux")

// The bounds where Options say nothing.
const (
	DefaultRate  = 2000
	DefaultBurst = 500
)

// Options bound a Reader.
type Options struct {
	// Rate is how many drops a second are told one by one, Burst how many at once; 0 is
	// the default. What is beyond is counted in the kernel by reason and place.
	Rate, Burst int
	// Proto is the only IP protocol to tell of, 0 for all. It is looked at in the kernel.
	Proto uint8
	// Most is the highest step to try: drop.StepBPF if 0.
	Most drop.Step
	// Pace is how often the kernel's buffer is emptied, 20 ms if 0.
	Pace time.Duration
	// Counters is how often the counters of /proc are read, one second if 0.
	Counters time.Duration
	// Tracefs is where tracefs is mounted, for all that is done by perf; the usual places if "".
	Tracefs string
	// NoFacts leaves out what this host says about a drop (routes, sysctls, listeners).
	NoFacts bool
}

func (o Options) rate() int {
	if o.Rate <= 0 {
		return DefaultRate
	}
	return o.Rate
}

func (o Options) burst() int {
	if o.Burst <= 0 {
		return DefaultBurst
	}
	return o.Burst
}

func (o Options) pace() time.Duration {
	if o.Pace <= 0 {
		return 20 * time.Millisecond
	}
	return o.Pace
}

func (o Options) counters() time.Duration {
	if o.Counters <= 0 {
		return time.Second
	}
	return o.Counters
}
