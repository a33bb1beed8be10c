package nftrace

import "nfscope/trace/rcvbuf"

// losing follows a receive buffer that ran over. From the first message that does
// not fit (ENOBUFS) the kernel throws away every message until the queue has been
// read empty (net/netlink/af_netlink.c, netlink_overrun, netlink_rcv_wake). So what
// is still queued came before the loss, and the gap stands where the queue is empty.
type losing struct {
	// on is true from ENOBUFS until a read finds the queue empty: only then is the
	// drop counter final, as ENOBUFS comes once for all drops of one run-over.
	on bool
	// low is the least that waited since then.
	low uint32
	// told is the kernel's count up to the last gap.
	told uint32
}

func (l *losing) begin() { l.on, l.low = true, ^uint32(0) }

// refilled is by how many bytes a queue grows again before it counts as read empty
// in between: a message being thrown away is in the sum for a moment.
const refilled = 4096

// emptied reports whether the queue was read empty by now: nothing is in it, or it
// grows, so new messages are let in again. A moment too late means that the gap
// stands some events behind its place.
func (l *losing) emptied(s rcvbuf.State) bool {
	if s.Queued > 0 && (l.low == ^uint32(0) || s.Queued <= l.low+refilled) {
		l.low = min(l.low, s.Queued)
		return false
	}
	l.low = s.Queued
	return true
}

// since gives the number of messages lost since the last gap.
func (l *losing) since(s rcvbuf.State) uint64 {
	n := s.Drops - l.told
	l.told = s.Drops
	return uint64(n)
}
