package live

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/trace/arm"
	"nfscope/trace/between"
	"nfscope/trace/netns"
	"nfscope/trace/rules"
)

// following is a trace without rules: programs in the hooks know the filter themselves.
type following struct {
	seats *between.Reader
	state snapshot.Trace
	done  chan struct{}
	once  sync.Once
}

func (f *following) Begins() (prerouting, output model.Priority) { return 0, 0 }
func (f *following) State() snapshot.Trace                       { return f.state }
func (f *following) Done() <-chan struct{}                       { return f.done }

func (f *following) Held(context.Context) (traced, held uint64, err error) { return f.seats.Counts() }

// Close says that it is over; the programs go with their Reader.
func (f *following) Close() error {
	f.once.Do(func() { close(f.done) })
	return nil
}

// bound ends it when its time is over or its Session is, whichever comes first.
func (f *following) bound(ctx context.Context, d time.Duration) {
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
	case <-ctx.Done():
	case <-f.done:
	}
	_ = f.Close()
}

// accompany has packets followed by programs in the hooks of this namespace, and of others.
func (s *Session) accompany(ctx, rctx context.Context, tr *tracing, t Trace) error {
	pre, out, notes, err := arm.Chosen(t.Filter, t.Both)
	if err != nil {
		return err
	}
	if t.Rate == 0 {
		t.Rate = arm.DefaultRate
	}
	if t.For == 0 {
		t.For = arm.DefaultFor
	}
	seats, err := between.Open(between.Options{Rate: t.Rate, Burst: t.Rate, Onward: len(t.Through) > 0, Chosen: &between.Chosen{Prerouting: pre, Output: out}})
	if err != nil {
		return fmt.Errorf("follow packets by programs: %w", err)
	}
	tr.seats.Store(seats)
	rs, err := s.inForce(ctx)
	if err != nil {
		return err
	}
	if err := seats.Sit(s.ns, "", seatsOf(rs)); err != nil {
		return fmt.Errorf("follow packets by programs: %w", err)
	}
	for _, ns := range t.Through {
		rs, err := rulesOf(ctx, ns)
		if err == nil {
			s.put(feed.Item{Beside: &feed.Beside{Netns: ns.Name(), Rules: rs}})
			err = seats.Sit(ns, ns.Name(), seatsOf(rs))
		}
		if err != nil {
			return fmt.Errorf("follow packets into namespace %q: %w", ns.Name(), err)
		}
	}
	tr.notes = append(tr.notes, notes...)
	f := &following{seats: seats, done: make(chan struct{}), state: snapshot.Trace{Armed: true, Filter: t.Filter.String(), Both: t.Both,
		Until: time.Now().Add(t.For), Rate: t.Rate, Method: snapshot.MethodPrograms}}
	go f.bound(ctx, t.For)
	tr.armed = f
	s.put(feed.Item{Trace: &f.state}) // what is seen from now on makes journeys
	s.watchSeats(rctx, tr, seats)
	return nil
}

// rulesOf reads the rules of another namespace.
func rulesOf(ctx context.Context, ns *netns.Handle) (*model.Ruleset, error) {
	r, err := rules.Open(ns)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.Snapshot(ctx)
}

// usual is where packets are seen first where no chain comes before: as where a trace is armed.
const usual = -350

// seatsOf are the seats of a ruleset, from before the first chain on.
func seatsOf(rs *model.Ruleset) []journey.Seat {
	first := map[model.Hook]model.Priority{model.HookPrerouting: usual, model.HookOutput: usual}
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			if at, ok := first[c.Hook]; ok && t.Family != model.FamilyBridge && c.Priority-2 < at && c.Priority > math.MinInt32+4 {
				first[c.Hook] = c.Priority - 2
			}
		}
	}
	return journey.Seats(rs, first[model.HookPrerouting], first[model.HookOutput])
}
