package main

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/model/snapshot"
	"nfscope/model/why"
	"nfscope/trace/drops"
	"nfscope/trace/knock"
	"nfscope/trace/live"
	"nfscope/trace/netns"
	"nfscope/trace/sockdiag"
)

const (
	// whyMoment is how long a certain answer must stand: the other direction's packets and
	// the kernel's own words come a little later.
	whyMoment = 400 * time.Millisecond
	// whyAgain is the same where only some packets are lost: what TCP sends again comes 200 ms
	// to a second later, and may come through.
	whyAgain = 1500 * time.Millisecond
	// whyPace is how often it is judged anew.
	whyPace = 50 * time.Millisecond
	// whyReady is how long what was traced may take to be told: a machine may have no processor
	// to spare.
	whyReady = 10 * time.Second
	// whySocket is how long a socket's answer is taken for that of now.
	whySocket = time.Second
	// whyHop is the same of a neighbour: more than one look before an answer stands.
	whyHop = whyMoment / 3
	// whyAfter is how long is waited after a probe that got no answer.
	whyAfter = 1500 * time.Millisecond
)

// whyTap is what a search for a flow is told of a session that may do other things
// besides: drops one by one, and snapshots.
type whyTap struct {
	mu    sync.Mutex
	look  *why.Look // nil while nothing is looked for
	last  *snapshot.Snapshot
	fresh chan struct{}
}

func newWhyTap() *whyTap {
	return &whyTap{fresh: make(chan struct{}, 1)}
}

// item takes what a source says, before the collector does.
func (t *whyTap) item(it *feed.Item) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if it.Drop != nil && t.look != nil {
		t.look.Drop(it.Drop)
	}
}

// snapshot takes the newest picture.
func (t *whyTap) snapshot(s *snapshot.Snapshot) {
	t.mu.Lock()
	t.last = s
	if t.look != nil {
		t.look.Snapshot(s)
	}
	t.mu.Unlock()
	select {
	case t.fresh <- struct{}{}:
	default:
	}
}

// attach has a Look told from now on; nil for none.
func (t *whyTap) attach(l *why.Look) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.look = l; l != nil && t.last != nil {
		l.Snapshot(t.last)
	}
}

// armer is a session, as far as a search needs it.
type armer interface {
	// Arm returns when packets are traced and drops are watched, as far as they will be.
	Arm(context.Context, live.Trace) error
	Disarm() error
	Done() <-chan struct{}
}

// whyRun is one search.
type whyRun struct {
	session armer
	ns      *netns.Handle
	tap     *whyTap
	look    *why.Look
	filter  *filter.Filter
	span    time.Duration
	door    *knock.Door // nil where nothing is sent
	method  string
	// ready is called when everything is armed; nil for nobody.
	ready func()
	// found is the socket of a request, as it was when it was asked for; none is true where none
	// was there.
	found  *why.Socket
	none   bool
	called why.Call
	asked  time.Time
	// next is the neighbour of a way out, as it was when it was looked up.
	next   *drop.Neighbour
	left   why.Hop
	looked time.Time
}

// run looks until the answer is certain, the time is over or ctx ends, and ends the trace.
// tell is given each answer that says something else than the one before.
func (w *whyRun) run(ctx context.Context, tell func(*why.Answer)) error {
	w.tap.attach(w.look)
	err := w.session.Arm(ctx, live.Trace{Filter: w.filter, For: w.span + 2*time.Second, Both: true, Method: w.method})
	switch {
	case err != nil && ctx.Err() != nil && interruptedAlone(err): // while it waited for drops to be watched: nothing was looked for
		return nil
	case err != nil:
		return err
	}
	begin := time.Now()
	w.look.Begin(begin)
	if w.ready != nil {
		w.ready()
	}
	ctx, stop := context.WithDeadline(ctx, begin.Add(w.span))
	defer stop()
	knocked := w.knock(ctx)
	tick := time.NewTicker(whyPace)
	defer tick.Stop()
	over := w.session.Done()
	fresh, settled := true, false
	var last *why.Answer
	var since time.Time // when it became what it is
	for {
		select {
		case <-ctx.Done():
			return w.end()
		case <-over:
			return w.end()
		case <-knocked:
			knocked = nil
			time.AfterFunc(whyAfter, stop)
		case <-w.tap.fresh:
			fresh = true
		case <-tick.C:
			if !fresh && !settled {
				continue
			}
			fresh = false
			a := w.answer(w.look.Seen(time.Now(), false))
			if last == nil || a.Kind != last.Kind || a.Side != last.Side || a.Confidence != last.Confidence {
				since = time.Now()
			}
			if last == nil || a.Sentence != last.Sentence {
				tell(a)
			}
			moment := whyMoment
			if a.Mixed() {
				moment = whyAgain
			}
			if last, settled = a, a.Settled(); settled && time.Since(since) >= moment {
				return w.end()
			}
		}
	}
}

// interruptedAlone reports whether an error says nothing but that its context is over: beside that
// it may say that what was armed could not be taken back.
func interruptedAlone(err error) bool {
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(e.Unwrap(), func(err error) bool { return !interruptedAlone(err) })
	case interface{ Unwrap() error }:
		return interruptedAlone(e.Unwrap())
	}
	return err == context.Canceled || err == context.DeadlineExceeded
}

// end ends the trace.
func (w *whyRun) end() error {
	w.look.End(time.Now())
	return w.session.Disarm()
}

// knock sends the probe, and closes the channel when that is done.
func (w *whyRun) knock(ctx context.Context) <-chan struct{} {
	if w.door == nil {
		return nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p := why.Probe{What: w.door.String()}
		w.look.Probe(p)
		back, err := knock.Knock(ctx, w.ns, *w.door)
		switch p.Result, p.Refused, p.Unsent = back.Words, back.Refused, back.Unsent; {
		case ctx.Err() != nil:
			p.Result = "nothing came back before the looking ended"
		case err != nil:
			p.Result = "it could not be sent: " + err.Error()
		}
		w.look.Probe(p)
	}()
	return done
}

// last is the answer when no more is waited for.
func (w *whyRun) last() (*why.Answer, *why.Seen) {
	s := w.look.Seen(time.Now(), true)
	a := w.answer(s)
	switch {
	case a.Kind == why.Nothing:
		s.Simulated = w.look.Simulation()
		s.Bridge, s.XDP = w.bridge(), drops.XDP(w.ns)
		a = w.answer(s)
	case a.Untraced != nil:
		list := w.look.Suspects(a.Untraced)
		s.Suspects, s.Untraced = &list, a.Untraced
		a = w.answer(s)
	}
	return a, s
}

// bridge is one that may pass on packets of the filter which no hook of IP sees.
func (w *whyRun) bridge() string {
	list, err := w.filter.Conjuncts(math.MaxInt)
	v4, v6 := err != nil, err != nil
	for _, c := range list {
		switch i := slices.IndexFunc(c.Conds, func(k filter.Cond) bool { return k.Field == filter.FieldFamily }); {
		case i < 0:
			v4, v6 = true, true
		case c.Conds[i].Family == model.FamilyIPv4:
			v4 = true
		default:
			v6 = true
		}
	}
	return drops.Hidden(w.ns, v4, v6)
}

// answer judges, and asks for the socket or for the next hop where that says more.
func (w *whyRun) answer(s *why.Seen) *why.Answer {
	a := why.Judge(s)
	switch {
	case a.Asks != nil && a.Asks.Proto.ICMP():
		s.NoEcho = drops.NoEcho(w.ns, a.Asks.To.Addr())
	case a.Asks != nil:
		s.Socket, s.NoSocket = w.socket(*a.Asks, s.Over)
	case a.Hop != nil && (s.Over || a.Kind == why.Works || a.Kind == why.Stalled): // that a request's takes its time is no news
		s.Hop, s.HopOf = w.hop(*a.Hop, s.Over), *a.Hop
	}
	if s.Socket == nil && !s.NoSocket && s.Hop == nil && s.NoEcho == "" {
		return a
	}
	return why.Judge(s)
}

// hop is a next hop, as it is now or was a moment ago: it has come into the kernel's table before
// the packet was seen to leave.
func (w *whyRun) hop(h why.Hop, now bool) *drop.Neighbour {
	if now || h != w.left || time.Since(w.looked) >= whyHop {
		w.left, w.looked, w.next = h, time.Now(), drops.NextHop(w.ns, h.To, h.Out)
	}
	return w.next
}

// socket is the one that a request is for, as it is now or was a moment ago: a host may have
// very many.
func (w *whyRun) socket(c why.Call, now bool) (found *why.Socket, none bool) {
	if now || c != w.called || time.Since(w.asked) >= whySocket {
		w.called, w.asked = c, time.Now()
		w.found, w.none = socketOf(w.ns, c)
	}
	return w.found, w.none
}

// whyAsked looks for a flow in a session that goes on, as the UI asks for it.
func (a *app) whyAsked(ctx context.Context, s *live.Session, ns *netns.Handle, tap *whyTap, text string, tell func(*why.Answer)) (*why.Answer, error) {
	f, err := filter.Parse(text)
	if err != nil {
		return nil, err
	}
	w := &whyRun{session: s, ns: ns, tap: tap, look: why.NewLook(f, a.netns), filter: f, span: whySpan}
	defer tap.attach(nil)
	if err := w.run(ctx, tell); err != nil || ctx.Err() != nil {
		return nil, err
	}
	snap := tap.disarmed(ctx)
	ans, _ := w.last()
	a.nearMisses(ns, ans, snap, whyFlags{})
	return ans, nil
}

// disarmed waits for a snapshot that knows all of the trace that is over.
func (t *whyTap) disarmed(ctx context.Context) *snapshot.Snapshot {
	ctx, stop := context.WithTimeout(ctx, whyReady)
	defer stop()
	for {
		t.mu.Lock()
		s := t.last
		t.mu.Unlock()
		if s != nil && !s.Trace.Armed {
			return s
		}
		select {
		case <-t.fresh:
		case <-ctx.Done():
			return s
		}
	}
}

// socketOf finds the socket that a request is for; nil where none is known, and none where the
// kernel was asked and has none.
func socketOf(ns *netns.Handle, c why.Call) (found *why.Socket, none bool) {
	family := model.FamilyIPv4
	if c.To.Addr().Is6() {
		family = model.FamilyIPv6
	}
	var list []sockdiag.Socket
	for _, f := range sockdiag.Families(family) {
		more, err := sockdiag.Waiting(ns, f, c.Proto)
		if err != nil {
			return nil, false
		}
		list = append(list, more...)
	}
	s, ok := sockdiag.For(list, c.From, c.To, sockdiag.Devices(ns, c.In)...)
	if !ok {
		return nil, true
	}
	return &why.Socket{Proto: c.Proto, At: fmt.Sprintf("%s %s", c.Proto, netip.AddrPortFrom(s.At.Addr().Unmap(), s.At.Port())), Waiting: s.Waiting, Most: s.Most}, false
}
