// Package rcvbuf is the receive buffer of a netlink socket: how large it is, what
// waits in it, and what the kernel threw away because it was full.
package rcvbuf

import "fmt"

// Want is the buffer that a trace reader asks for, in bytes: enough for the burst
// that two cores make while the reader is not scheduled.
const Want = 64 << 20

// State is a socket's buffer at one moment.
type State struct {
	// Queued is the memory, in bytes, that messages not yet read take.
	Queued uint32
	// Drops is how many messages the kernel could not deliver since the socket was
	// opened (SK_MEMINFO_DROPS). It wraps.
	Drops uint32
}

// Grown says what came of asking for a large buffer.
type Grown struct {
	// Bytes is the payload size that the kernel accounts against; it doubles this for
	// its own needs (socket(7), SO_RCVBUF).
	Bytes int
	// Note is "" where Want was reached, else one sentence that says what to do.
	Note string
}

func grown(want, got int, forced bool) Grown {
	g := Grown{Bytes: got}
	if got < want {
		g.Note = fmt.Sprintf("the receive buffer is %d kB and not %d kB, so bursts may be lost", got>>10, want>>10)
		if !forced {
			g.Note += ": SO_RCVBUFFORCE was refused; `sysctl -w net.core.rmem_max=" + fmt.Sprint(want) + "` as the host's root allows it"
		}
	}
	return g
}
