package conntrack

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/trace/rcvbuf"
)

// datagram is the size of the read buffers: more than the kernel puts into one
// datagram (32 kB of a dump, af_netlink.c netlink_dump).
const datagram = 64 << 10

// subscription is a socket that conntrack events come to.
type subscription struct {
	conn  *netlink.Conn
	raw   syscall.RawConn
	grown rcvbuf.Grown
	many  *many
	// got are the datagrams of the last read.
	got   [][]byte
	drops uint32
	// turns counts the beginnings and ends of reading: odd where nothing is in hand. dry is when
	// nothing was there last, in nanoseconds from began.
	turns atomic.Int64
	began time.Time
	dry   atomic.Int64
	// progress tells it in a storm, in which nothing is there never.
	progress rcvbuf.Progress
}

// subscribe joins the groups of new, changed and destroyed flows. The socket is told
// to go on after an overrun (NETLINK_NO_ENOBUFS): else the kernel drops everything
// until the queue is empty, and the number would still be in SK_MEMINFO_DROPS only.
func (r *Reader) subscribe(o Options) (*subscription, error) {
	const doing = "following connections"
	conn, err := r.dial()
	if err != nil {
		return nil, r.refused(doing, err)
	}
	s := &subscription{conn: conn, many: newMany(), began: time.Now()}
	s.turns.Store(1)
	s.got = make([][]byte, len(s.many.heads))
	if err := s.setUp(o); err != nil {
		_ = conn.Close()
		return nil, r.refused(doing, err)
	}
	return s, nil
}

func (s *subscription) setUp(o Options) (err error) {
	if s.raw, err = s.conn.SyscallConn(); err != nil {
		return err
	}
	want := o.Buffer
	if want == 0 {
		want = rcvbuf.Want
	}
	if s.grown, err = rcvbuf.Grow(s.raw, want); err != nil {
		return err
	}
	if err := s.conn.SetOption(netlink.NoENOBUFS, true); err != nil {
		return err
	}
	for _, g := range []uint32{unix.NFNLGRP_CONNTRACK_NEW, unix.NFNLGRP_CONNTRACK_UPDATE, unix.NFNLGRP_CONNTRACK_DESTROY} {
		if err := s.conn.JoinGroup(g); err != nil {
			return err
		}
	}
	for _, g := range []uint32{unix.NFNLGRP_CONNTRACK_EXP_NEW, unix.NFNLGRP_CONNTRACK_EXP_DESTROY} {
		_ = s.conn.JoinGroup(g) // without them expectations are read with the table alone
	}
	return nil
}

// interrupt ends a wait, now and for ever.
func (s *subscription) interrupt() { _ = s.conn.SetReadDeadline(time.Unix(1, 0)) }

// rest is how long a reader waits for more when much has come.
const rest = 4 * time.Millisecond

// sleep waits for more to come.
func (s *subscription) sleep(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(rest):
	}
}

// wait waits for a datagram, until a moment: then it gives os.ErrDeadlineExceeded. It
// reads none.
func (s *subscription) wait(ctx context.Context, until time.Time) (n int, err error) {
	if err := s.conn.SetReadDeadline(until); err != nil {
		return 0, err
	}
	if ctx.Err() != nil { // interrupt may have come before our deadline
		return 0, ctx.Err()
	}
	var b [1]byte
	rerr := s.raw.Read(func(fd uintptr) bool {
		n, _, err = unix.Recvfrom(int(fd), b[:], unix.MSG_DONTWAIT|unix.MSG_PEEK)
		return err != unix.EAGAIN && err != unix.EINTR
	})
	if rerr != nil {
		return 0, rerr
	}
	return n, err
}

// poll reads the datagrams that wait into got, as many as it holds; it gives EAGAIN where
// none does. Deadlines do not matter.
func (s *subscription) poll() (n int, err error) {
	if cerr := s.raw.Control(func(fd uintptr) { n, err = s.many.read(fd, s.got) }); cerr != nil {
		return 0, cerr
	}
	return n, err
}

// heard is the time before which no event came that was not emitted; in a storm that the
// reader never comes to the end of, the moment up to which it has come.
func (s *subscription) heard() time.Time {
	now := time.Now()
	if turn := s.turns.Load(); turn%2 == 1 {
		if st, err := rcvbuf.Read(s.raw); err == nil && st.Queued == 0 && s.turns.Load() == turn {
			return now
		}
	}
	dry := s.began.Add(time.Duration(s.dry.Load()))
	if at := s.progress.Heard(now, len(s.many.heads), func() (uint32, error) {
		st, err := rcvbuf.Read(s.raw)
		return st.Queued, err
	}); at.After(dry) {
		return at
	}
	return dry
}

// lost is how many events the kernel threw away since it was asked last.
func (s *subscription) lost() uint64 {
	now, err := rcvbuf.Read(s.raw)
	if err != nil {
		return 0
	}
	n := now.Drops - s.drops // it wraps
	s.drops = now.Drops
	return uint64(n)
}

// receive waits for one datagram. It goes round mdlayher/netlink's Receive, which
// gathers a whole dump before it gives the first message.
func receive(raw syscall.RawConn, b []byte) (n int, err error) {
	rerr := raw.Read(func(fd uintptr) bool {
		n, err = recv(int(fd), b)
		return err != unix.EAGAIN
	})
	if rerr != nil {
		return 0, rerr
	}
	return n, err
}

func recv(fd int, b []byte) (int, error) {
	for {
		n, _, err := unix.Recvfrom(fd, b, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n > len(b):
			return 0, fmt.Errorf("conntrack: a datagram of %d bytes was cut to %d", n, len(b))
		default:
			return n, nil
		}
	}
}

// The request for the whole table, both families: IPCTNL_MSG_CT_GET, which zeroes
// nothing, and the flag that asks for a dump (nfnetlink_conntrack.h, nfnetlink.h).
const (
	msgGet   = unix.NFNL_SUBSYS_CTNETLINK<<8 | 1
	dumpBits = netlink.Request | netlink.Dump
)

// dump reads the whole table on a socket of its own. between is called after every
// datagram, and while one is waited for, so that events do not pile up meanwhile.
func (r *Reader) dump(ctx context.Context, emit func(feed.Item), between func()) error {
	const doing = "reading the connections"
	conn, err := r.dial()
	if err != nil {
		return r.refused(doing, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	raw, err := conn.SyscallConn()
	if err != nil {
		return r.refused(doing, err)
	}
	now, about := time.Now(), 0
	_ = r.ns.Do(func() error { about = max(0, sysctl("nf_conntrack_count")); return nil })
	emit(feed.Item{Time: now, Flow: &flow.Event{Type: flow.EventDumpBegin, Time: now, Flows: about}})
	d := dumping{reader: r, seq: 1, emit: emit}
	p := newPump(conn, raw, netlink.Message{Header: netlink.Header{Type: msgGet, Flags: dumpBits, Sequence: d.seq}, Data: make([]byte, 4)})
	defer p.close()
	r.decoder.zones.begin()
	err = d.all(ctx, p, between)
	r.decoder.zones.end(err == nil)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return r.refused(doing, err)
	}
	now = time.Now()
	emit(feed.Item{Time: now, Flow: &flow.Event{Type: flow.EventDumpEnd, Time: now, Flows: d.flows}})
	emit(feed.Item{Time: now, Table: r.table()})
	return nil
}

// dumping is a reading of the table under way.
type dumping struct {
	reader *Reader
	seq    uint32
	emit   func(feed.Item)
	flows  int
	done   bool
	out    *flow.Batch // what was read and not put yet
}

// together is how many flows of a dump are put at once, at least: to wake who folds them
// costs as much as to fold some.
const together = 256

// all takes what a pump reads, to the end or until the context ends.
func (d *dumping) all(ctx context.Context, p *pump, between func()) error {
	for !d.done {
		got := p.next(between)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if got.err != nil {
			return got.err
		}
		if err := d.datagram(got.buf[:got.n]); err != nil {
			return err
		}
		p.give(got)
		between()
	}
	return nil
}

// datagram takes the messages of one datagram.
func (d *dumping) datagram(b []byte) error {
	if d.out == nil {
		d.out = d.reader.pool.Get(time.Now())
	}
	out := d.out
	defer func() {
		if len(out.Records) >= together || d.done {
			d.out = nil
			put(out, d.emit)
		}
	}()
	for len(b) > 0 && !d.done {
		m, rest, err := split(b)
		if err != nil {
			return err
		}
		b = rest
		switch {
		case m.Seq != d.seq:
		case m.Type == unix.NLMSG_DONE, m.Type == unix.NLMSG_ERROR:
			d.done = true
			if errno := errorOf(m.Data); errno != 0 {
				return errno
			}
		default:
			if kind(m) == 0 {
				continue
			}
			if err := d.reader.decoder.add(out, m, flow.EventDump); err != nil {
				d.reader.malformed(err, d.emit)
			} else {
				d.flows++
			}
		}
	}
	return nil
}

// errorOf reads the negative error number that NLMSG_ERROR and NLMSG_DONE begin with;
// 0 is no error.
func errorOf(b []byte) unix.Errno {
	if len(b) < 4 {
		return 0
	}
	n := int32(binary.NativeEndian.Uint32(b))
	if n >= 0 {
		return 0
	}
	return unix.Errno(-n)
}
