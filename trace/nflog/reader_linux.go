package nflog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/florianl/go-nflog/v2"
	"golang.org/x/sys/unix"

	"nfscope/model/journey"
	"nfscope/trace/ifname"
	"nfscope/trace/netns"
	"nfscope/trace/rcvbuf"
)

// Reader receives one NFLOG group of one namespace. While it is open the kernel
// stamps every packet the host receives, see stamps.
type Reader struct {
	log    *nflog.Nflog
	sock   *rcvbuf.Socket
	group  uint16
	names  *ifname.Table
	grown  rcvbuf.Grown
	stamps stamps
	late   bool // stamps are switched on with the first event
	other  func(Message)
	tap    func(payload []byte)

	cancel context.CancelFunc
	parked chan error    // go-nflog's own receiver stands still, or why it does not
	done   chan struct{} // closed by Close
	once   sync.Once

	// Of Run's goroutine.
	dec Decoder
	in  *rcvbuf.Messages
	got *journey.Batch // decoded and not handed over
	seq sequence

	tally sync.Mutex // held for stats, which others may read while Run works
	stats Stats
}

const (
	// atOnce is how many datagrams are read by a call.
	atOnce = 64
	// largest is more than the kernel puts into one: as many messages as fit into
	// NFULNL_NLBUFSIZ_DEFAULT (net/netfilter/nfnetlink_log.c), or one with CopyRange bytes.
	largest = 8192
	// look is how long nothing came when the drop counter is read: a loss that no message
	// came after shows there only.
	look = 100 * time.Millisecond
)

// Open binds the group in a namespace. Messages wait in the socket's buffer from
// here on until Run takes them. The handle may be closed afterwards. Where the group
// has a reader already the error is ErrTaken and names it.
func Open(ns *netns.Handle, group uint16, o Options) (*Reader, error) {
	r := &Reader{stamps: stamps{fd: -1}, group: group, other: o.Other, tap: o.tap, parked: make(chan error, 1), done: make(chan struct{}),
		in: rcvbuf.NewMessages(atOnce, largest), got: journey.NewBatch(4 * atOnce)}
	if err := r.open(ns, group, o); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Reader) open(ns *netns.Handle, group uint16, o Options) (err error) {
	if r.names, err = ifname.Open(ns); err != nil {
		return err
	}
	r.dec.Names = r.names
	switch {
	case o.Unstamped:
	case o.StampLate:
		r.stamps, err = lateStamps()
		r.late = true
	default:
		r.stamps, err = openStamps()
	}
	if err != nil {
		return err
	}
	r.log, err = netns.In(ns, func() (*nflog.Nflog, error) {
		return nflog.Open(&nflog.Config{Group: group, Copymode: nflog.CopyPacket, Bufsize: CopyRange, QThresh: 1, Flags: nflog.FlagSeq})
	})
	if err != nil {
		return fmt.Errorf("open NFLOG in namespace %q: %w", ns.Name(), err)
	}
	raw, err := r.log.Con.SyscallConn()
	if err != nil {
		return fmt.Errorf("open NFLOG: %w", err)
	}
	if r.grown, err = rcvbuf.Grow(raw, o.buffer()); err != nil {
		return fmt.Errorf("open NFLOG: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	if err := r.log.RegisterWithErrorFunc(ctx, early, r.park); err != nil {
		return bindError(ns, group, err)
	}
	// go-nflog binds, and its receiver gives way: it allocates for every message and
	// attribute, and takes a call for each message.
	if err := r.log.Con.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return fmt.Errorf("open NFLOG: %w", err)
	}
	if err := <-r.parked; err != nil {
		return fmt.Errorf("open NFLOG: %w", err)
	}
	if r.sock, err = rcvbuf.Take(raw, r.log.Con.Close); err != nil {
		return fmt.Errorf("open NFLOG: %w", err)
	}
	return nil
}

// early is a message that came before go-nflog's receiver stood still. It is missing, and
// told as such by the number of the next one.
func early(nflog.Attribute) int { return 0 }

// park holds go-nflog's receiver, which is told that its time is over, until Close.
func (r *Reader) park(err error) int {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, unix.ENOBUFS):
		return 0
	case errors.As(err, &timeout) && timeout.Timeout():
		err = nil
	}
	select {
	case r.parked <- err:
	default:
	}
	<-r.done
	return 1
}

// Run hands all trace events to emit, in the kernel's order, those that are read together
// at once, until the context ends (nil), the Reader is closed (os.ErrClosed) or the socket
// fails. It may be called once. The events are the Reader's: who keeps one keeps a Clone.
//
// Lost messages do not end it: an event of journey.SourceGap says how many, and
// stands where they are missing. What waits unread when the context ends is such a
// gap too, of a number not known.
func (r *Reader) Run(ctx context.Context, emit func([]journey.Event)) error {
	stop := context.AfterFunc(ctx, r.sock.Stop)
	defer stop()
	defer r.flush(emit)
	for {
		n, err := 0, ctx.Err()
		if err == nil {
			n, err = r.sock.Read(r.in, atOnce)
		}
		if err == unix.EAGAIN {
			r.flush(emit)
			err = r.sock.Wait(look)
		}
		switch {
		case err == nil:
			r.datagrams(n, time.Now(), emit)
		case errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.EINTR): // of a loss the numbers of what follows tell
		case r.closed():
			return os.ErrClosed
		case ctx.Err() != nil:
			r.count(emit, true)
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			r.count(emit, false)
		default:
			return fmt.Errorf("read NFLOG: %w", err)
		}
	}
}

func (r *Reader) closed() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// datagrams decodes what was read.
func (r *Reader) datagrams(n int, now time.Time, emit func([]journey.Event)) {
	late := now.Sub(r.sock.Dry())
	for i := range n {
		b, cut := r.in.At(i)
		if cut {
			r.malformed(fmt.Errorf("nflog: message cut short: it has more than %d bytes", largest))
			continue
		}
		for len(b) > 0 {
			if len(b) < unix.NLMSG_HDRLEN {
				r.malformed(fmt.Errorf("nflog: message cut short: %d bytes where a netlink header has %d", len(b), unix.NLMSG_HDRLEN))
				break
			}
			size := int(binary.NativeEndian.Uint32(b))
			if size < unix.NLMSG_HDRLEN || size > len(b) {
				r.malformed(fmt.Errorf("nflog: message cut short: its header says %d bytes, %d came", size, len(b)))
				break
			}
			if binary.NativeEndian.Uint16(b[4:]) == msgPacket { // else the end of several
				r.message(b[unix.NLMSG_HDRLEN:size], now, late, emit)
				now = now.Add(1)
			}
			b = b[min((size+3)&^3, len(b)):]
		}
	}
	if u := r.dec.Unknown; u > 0 {
		r.add(func(s *Stats) { s.Unknown = u })
	}
}

// msgPacket is the type of the group's messages: NFNL_SUBSYS_ULOG and NFULNL_MSG_PACKET.
const msgPacket = unix.NFNL_SUBSYS_ULOG << 8

// message decodes one message.
func (r *Reader) message(b []byte, now time.Time, late time.Duration, emit func([]journey.Event)) {
	if r.tap != nil {
		r.tap(b)
	}
	var m raw
	if err := r.dec.attributes(&m, b); err != nil {
		r.malformed(err)
		return
	}
	at := r.seq.next
	if m.has(attrSeq) { // missing only in what came before the flags were set
		var lost uint64
		if at, lost = r.seq.arrived(m.word[attrSeq]); lost > 0 {
			r.gap(emit, lost, at)
		}
	}
	if r.got.Full() {
		r.flush(emit)
	}
	if r.dec.event(&m, r.got) {
		l := r.got.Events()
		e := &l[len(l)-1]
		e.Time, e.Late, e.Seq = now, late, at
		return
	}
	r.flush(emit)
	r.add(func(s *Stats) { s.Other++ })
	if r.other != nil {
		o := r.dec.message(&m)
		o.Time, o.Seq = now, at
		r.other(o)
	}
}

// count tells the losses that the drop counter knows of and no hole has shown yet.
// While messages wait they are older than the loss, so it waits too, unless it is
// the last: then what waits is lost as well, in a number not known.
func (r *Reader) count(emit func([]journey.Event), last bool) {
	s, err := r.sock.State()
	if err != nil || s.Queued > 0 && !last {
		return
	}
	if lost := r.seq.counted(uint64(s.Drops) + r.Stats().Malformed); lost > 0 {
		r.gap(emit, lost, r.seq.next+r.seq.ahead)
	}
	if s.Queued > 0 {
		r.gap(emit, 0, r.seq.next+r.seq.ahead+1)
	}
}

// gap tells of lost messages; before is the number of the one that would follow.
// lost is 0 where the number is not known.
func (r *Reader) gap(emit func([]journey.Event), lost, before uint64) {
	if r.got.Full() {
		r.flush(emit)
	}
	r.add(func(s *Stats) { s.Lost += lost })
	*r.got.Next() = journey.Event{Source: journey.SourceGap, Lost: lost, Seq: before - 1, Time: time.Now()}
}

// flush hands over what is decoded.
func (r *Reader) flush(emit func([]journey.Event)) {
	defer r.sock.Passed()
	l := r.got.Events()
	if len(l) == 0 {
		return
	}
	events := uint64(0)
	for i := range l {
		if l[i].Source != journey.SourceGap {
			events++
		}
	}
	r.add(func(s *Stats) { s.Events += events })
	if r.late && events > 0 {
		r.late = false
		_ = r.stamps.begin() // without them packets are told apart by their headers alone
	}
	emit(l)
	r.got.Reset()
}

func (r *Reader) malformed(err error) {
	r.add(func(s *Stats) {
		s.Malformed++
		if s.First == nil {
			s.First = err
		}
	})
}

func (r *Reader) add(fn func(*Stats)) {
	r.tally.Lock()
	defer r.tally.Unlock()
	fn(&r.stats)
}

// Lost is how many messages are missing so far.
func (r *Reader) Lost() uint64 { return r.Stats().Lost }

// Stats tells what was read so far.
func (r *Reader) Stats() Stats {
	r.tally.Lock()
	defer r.tally.Unlock()
	s := r.stats
	s.Buffer, s.Note, s.Stamped = r.grown.Bytes, r.grown.Note, r.stamps.on
	return s
}

// unbind is the message that gives a group back: NFULNL_MSG_CONFIG with
// NFULNL_CFG_CMD_UNBIND (linux/netfilter/nfnetlink_log.h).
func unbind(group uint16) []byte {
	const size = unix.NLMSG_HDRLEN + 4 + 8
	b := binary.NativeEndian.AppendUint32(nil, size)
	b = binary.NativeEndian.AppendUint16(b, unix.NFNL_SUBSYS_ULOG<<8|1)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST)
	b = append(b, make([]byte, 8)...)            // number and port
	b = append(b, unix.AF_UNSPEC, 0)             // nfgenmsg
	b = binary.BigEndian.AppendUint16(b, group)  //
	b = binary.NativeEndian.AppendUint16(b, 4+1) // the attribute's length
	b = binary.NativeEndian.AppendUint16(b, 1)   // NFULA_CFG_CMD
	return append(b, 2, 0, 0, 0)
}

// Close ends Run, gives the group back and closes the sockets.
func (r *Reader) Close() (err error) {
	r.once.Do(func() {
		close(r.done)
		if r.cancel != nil {
			r.cancel() // before log.Close, which waits for it
		}
		if r.sock != nil {
			_ = r.sock.Send(unbind(r.group)) // closing it would do, but not at once: see arm's owner table
			err = r.sock.Close()
		}
		if r.log != nil {
			if cerr := r.log.Close(); r.sock == nil {
				err = cerr
			}
		}
		r.stamps.close()
		if r.names != nil {
			r.names.Close()
		}
	})
	return err
}
