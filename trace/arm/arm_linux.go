package arm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/snapshot"
	"nfscope/trace/netns"
)

// Armed is a trace that is running. Its methods may be called from any goroutine.
type Armed struct {
	opts  Options
	until time.Time
	says  string
	table string // of the owner method
	notes []string
	how   method
	done  chan struct{}
	stop  []func() bool

	kernel       sync.Mutex // who has it counts, or takes out; before mu
	mu           sync.Mutex
	ended        bool               // or about to
	hush         context.CancelFunc // ends a count that is under way
	traced, held uint64
	taken        error // ErrTaken
	err          error
}

// method is one way of arming that is in place.
type method interface {
	counters(ctx context.Context) (traced, held uint64, err error)
	// close takes it out, and calls count when it may for the last time.
	close(count func()) error
}

// Arm starts tracing in a namespace. The trace ends when ctx does, when its time is
// over, at Close, or when the process dies, whatever comes first. The namespace must
// stay open until then.
func Arm(ctx context.Context, ns *netns.Handle, o Options) (*Armed, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	p, err := newPlan(o.Filter, o.Both)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p.more {
		o.Most = 0
	}
	a := &Armed{opts: o, notes: p.notes, done: make(chan struct{})}
	if o.Method != MethodRaw {
		var notes []string
		a.says = snapshot.MethodOwner
		var w *owner
		if w, notes, err = armOwner(ns, p, o); err == nil {
			a.how, a.table = w, w.table.Name
		}
		a.notes = append(a.notes, notes...)
	}
	if o.Method == MethodAuto && missing(err) {
		a.notes = append(a.notes, fmt.Sprintf("nf_tables cannot hold the trace (%v), so it stands in the raw table", err))
	}
	if o.Method == MethodRaw || o.Method == MethodAuto && missing(err) {
		var notes []string
		a.says = snapshot.MethodRaw
		a.how, notes, err = armRaw(ns, p, o)
		a.opts.Rate = min(a.opts.Rate, xtLimit)
		if o.Both {
			notes = append(notes, "-j TRACE knows what comes back by its addresses and ports alone: translated packets and ICMP errors of routers are not among it")
		}
		a.notes = append(a.notes, notes...)
	}
	if err != nil {
		if errors.Is(err, unix.EPERM) {
			return nil, fmt.Errorf("arm the trace: %w: it needs CAP_NET_ADMIN in the namespace, so run nfscope as root", err)
		}
		return nil, fmt.Errorf("arm the trace: %w", err)
	}
	a.until = time.Now().Add(o.For)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stop = append(a.stop, time.AfterFunc(o.For, a.end).Stop, context.AfterFunc(ctx, a.end))
	return a, nil
}

// missing reports whether the kernel says that it has no nf_tables, or none that
// knows owner tables (before 5.12).
func missing(err error) bool {
	return slices.ContainsFunc([]error{unix.EOPNOTSUPP, unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT, unix.EINVAL, unix.ENOENT},
		func(e error) bool { return errors.Is(err, e) })
}

// end takes the trace back, once.
func (a *Armed) end() {
	a.mu.Lock()
	was, hush := a.ended, a.hush
	a.ended = true
	a.mu.Unlock()
	if was {
		return
	}
	if hush != nil {
		hush() // what is to end does not wait for a count
	}
	for _, stop := range a.stop {
		stop()
	}
	a.kernel.Lock()
	defer a.kernel.Unlock()
	err := a.how.close(func() { _ = a.count(context.Background()) }) // or the count before is the last
	a.mu.Lock()
	a.err = err
	a.mu.Unlock()
	close(a.done)
}

// count reads the counters; a.kernel is held.
func (a *Armed) count(ctx context.Context) error {
	traced, held, err := a.how.counters(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err == nil:
		a.traced, a.held = traced, held
	case errors.Is(err, ErrTaken):
		a.taken = err
	}
	return err
}

// Done is closed when the trace is over and the kernel is as it was.
func (a *Armed) Done() <-chan struct{} { return a.done }

// Close ends the trace. It gives the error of taking it back, also when the trace
// ended earlier by itself.
func (a *Armed) Close() error {
	a.end()
	<-a.done
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

// there reports whether the trace is not over yet.
func (a *Armed) there() bool {
	select {
	case <-a.done:
		return false
	default:
		return true
	}
}

// Begins tells at which priorities of prerouting and output packets begin to be traced.
func (a *Armed) Begins() (prerouting, output model.Priority) {
	if w, ok := a.how.(*owner); ok {
		return model.Priority(w.prerouting), model.Priority(w.output)
	}
	return rawPriority, rawPriority
}

// Held counts the packets that matched: those traced, and those that the limit held
// back. A packet on loopback counts at output and again at prerouting. After the end
// it gives the last count. It is ErrTaken from when something is missing of what traces. Where
// another program has the lock of iptables it waits for countWait at most, and gives an error; the
// end of the trace does not wait for it.
func (a *Armed) Held(ctx context.Context) (traced, held uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	a.kernel.Lock()
	defer a.kernel.Unlock()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	a.mu.Lock()
	ended := a.ended
	a.hush = stop
	a.mu.Unlock()
	if !ended {
		err = a.count(ctx)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.traced, a.held, cmp.Or(a.taken, err)
}

// State tells what is armed, with the counts of the last call of Held.
func (a *Armed) State() snapshot.Trace {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, raw := a.how.(*raw)
	return snapshot.Trace{Armed: a.there(), NoNFT: raw && r.asleep, Filter: a.opts.Filter.String(), Both: a.opts.Both, Table: a.table, Until: a.until, Rate: a.opts.Rate, Held: a.held,
		Method: a.says, Notes: slices.Clone(a.notes)}
}
