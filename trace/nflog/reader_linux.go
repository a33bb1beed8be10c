package nflog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
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
	raw    syscall.RawConn
	names  *ifname.Table
	grown  rcvbuf.Grown
	stamps stamps
	other  func(Message)
	tap    func(nflog.Attribute)

	cancel context.CancelFunc
	ready  chan struct{} // closed when emit is set
	done   chan struct{} // closed by Close
	failed chan error
	once   sync.Once

	mu    sync.Mutex // held while a message is handed over
	emit  func([]journey.Event)
	ended bool
	seq   sequence

	tally sync.Mutex // held for stats only, so that emit may ask for them
	stats Stats
}

// Open binds the group in a namespace. Messages wait in the socket's buffer from
// here on until Run takes them. The handle may be closed afterwards. Where the group
// has a reader already the error is ErrTaken and names it.
func Open(ns *netns.Handle, group uint16, o Options) (*Reader, error) {
	r := &Reader{stamps: stamps{fd: -1}, other: o.Other, tap: o.tap, ready: make(chan struct{}), done: make(chan struct{}), failed: make(chan error, 1)}
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
	if !o.Unstamped {
		if r.stamps, err = openStamps(); err != nil {
			return err
		}
	}
	r.log, err = nflog.Open(&nflog.Config{NetNS: ns.NetNS(), Group: group, Copymode: nflog.CopyPacket,
		Bufsize: CopyRange, QThresh: 1, Flags: nflog.FlagSeq, Logger: logger{r}})
	if err != nil {
		return fmt.Errorf("open NFLOG in namespace %q: %w", ns.Name(), err)
	}
	if r.raw, err = r.log.Con.SyscallConn(); err != nil {
		return fmt.Errorf("open NFLOG: %w", err)
	}
	if r.grown, err = rcvbuf.Grow(r.raw, o.buffer()); err != nil {
		return fmt.Errorf("open NFLOG: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	if err := r.log.RegisterWithErrorFunc(ctx, r.receive, r.receiveError); err != nil {
		return bindError(ns, group, err)
	}
	return nil
}

// Run hands every trace event to emit, in the kernel's order, until the context ends
// (nil), the Reader is closed (os.ErrClosed) or the socket fails. It may be called
// once. emit is never called by two goroutines at once, and not after Run returned.
//
// Lost messages do not end it: an event of journey.SourceGap says how many, and
// stands where they are missing. What waits unread when the context ends is such a
// gap too, of a number not known.
func (r *Reader) Run(ctx context.Context, emit func([]journey.Event)) error {
	r.mu.Lock()
	r.emit = emit
	r.mu.Unlock()
	close(r.ready)
	defer r.end()
	// A loss that no message came after shows in the drop counter only.
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.done:
			return os.ErrClosed
		case err := <-r.failed:
			return err
		case <-tick.C:
			r.mu.Lock()
			r.count(false)
			r.mu.Unlock()
		}
	}
}

// end tells what is left to tell; no event comes after that.
func (r *Reader) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count(true)
	r.ended = true
}

// count tells the losses that the drop counter knows of and no hole has shown yet.
// While messages wait they are older than the loss, so it waits too, unless it is
// the last: then what waits is lost as well, in a number not known. The caller
// holds mu.
func (r *Reader) count(last bool) {
	s, err := rcvbuf.Read(r.raw)
	if err != nil || s.Queued > 0 && !last {
		return
	}
	if lost := r.seq.counted(uint64(s.Drops) + r.Stats().Malformed); lost > 0 {
		r.gap(lost, r.seq.next+r.seq.ahead)
	}
	if s.Queued > 0 {
		r.gap(0, r.seq.next+r.seq.ahead+1)
	}
}

// receive is go-nflog's callback, on its goroutine.
func (r *Reader) receive(a nflog.Attribute) int {
	select {
	case <-r.ready:
	case <-r.done:
		return 1
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended { // one message was on its way when Run ended
		r.add(func(s *Stats) { s.Lost++ })
		return 1
	}
	if r.tap != nil {
		r.tap(a)
	}
	m, err := Decode(a, r.names)
	if err != nil {
		r.malformed(err)
		return 0
	}
	m.Time = time.Now()
	if a.Seq != nil { // missing only in what came before the flags were set
		var lost uint64
		m.Seq, lost = r.seq.arrived(*a.Seq)
		if lost > 0 {
			r.gap(lost, m.Seq)
		}
	}
	if e, ok := m.Event(); ok {
		r.add(func(s *Stats) { s.Events++ })
		r.emit([]journey.Event{e})
		return 0
	}
	r.add(func(s *Stats) { s.Other++ })
	if r.other != nil {
		r.other(m)
	}
	return 0
}

// gap tells of lost messages; before is the number of the one that would follow.
// lost is 0 where the number is not known.
func (r *Reader) gap(lost, before uint64) {
	r.add(func(s *Stats) { s.Lost += lost })
	r.emit([]journey.Event{{Source: journey.SourceGap, Lost: lost, Seq: before - 1, Time: time.Now()}})
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

// receiveError is go-nflog's error callback; 0 lets it go on.
func (r *Reader) receiveError(err error) int {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, unix.ENOBUFS): // a loss: the numbers of what follows tell
		return 0
	case errors.As(err, &timeout) && timeout.Timeout():
		return 0
	}
	select {
	case <-r.done:
	case r.failed <- fmt.Errorf("read NFLOG: %w", err):
	default:
	}
	return 1
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

// Close ends Run, gives the group back and closes the sockets.
func (r *Reader) Close() (err error) {
	r.once.Do(func() {
		close(r.done)
		if r.cancel != nil {
			r.cancel() // before log.Close, which waits for it
		}
		if r.log != nil {
			err = r.log.Close()
		}
		r.stamps.close()
		if r.names != nil {
			r.names.Close()
		}
	})
	return err
}

// logger hears from go-nflog what it could not read.
type logger struct{ r *Reader }

// Errorf hears that the receiver ends; receiveError knows why.
func (logger) Errorf(string, ...any) {}

// Debugf hears of messages and attributes that were left out.
func (l logger) Debugf(format string, args ...any) {
	if strings.HasPrefix(format, "Unknown") {
		l.r.add(func(s *Stats) { s.Unknown++ })
		return
	}
	l.r.malformed(fmt.Errorf("nflog: "+format, args...))
}
