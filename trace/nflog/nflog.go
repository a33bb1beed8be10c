package nflog

import (
	"errors"

	"nfscope/trace/rcvbuf"
)

// TraceGroup is the group that the kernel writes TRACE events to, once the sysctls
// net.netfilter.nf_log.2 and .10 say nfnetlink_log.
const TraceGroup = 0

// CopyRange is how many bytes of each packet are asked for: the headers, and room
// for options. A packet may be 64 kB where the network card joins segments.
const CopyRange = 256

// ErrTaken is what Open's error is where another process reads the group: ulogd, or
// another tracer. The kernel lets one socket read a group.
var ErrTaken = errors.New("NFLOG group is taken")

// Options are a Reader's settings; the zero value is right for a live trace.
type Options struct {
	// Buffer is the size of the receive buffer in bytes, 0 for rcvbuf.Want. Tests
	// make it small to lose messages.
	Buffer int
	// Other takes the messages that are no trace events: a user's own NFLOG rules on
	// the group. It runs where emit runs, in order with it. Where it is nil they are
	// counted only, in Stats.Other.
	Other func(Message)
	// Unstamped leaves receive stamps as they are: a log needs none, and switching them on
	// costs the whole host a little.
	Unstamped bool
	// StampLate switches them on with the first trace event: until a packet is traced, no
	// other packet of the host pays for its stamp (some 70 ns). Packets of the first
	// milliseconds have stamps made anew for each event.
	StampLate bool

	// tap sees every message before it is decoded; tests capture with it.
	tap func(payload []byte)
}

func (o Options) buffer() int {
	if o.Buffer > 0 {
		return o.Buffer
	}
	return rcvbuf.Want
}

// Stats tell what a Reader has read.
type Stats struct {
	// Events were handed over, Lost were not: the kernel threw them away, or they are
	// among Malformed.
	Events, Lost uint64
	// Other messages were no trace events.
	Other uint64
	// Malformed messages could not be decoded; First is the first one's error.
	Malformed uint64
	First     error
	// Unknown counts attributes of a newer kernel.
	Unknown uint64
	// Stamped tells that receive stamps were seen to be on before Open returned. Where
	// it is false (no loopback, or StampLate), the stamps of the first moments may be
	// missing, or differ between the events of one packet.
	Stamped bool
	// Buffer is the receive buffer's size in bytes, Note what to do where it is small.
	Buffer int
	Note   string
}
