// Package conntrack reads the kernel's connection table of one namespace: whole, and
// as it changes. It only looks: it makes no rule, loads no table, sets no sysctl and
// zeroes no counter, so a namespace that tracks nothing goes on tracking nothing.
package conntrack

import "time"

// Resync is how often Watch reads the whole table when Options.Resync is 0.
const Resync = 10 * time.Second

// Options say how Watch works. The zero value is good.
type Options struct {
	// Resync is the time between two readings of the whole table, at least ten times
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

// The names of the protocols' states as conntrack(8) prints them
// (include/uapi/linux/netfilter/nf_conntrack_tcp.h, _sctp.h, nf_conntrack_dccp.h).
var (
	tcpStates = [...]string{"NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK",
		"TIME_WAIT", "CLOSE", "SYN_SENT2"}
	sctpStates = [...]string{"NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED", "SHUTDOWN_SENT",
		"SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT", "HEARTBEAT_ACKED"}
	dccpStates = [...]string{"NONE", "REQUEST", "RESPOND", "PARTOPEN", "OPEN", "CLOSEREQ", "CLOSING", "TIMEWAIT",
		"IGNORE", "INVALID"}
)
