package nftrace

import "nfscope/trace/rcvbuf"

// losing follows a receive buffer that ran over. From the first message that does
// not fit (ENOBUFS) the kernel throws away every message until the queue has been
// read empty (net/netlink/af_netlink.c, netlink_overrun, netlink_rcv_wake). So what
// is still queued came before the loss, and the gap stands where the queue is empty.
type losing struct {
	on bool
	// queued is what waited after the last read.
	queued uint32
	// told is the kernel's count up to the last gap.
	told uint32
}

func (l *losing) begin() { l.on, l.queued = true, ^uint32(0) }

// over reports whether s shows that the queue was read empty: nothing is in it, or
// it did not shrink, so new messages are let in again.
func (l *losing) over(s rcvbuf.State) bool {
	done := s.Queued == 0 || s.Queued >= l.queued
	l.queued = s.Queued
	return done
}

// since gives the number of messages lost since the last gap.
func (l *losing) since(s rcvbuf.State) uint64 {
	n := s.Drops - l.told
	l.told = s.Drops
	return uint64(n)
}
