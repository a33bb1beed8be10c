package nftrace

import "nfscope/trace/rcvbuf"

// Options are a Reader's settings; the zero value is right for a live trace.
type Options struct {
	// Buffer is the size of the receive buffer in bytes, 0 for rcvbuf.Want. Tests
	// make it small to lose events.
	Buffer int

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
	// Malformed messages could not be decoded; First is the first one's error.
	Malformed uint64
	First     error
	// Unknown counts attributes of a newer kernel; Headers events whose network
	// header is no IP header.
	Unknown, Headers uint64
	// Buffer is the receive buffer's size in bytes, Note what to do where it is small.
	Buffer int
	Note   string
}
