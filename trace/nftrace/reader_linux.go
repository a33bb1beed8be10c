package nftrace

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"nfscope/model/journey"
	"nfscope/trace/ifname"
	"nfscope/trace/netns"
	"nfscope/trace/rcvbuf"
)

// Reader receives the trace events of one namespace.
type Reader struct {
	sock  *rcvbuf.Socket
	names *ifname.Table
	grown rcvbuf.Grown
	dec   Decoder
	in    *rcvbuf.Messages
	got   *journey.Batch // decoded and not handed over
	tap   func(payload []byte)

	seq    uint64
	closed atomic.Bool
	stats  stats
	losing losing
}

const (
	// atOnce is how many messages are read by a call.
	atOnce = 64
	// largest is more than the kernel puts into a message: names, and 74 bytes of headers.
	largest = 4096
)

// stats are what others may read while Run works.
type stats struct {
	events, lost, malformed, unknown, headers atomic.Uint64
	first                                     atomic.Pointer[error]
}

// Open joins the namespace's trace group (NFNLGRP_NFTRACE). Events wait in the
// socket's buffer from here on until Run takes them. The handle may be closed
// afterwards.
func Open(ns *netns.Handle, o Options) (*Reader, error) {
	conn, err := netns.In(ns, func() (*netlink.Conn, error) { return netlink.Dial(unix.NETLINK_NETFILTER, nil) })
	if err != nil {
		return nil, fmt.Errorf("open the nf_tables trace in namespace %q: %w", ns.Name(), err)
	}
	r := &Reader{in: rcvbuf.NewMessages(atOnce, largest), got: journey.NewBatch(4 * atOnce), tap: o.tap}
	if err := r.setUp(ns, conn, o); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return r, nil
}

func (r *Reader) setUp(ns *netns.Handle, conn *netlink.Conn, o Options) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("open the nf_tables trace: %w", err)
	}
	if r.grown, err = rcvbuf.Grow(raw, o.buffer()); err != nil {
		return fmt.Errorf("open the nf_tables trace: %w", err)
	}
	if err := conn.JoinGroup(unix.NFNLGRP_NFTRACE); err != nil {
		return fmt.Errorf("join the nf_tables trace group in namespace %q: %w; it needs root, or CAP_NET_ADMIN there", ns.Name(), err)
	}
	if r.names, err = ifname.Open(ns); err != nil {
		return err
	}
	r.dec.Names = r.names
	if r.sock, err = rcvbuf.Take(raw, conn.Close); err != nil {
		r.names.Close()
		return fmt.Errorf("open the nf_tables trace: %w", err)
	}
	return nil
}

// Run hands all events to emit, in the kernel's order, those that are read together at
// once, until the context ends (nil), the Reader is closed (os.ErrClosed) or the socket
// fails. It may be called once. The events are the Reader's: who keeps one keeps a Clone.
//
// A receive buffer that ran over does not end it: an event of journey.SourceGap says
// how many messages the kernel threw away, and stands where they are missing. What
// waits unread when the context ends is such a gap too, of a number not known.
func (r *Reader) Run(ctx context.Context, emit func([]journey.Event)) error {
	defer r.flush(emit)
	stop := context.AfterFunc(ctx, r.sock.Stop)
	defer stop()
	for {
		n, err := r.read(ctx)
		if err == unix.EAGAIN {
			if r.losing.on { // nothing is left of what came before the loss
				r.endLoss(emit)
			}
			r.flush(emit)
			err = r.sock.Wait(0)
		}
		switch {
		case err == nil:
			now, first, dry := time.Now(), r.seq, r.sock.Dry()
			for i := range n {
				b, cut := r.in.At(i)
				if cut {
					r.malformed(emit, fmt.Errorf("nftrace: message cut short: it has more than %d bytes", largest))
					continue
				}
				r.messages(b, now.Add(time.Duration(r.seq-first)), now.Sub(dry), emit)
			}
			r.stats.unknown.Store(r.dec.Unknown)
			r.stats.headers.Store(r.dec.Headers)
			if n > 0 && r.losing.on {
				r.drained(emit)
			}
		case errors.Is(err, unix.ENOBUFS):
			r.losing.begin()
		case errors.Is(err, unix.EINTR):
		case r.closed.Load():
			return os.ErrClosed
		case ctx.Err() != nil:
			r.endLoss(emit)
			if s, err := r.sock.State(); err == nil && s.Queued > 0 {
				r.gap(emit, 0)
			}
			return nil
		default:
			return fmt.Errorf("read the nf_tables trace: %w", err)
		}
	}
}

// read reads datagrams and gives their number. It goes round mdlayher/netlink's Receive,
// which allocates for every message and takes a call for each. While a loss is to be told
// it reads one at a time, since the queue may be empty behind any.
func (r *Reader) read(ctx context.Context) (n int, err error) {
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	most := atOnce
	if r.losing.on {
		most = 1
	}
	return r.sock.Read(r.in, most)
}

// drained tells the loss once the queue that stood before it is read.
func (r *Reader) drained(emit func([]journey.Event)) {
	s, err := r.sock.State()
	if err == nil && s.Queued > 0 && s.Queued < refilled { // perhaps one on its way out
		s, err = r.sock.State()
	}
	if err == nil && r.losing.emptied(s) {
		r.tell(emit, s)
	}
}

// endLoss tells what is left to tell of a loss.
func (r *Reader) endLoss(emit func([]journey.Event)) {
	began := r.losing.on
	r.losing.on = false
	s, err := r.sock.State()
	switch {
	case err == nil:
		r.tell(emit, s)
	case began: // the number is not known
		r.gap(emit, 0)
	}
}

// tell tells how many messages were thrown away since it was called last: none, where
// ENOBUFS is read after its drops were counted.
func (r *Reader) tell(emit func([]journey.Event), s rcvbuf.State) {
	if n := r.losing.since(s); n > 0 {
		r.gap(emit, n)
	}
}

func (r *Reader) gap(emit func([]journey.Event), n uint64) {
	if r.got.Full() {
		r.flush(emit)
	}
	r.seq++
	r.stats.lost.Add(n)
	*r.got.Next() = journey.Event{Source: journey.SourceGap, Lost: n, Seq: r.seq, Time: time.Now()}
}

// flush hands over what is decoded.
func (r *Reader) flush(emit func([]journey.Event)) {
	defer r.sock.Passed()
	if l := r.got.Events(); len(l) > 0 {
		emit(l)
		r.got.Reset()
	}
}

// messages decodes the netlink messages of one datagram.
func (r *Reader) messages(b []byte, now time.Time, late time.Duration, emit func([]journey.Event)) {
	for len(b) > 0 {
		if len(b) < unix.NLMSG_HDRLEN {
			r.malformed(emit, fmt.Errorf("nftrace: message cut short: %d bytes where a netlink header has %d", len(b), unix.NLMSG_HDRLEN))
			return
		}
		n := int(binary.NativeEndian.Uint32(b))
		if n < unix.NLMSG_HDRLEN || n > len(b) {
			r.malformed(emit, fmt.Errorf("nftrace: message cut short: its header says %d bytes, %d came", n, len(b)))
			return
		}
		payload := b[unix.NLMSG_HDRLEN:n]
		if r.tap != nil {
			r.tap(payload)
		}
		if r.got.Full() {
			r.flush(emit)
		}
		err := r.dec.decode(binary.NativeEndian.Uint16(b[4:]), payload, r.got)
		b = b[min((n+3)&^3, len(b)):]
		if err != nil {
			r.malformed(emit, err)
			continue
		}
		r.seq++
		r.stats.events.Add(1)
		l := r.got.Events()
		e := &l[len(l)-1]
		e.Seq, e.Time, e.Late = r.seq, now, late
		now = now.Add(1)
	}
}

// malformed keeps the first error and tells of one event that could not be read.
func (r *Reader) malformed(emit func([]journey.Event), err error) {
	r.stats.malformed.Add(1)
	r.stats.first.CompareAndSwap(nil, &err)
	r.gap(emit, 1)
}

// Lost is how many events are missing so far: thrown away by the kernel or not readable.
func (r *Reader) Lost() uint64 { return r.stats.lost.Load() }

// Stats tells what was read so far.
func (r *Reader) Stats() Stats {
	s := Stats{Events: r.stats.events.Load(), Lost: r.stats.lost.Load(), Malformed: r.stats.malformed.Load(),
		Unknown: r.stats.unknown.Load(), Headers: r.stats.headers.Load(), Buffer: r.grown.Bytes, Note: r.grown.Note}
	if p := r.stats.first.Load(); p != nil {
		s.First = *p
	}
	return s
}

// Close ends Run and closes the sockets.
func (r *Reader) Close() error {
	r.closed.Store(true)
	err := r.sock.Close()
	r.names.Close()
	return err
}
