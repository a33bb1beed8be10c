package conntrack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/model/snapshot"
	"nfscope/trace/netns"
)

// Reader reads the conntrack table of one namespace.
type Reader struct {
	ns   *netns.Handle
	name string
	// closing ends whatever runs when the Reader is closed.
	closing context.Context
	close   context.CancelFunc

	decoder decoder
	pool    *flow.Pool
	// unread counts the messages that could not be read; told holds what was said of them.
	unread atomic.Uint64
	mu     sync.Mutex
	told   map[string]bool
	// users are what needs ns, the Reader included until it is closed.
	users int
	// following is what Watch reads from; nil without one.
	following atomic.Pointer[subscription]
	// expected is true where expectations have changed since they were read.
	expected atomic.Bool
}

// newReader makes a Reader without a namespace, which decodes.
func newReader() *Reader { return &Reader{told: map[string]bool{}, pool: flow.NewPool(64)} }

// Open makes a Reader for a namespace; the handle may be closed afterwards. It opens
// no socket yet. Where the kernel tracks no connections at all the error is an
// errors.ErrUnsupported.
func Open(ns *netns.Handle) (*Reader, error) {
	own, err := ns.Clone()
	if err != nil {
		return nil, fmt.Errorf("read conntrack in namespace %q: %w", ns.Name(), err)
	}
	r := newReader()
	r.ns, r.name = own, ns.Name()
	there, err := r.there()
	if err != nil {
		err = r.refused("reading the connections", err)
	} else if !there {
		err = fmt.Errorf("no connection is tracked: nf_conntrack is not in this kernel (no /proc/sys/net/netfilter/nf_conntrack_count); "+
			"a rule that needs it loads it, and so does `modprobe nf_conntrack`: %w", errors.ErrUnsupported)
	}
	if err != nil {
		_ = own.Close()
		return nil, err
	}
	r.closing, r.close = context.WithCancel(context.Background())
	r.users = 1
	return r, nil
}

// Close ends a Watch or List that runs, which then gives os.ErrClosed, and does not wait for
// it: the namespace is let go when nothing needs it any more.
func (r *Reader) Close() error {
	r.mu.Lock()
	again := r.closing.Err() != nil
	r.close()
	r.mu.Unlock()
	if again {
		return nil
	}
	return r.leave()
}

// leave tells that one user needs the namespace no more.
func (r *Reader) leave() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users--; r.users > 0 {
		return nil
	}
	return r.ns.Close()
}

// List reads the table once: an EventDumpBegin, Batches of all flows, an EventDumpEnd, and
// what is known of the table as a whole. A Batch is emit's, to Release when it is done.
func (r *Reader) List(ctx context.Context, emit func(feed.Item)) error {
	ctx, stop := r.running(ctx)
	defer stop()
	return r.ended(ctx, r.dump(ctx, emit, func() {}))
}

// Watch reads the table and then follows it until the context ends (nil), the Reader
// is closed (os.ErrClosed) or the kernel refuses. It subscribes first, so that nothing
// is missed between the two, and reads the table again from time to time and after a
// loss; see flow.Table for how events and readings go together.
//
// emit is called from this goroutine alone. What the kernel could not deliver, the
// buffer being full, is told as flow.EventGap with the exact number. The socket asks
// for no reliable delivery (NETLINK_BROADCAST_ERROR): with it a reader that stands
// still would make the kernel keep every destroyed flow, until the table is full.
func (r *Reader) Watch(ctx context.Context, o Options, emit func(feed.Item)) error {
	ctx, stop := r.running(ctx)
	defer stop()
	s, err := r.subscribe(o)
	if err != nil {
		return r.ended(ctx, err)
	}
	defer s.conn.Close()
	r.following.Store(s)
	defer r.following.Store(nil)
	unblock := context.AfterFunc(ctx, s.interrupt)
	defer unblock()
	if p := r.silent(); p != "" {
		emit(problem(p))
	}
	if s.grown.Note != "" {
		emit(problem("conntrack events: " + s.grown.Note))
	}
	for {
		reading, lost := begin(), false
		if err := r.dump(ctx, emit, func() {
			_, l := r.drain(s, emit)
			lost = lost || l
		}); err != nil {
			return r.ended(ctx, err)
		}
		took := reading.took()
		if p := r.Gone(); p != "" {
			emit(problem(p))
		}
		next := time.Now().Add(max(o.resync(), apart*took))
		soon := time.Now().Add(max(min(o.resync(), time.Second), 10*took))
		if lost { // this reading may have raised what was destroyed by an event that was lost
			next = soon
		}
		if err := r.follow(ctx, s, next, soon, emit); err != nil {
			return r.ended(ctx, err)
		}
	}
}

// Heard is the time before which the kernel told of no flow that Watch has not emitted: now,
// unless some of it waits in the socket or is being read.
func (r *Reader) Heard() time.Time {
	if s := r.following.Load(); s != nil {
		return s.heard()
	}
	return time.Now()
}

// running is ctx, ended by Close as well, and keeps the namespace open until it is stopped.
func (r *Reader) running(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing.Err() != nil {
		cancel(os.ErrClosed)
		return ctx, func() {}
	}
	r.users++
	unhook := context.AfterFunc(r.closing, func() { cancel(os.ErrClosed) })
	return ctx, func() {
		unhook()
		cancel(nil)
		_ = r.leave()
	}
}

// ended is what Watch and List give: nil where the caller ended it.
func (r *Reader) ended(ctx context.Context, err error) error {
	switch {
	case errors.Is(context.Cause(ctx), os.ErrClosed):
		return os.ErrClosed
	case ctx.Err() != nil:
		return nil
	}
	return err
}

// goneAgain is how often a namespace is asked whether it still has its name: a reading of
// the whole table, which tells it too, may be half a minute away.
const goneAgain = time.Second

// untilAgain is how long expectations are not read again after a reading that took so long: where a
// thousand connections expect something it takes 50 ms, and on a gateway one of them is new every
// moment. So it has a twentieth of a core at most.
func untilAgain(took time.Duration) time.Duration { return max(rest*16, took*20) }

// follow takes events until the table is to be read again: at next, or where events
// were lost, at soon.
func (r *Reader) follow(ctx context.Context, s *subscription, next, soon time.Time, emit func(feed.Item)) error {
	due, named := time.Now().Add(untilAgain(0)), time.Now()
	for {
		until := next
		if due := named.Add(goneAgain); due.Before(until) {
			until = due
		}
		if r.expected.Load() && due.Before(until) {
			until = due
		}
		_, err := s.wait(ctx, until)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			if !time.Now().Before(next) {
				return nil
			}
		case errors.Is(err, unix.ENOBUFS): // NETLINK_NO_ENOBUFS keeps it away; the number is in the drops
		case err != nil:
			return fmt.Errorf("read conntrack events in namespace %q: %w", r.name, err)
		}
		many, lost := r.drain(s, emit)
		if lost && next.After(soon) {
			next = soon
		}
		now := time.Now()
		if !now.Before(next) {
			return nil
		}
		if now.Sub(named) >= goneAgain {
			named = now
			if p := r.Gone(); p != "" {
				emit(problem(p))
			}
		}
		if r.expected.Load() && !now.Before(due) {
			emit(feed.Item{Time: now, Table: r.table()})
			due = time.Now().Add(untilAgain(time.Since(now)))
		}
		if many {
			s.sleep(ctx)
		}
	}
}

// drainAtMost is how many reads are made before losses are looked for.
const drainAtMost = 64

// drain takes what waits in the socket, all of it before a loss is told: what comes later
// is newer than what was lost. many is true where it was so much that it costs
// less to wait for more than to be woken for each, lost where events were lost.
func (r *Reader) drain(s *subscription, emit func(feed.Item)) (many, lost bool) {
	s.turns.Add(1)
	defer s.turns.Add(1)
	total := 0
	for range drainAtMost {
		asked := time.Since(s.began)
		n, err := s.poll()
		if err != nil { // nothing waits; what is really wrong shows in wait
			s.dry.Store(int64(asked))
			break
		}
		total += n
		s.progress.Took(n)
		r.events(s.got[:n], emit)
		s.progress.Done(0)
	}
	if n := s.lost(); n > 0 {
		emit(gap(n))
		lost = true
	}
	return total >= len(s.got)/4, lost
}

// events decodes the messages of some datagrams.
func (r *Reader) events(datagrams [][]byte, emit func(feed.Item)) {
	now := time.Now()
	b := r.pool.Get(now)
	for _, d := range datagrams {
		for len(d) > 0 {
			m, rest, err := split(d)
			if err != nil {
				r.malformed(err, emit)
				break
			}
			d = rest
			if m.Type>>8 == subExpect {
				r.expected.Store(true)
			}
			if typ := kind(m); typ != 0 {
				if err := r.decoder.add(b, m, typ); err != nil {
					r.malformed(err, emit)
				}
			}
		}
	}
	put(b, emit)
}

// put emits a Batch that is not empty.
func put(b *flow.Batch, emit func(feed.Item)) {
	if len(b.Records) == 0 {
		b.Release()
		return
	}
	emit(feed.Item{Time: b.Time, Flows: b})
}

// malformed counts a message that could not be read as lost, and says once what is
// wrong with messages of its kind.
func (r *Reader) malformed(err error, emit func(feed.Item)) {
	r.unread.Add(1)
	// What is wrong with one flow is often wrong with all: its number is left out.
	why := err.Error()
	if inner := errors.Unwrap(err); inner != nil {
		why = inner.Error()
	}
	if r.tell(why) {
		emit(problem("a conntrack message could not be read and counts as lost: " + err.Error()))
	}
	emit(gap(1))
}

// tell reports whether something is to be told: it was not before, and few others were.
func (r *Reader) tell(what string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told[what] || len(r.told) >= 16 {
		return false
	}
	r.told[what] = true
	return true
}

// Gone says that the namespace was deleted; "" where it was not, or that was said, by Watch too.
func (r *Reader) Gone() string {
	if !r.ns.Gone() || !r.tell("") {
		return ""
	}
	return fmt.Sprintf("namespace %q was deleted: nfscope keeps it alive, and shows the connections that are left in it until it is quit", r.name)
}

func gap(n uint64) feed.Item {
	now := time.Now()
	return feed.Item{Time: now, Flow: &flow.Event{Type: flow.EventGap, Time: now, Lost: n}}
}

func problem(s string) feed.Item { return feed.Item{Time: time.Now(), Problem: s} }

// refused words an error of the kernel.
func (r *Reader) refused(doing string, err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%s in namespace %q needs CAP_NET_ADMIN there; run nfscope as root: %w", doing, r.name, err)
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPROTONOSUPPORT):
		return fmt.Errorf("%s in namespace %q: this kernel does not offer conntrack to programs; `modprobe nf_conntrack_netlink` where it is a module (CONFIG_NF_CT_NETLINK): %w (%w)",
			doing, r.name, errors.ErrUnsupported, err)
	}
	return fmt.Errorf("%s in namespace %q: %w", doing, r.name, err)
}

func (r *Reader) dial() (*netlink.Conn, error) {
	return netns.In(r.ns, func() (*netlink.Conn, error) { return netlink.Dial(unix.NETLINK_NETFILTER, nil) })
}

// table tells what is known of the table as a whole.
func (r *Reader) table() *snapshot.Flows {
	t := &snapshot.Flows{Ready: true}
	// A sysctl that cannot be read leaves its field at 0: not known.
	_ = r.ns.Do(func() error {
		t.Accounting, t.Timestamps = sysctl("nf_conntrack_acct") > 0, sysctl("nf_conntrack_timestamp") > 0
		t.Told = sysctl("nf_conntrack_events") > 0
		t.Count, t.Max = max(0, sysctl("nf_conntrack_count")), max(0, sysctl("nf_conntrack_max"))
		t.Timeouts = timeouts()
		return nil
	})
	t.Unread, t.Strange = r.unread.Load(), r.decoder.strange.Load()
	r.expected.Store(false)
	t.Expected = r.expectations()
	return t
}
