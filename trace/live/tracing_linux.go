package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/model/ruleset"
	"nfscope/model/snapshot"
	"nfscope/trace/arm"
	"nfscope/trace/between"
	"nfscope/trace/guard"
	"nfscope/trace/nflog"
	"nfscope/trace/nftrace"
)

// armed is what is at work in the kernel.
type armed interface {
	Begins() (prerouting, output model.Priority)
	Held(ctx context.Context) (traced, held uint64, err error)
	State() snapshot.Trace
	Done() <-chan struct{}
	Close() error
}

// tracing is one armed trace with its readers.
type tracing struct {
	armed armed
	log   *arm.Log // nil where the legacy tracer is not used
	nft   *nftrace.Reader
	nflog *nflog.Reader
	seats atomic.Pointer[between.Reader] // nil where the kernel refuses it
	notes []string
	held  uint64 // packets that matched and were over the rate
	taken error  // what traces was taken away
	told  []string
	lost  []lossy

	stop    context.CancelFunc
	readers sync.WaitGroup
	// over is closed when everything is undone.
	over chan struct{}
	err  error
}

// Arm starts a trace; one that is armed ends first. It returns when the kernel
// traces. Done tells when the trace is over.
func (s *Session) Arm(ctx context.Context, t Trace) error {
	if err := s.Disarm(); err != nil {
		return err
	}
	if err := s.guard.Err(); err != nil {
		return fmt.Errorf("%w: start nfscope anew to trace", err)
	}
	tr := &tracing{over: make(chan struct{})}
	tr.notes = s.sweep()
	rctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	tr.stop = stop
	if err := s.start(ctx, rctx, tr, t); err != nil {
		tr.end()
		return err
	}
	s.mu.Lock()
	s.armed = tr
	s.mu.Unlock()
	st := tr.armed.State()
	s.log.Info("trace armed", "filter", st.Filter, "method", st.Method, "rate", st.Rate, "until", st.Until)
	s.tell(tr, true)
	s.done.Add(1)
	go s.mind(tr)
	return nil
}

// sweep puts back what a killed nfscope left in the namespace: it must not pass for
// the state that is to come back when this trace is over.
func (s *Session) sweep() []string {
	did, err := guard.SweepIn(s.ns)
	if err != nil {
		s.put(feed.Item{Problem: "what a killed nfscope left here is not all put back: " + err.Error()})
	}
	for _, d := range did {
		s.log.Info("swept", "did", d)
	}
	return did
}

// begun waits until the kernel tells of what it drops, where that is watched: else the first
// packet that is traced may pass for delivered though it was dropped before anybody looked.
// Where that takes too long the trace goes on, and notes it.
func (s *Session) begun(ctx context.Context, tr *tracing) error {
	s.mu.Lock()
	falls := s.falls
	s.mu.Unlock()
	if falls == nil {
		return nil
	}
	late := time.NewTimer(s.watched)
	defer late.Stop()
	select {
	case <-falls:
		return nil
	case <-late.C:
		tr.notes = append(tr.notes, fmt.Sprintf("after %v the kernel does not yet tell of what it drops: until it does, a packet that it dropped may pass for delivered or sent", s.watched))
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the trace waited for what the kernel tells of drops: %w", ctx.Err())
	}
}

// start opens the readers before it arms, so that no packet is traced unheard.
func (s *Session) start(ctx, rctx context.Context, tr *tracing, t Trace) error {
	if err := s.begun(ctx, tr); err != nil {
		return err
	}
	if t.Programs {
		return s.accompany(ctx, rctx, tr, t)
	}
	o := arm.Options{Filter: t.Filter, Both: t.Both, Rate: t.Rate, For: t.For, Most: t.Most, Method: t.Method, Guard: s.guard}
	if t.Both {
		now, err := s.inForce(ctx)
		if err != nil {
			tr.notes = append(tr.notes, "the rules in force could not be read, so connections are not looked at: packets that come back are known by their addresses and ports: "+err.Error())
		}
		o.Tracked4, o.Tracked6 = ruleset.Tracks(now)
	}
	s.mu.Lock()
	legacy := s.legacy || t.Method == arm.MethodRaw
	o.States = t.Misses && miss.StateUntold(s.latest)
	tr.notes = append(tr.notes, others(s.latest)...)
	s.mu.Unlock()
	var err error
	if tr.nft, err = nftrace.Open(s.ns, nftrace.Options{}); err != nil {
		if !legacy {
			return err
		}
		tr.notes = append(tr.notes, "nf_tables is not traced: "+err.Error())
	} else {
		s.listen(rctx, tr, "nf_tables trace", tr.nft, func() (uint64, string, error) {
			st := tr.nft.Stats()
			return st.Lost, st.Note, st.First
		})
	}
	if legacy {
		if err := s.startLegacy(rctx, tr); err != nil {
			if tr.nft == nil {
				return err
			}
			note := "legacy tables are not traced: " + err.Error()
			if errors.Is(err, nflog.ErrTaken) && arm.Logging(s.ns) {
				note += "; until then it gets a line for each rule of theirs that a traced packet meets, since net.netfilter.nf_log is nfnetlink_log"
			}
			tr.notes = append(tr.notes, note)
		}
	}
	if t.Between || legacy && tr.log == nil {
		s.tap(tr)
	}
	a, err := arm.Arm(ctx, s.ns, o)
	if err != nil {
		return err
	}
	tr.armed = a
	if tr.armed.State().Method == snapshot.MethodRaw {
		// The raw method has changed the rules, and what is traced is named by their numbers.
		_, _ = s.inForce(ctx) // what cannot be read Watch tells of
	}
	if tr.seats.Load() != nil {
		s.sit(rctx, tr)
	}
	return nil
}

// mostTracers is how many rules others names.
const mostTracers = 3

// others notes the rules of the user that trace by themselves.
func others(rs *model.Ruleset) []string {
	list := ruleset.Tracers(rs, arm.Prefix)
	if len(list) == 0 {
		return nil
	}
	var names []string
	for _, o := range list[:min(len(list), mostTracers)] {
		names = append(names, fmt.Sprintf("rule %d of %s: %s", o.Rule.Index, journey.Where(o.Table.Backend, o.Table.Family, o.Table.Name, o.Chain.Name), o.Rule.Text))
	}
	if n := len(list) - mostTracers; n > 0 {
		names = append(names, fmt.Sprintf("and %d more", n))
	}
	return []string{"rules that are not nfscope's trace too, and are left as they are (what they trace is shown where the filter asks for it): " + strings.Join(names, "; ")}
}

// unseen notes why packets are not seen between the chains. The trace goes on without.
func (tr *tracing) unseen(err error) {
	tr.notes = append(tr.notes, "packets are not seen between the chains: "+err.Error())
}

// tap has the tracers' messages known by their packets, from the first of the trace on. Where
// the kernel refuses the programs (before 6.4, without CAP_BPF, locked down) there are none.
func (s *Session) tap(tr *tracing) {
	seats, err := between.Open(between.Options{})
	if err != nil {
		tr.unseen(err)
		return
	}
	if tr.nflog != nil && tr.nft != nil {
		if err := seats.Tap(tr.nflog, tr.nft); err != nil {
			tr.notes = append(tr.notes, "which packet a legacy table's event is of is told by headers and order: "+err.Error())
		}
	}
	tr.seats.Store(seats)
}

// sit has traced packets seen between the chains.
func (s *Session) sit(ctx context.Context, tr *tracing) {
	s.mu.Lock()
	rs := s.latest
	s.mu.Unlock()
	seats := tr.seats.Load()
	prerouting, output := tr.armed.Begins()
	if err := seats.Sit(s.ns, "", journey.Seats(rs, prerouting, output)); err != nil {
		tr.unseen(err)
		return
	}
	s.watchSeats(ctx, tr, seats)
}

// watchSeats tells of sights until ctx is done.
func (s *Session) watchSeats(ctx context.Context, tr *tracing, seats *between.Reader) {
	done := s.attend(seats)
	tr.readers.Add(1)
	go func() {
		defer tr.readers.Done()
		defer done()
		if err := seats.Run(ctx, s.put); err != nil && ctx.Err() == nil {
			s.put(feed.Item{Problem: fmt.Sprintf("packets are not seen between the chains any more: %v", err)})
		}
	}()
}

// startLegacy takes NFLOG's group first: only who has it may set the sysctls.
func (s *Session) startLegacy(ctx context.Context, tr *tracing) (err error) {
	if tr.nflog, err = nflog.Open(s.ns, nflog.TraceGroup, nflog.Options{StampLate: true}); err != nil {
		return err
	}
	s.listen(ctx, tr, "legacy trace", tr.nflog, func() (uint64, string, error) {
		st := tr.nflog.Stats()
		return st.Lost, st.Note, st.First
	})
	tr.log, err = arm.EnableLog(s.ns, s.guard)
	return err
}

// ear is a tracer's reader.
type ear interface {
	Run(ctx context.Context, emit func([]journey.Event)) error
	hearer
}

// hearer is a source that tells of packets.
type hearer interface {
	// Heard is the time before which the kernel sent nothing that was not handed over.
	Heard() time.Time
}

// attend has Heard ask a source until the function that it gives is called.
func (s *Session) attend(h hearer) (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ears[h] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.ears, h)
	}
}

// lossy is a tracer's reader, by what it is called, and how to ask for the events that it lost,
// for what would help, and for the first message that it could not read.
type lossy struct {
	name string
	ask  func() (lost uint64, note string, malformed error)
}

// listen runs a reader until ctx is done. ask is as of lossy.
func (s *Session) listen(ctx context.Context, tr *tracing, name string, e ear, ask func() (uint64, string, error)) {
	tr.lost = append(tr.lost, lossy{name, ask})
	done := s.attend(e)
	tr.readers.Add(1)
	go func() {
		defer tr.readers.Done()
		err := e.Run(ctx, func(l []journey.Event) {
			tr.name(e, l)
			s.put(feed.Item{Time: l[0].Time, Events: l})
		})
		done()
		if err != nil && ctx.Err() == nil && !errors.Is(err, os.ErrClosed) {
			s.put(feed.Item{Problem: fmt.Sprintf("the %s ended early: %v", name, err)})
		}
	}()
}

// name fills in which packets events are of, as far as that is known. What has no name is
// known by its headers.
func (tr *tracing) name(e ear, l []journey.Event) {
	seats := tr.seats.Load()
	if seats == nil {
		return
	}
	gap := func(e journey.Event) bool { return e.Source == journey.SourceGap }
	if e == ear(tr.nft) && slices.ContainsFunc(l, gap) {
		seats.Missed()
	}
	_ = seats.Name(l)
}

// Heard is the time before which the kernel told of no step of a packet, of its drop or of
// where it was between the chains that was not put: now, unless some of it waits in a
// tracer's socket or buffer or is being read.
func (s *Session) Heard() time.Time {
	at := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range s.ears {
		if t := e.Heard(); t.Before(at) {
			at = t
		}
	}
	return at
}
