package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/model/store"
	"nfscope/trace/arm"
	"nfscope/trace/collect"
	"nfscope/trace/live"
	"nfscope/trace/netns"
	"nfscope/trace/sets"
)

type traceFlags struct {
	span        time.Duration
	count, rate int
	json, both  bool
	between     bool
	programs    bool
	through     []string
	misses      bool
	file        string
	redact      bool
	method      string
}

func (a *app) traceCommand() *cobra.Command {
	var o traceFlags
	c := &cobra.Command{
		Use: "trace FILTER", Short: "Trace packets and print which rule each one hit",
		Long: "Arm a trace for the packets that FILTER matches, and print each packet's way through\n" +
			"every table of every backend, with the rule that decided. The trace ends by itself.",
		Example: "  nfscope trace tcp and dst port 80\n  nfscope trace --for 10s --json host 10.2.0.2 and not port 22\n" +
			"  nfscope trace --both tcp and dst host 10.2.0.2 and dst port 80",
		RunE: func(_ *cobra.Command, args []string) error {
			if strings.TrimSpace(strings.Join(args, " ")) == "" {
				return usagef("trace: a FILTER is missing, such as `tcp and dst port 80`; `ip or ip6` is everything")
			}
			f, err := a.parseFilter(args, filter.Journeys)
			if err != nil {
				return err
			}
			switch {
			case o.span <= 0 || o.span > time.Hour:
				return usagef("--for %v: expected a time between 1ms and 1h", o.span)
			case o.rate < 1 || o.rate > 1_000_000:
				return usagef("--rate %d: expected 1 to 1000000 packets a second", o.rate)
			case o.programs && (o.between || o.misses):
				return usagef("--programs: nothing is traced, so leave out --between and --misses")
			case o.programs && o.method != arm.MethodAuto:
				return usagef("--programs: no rule is armed, so leave out --method %s", o.method)
			case len(o.through) > 0 && !o.programs:
				return usagef("--through: it is for --programs, which follows packets into other namespaces")
			case o.redact && o.file == "":
				return usagef("--redact: it is for the recording that -w writes")
			case o.file == stdio && (o.json || o.misses):
				return usagef("-w -: the recording is what is written to stdout, so no packets are printed: leave out --json and --misses")
			case o.count < 0:
				return usagef("--count %d: expected 0 or more", o.count)
			}
			if err := checkMethod(o.method); err != nil {
				return err
			}
			return a.trace(f, o)
		},
	}
	c.Flags().BoolVar(&o.both, "both", false, "trace both directions: what comes back too, also translated, and ICMP errors about it")
	c.Flags().BoolVar(&o.between, "between", false, "see the packets between the chains too, by eBPF programs in the hooks")
	c.Flags().BoolVar(&o.programs, "programs", false, "follow packets by eBPF programs alone, without a rule that traces")
	c.Flags().StringArrayVar(&o.through, "through", nil, "with --programs: follow them into this `NAMESPACE` too (name, process id or path)")
	c.Flags().DurationVar(&o.span, "for", arm.DefaultFor, "end after this time")
	c.Flags().IntVar(&o.count, "count", 0, "end after `N` packets, 0 for no such end")
	c.Flags().IntVar(&o.rate, "rate", arm.DefaultRate, "trace at most `N` packets a second; the kernel holds the rest back")
	c.Flags().BoolVar(&o.json, "json", false, "print nfscope/journey/1 objects, one a line")
	c.Flags().BoolVar(&o.misses, "misses", false, "print the rules that were looked at and did not match, with what failed")
	c.Flags().StringVarP(&o.file, "write", "w", "", "write a recording to `FILE`; - for stdout, and then no packets are printed")
	c.Flags().BoolVar(&o.redact, "redact", false, "with -w: replace addresses and names in the recording, each by always the same other one")
	methodFlag(c, &o.method)
	return c
}

// methodFlag lets a command that traces be told how to arm.
func methodFlag(c *cobra.Command, method *string) {
	c.Flags().StringVar(method, "method", arm.MethodAuto, "arm by `HOW`: auto, owner (a table of nf_tables that the kernel removes with us) or raw (-j TRACE)")
}

// checkMethod refuses a way to arm that there is not.
func checkMethod(method string) error {
	switch method {
	case arm.MethodAuto, arm.MethodOwner, arm.MethodRaw:
		return nil
	}
	return usagef("--method %s: expected auto, owner or raw", method)
}

// fewKept is how many packets are kept to be drawn or printed: each is printed when its
// way is at its end, and goes.
const fewKept = 500

// trace arms, prints and cleans up.
func (a *app) trace(f *filter.Filter, o traceFlags) error {
	ns, err := a.open()
	if err != nil {
		return err
	}
	if err := needAdmin("tracing"); err != nil {
		return err
	}
	a.live = true
	start := time.Now()
	var closed func(*journey.Journey)
	st := store.New(journey.Options{Keep: fewKept, Closed: func(j *journey.Journey) { closed(j) }})
	c := collect.New(st, time.Now)
	put := c.Put
	var rec *recorder
	if o.file != "" {
		if rec, err = a.recordTo(o.file, "trace: "+f.String(), o.redact); err != nil {
			return err
		}
		put = func(it feed.Item) { rec.Put(it); c.Put(it) }
	}
	s, err := a.session(ns, put, o.file != "")
	if err != nil {
		return err
	}
	c.Hear(rec.hearing(s.Heard))
	if rs := a.rulesOf(s, put); rs != nil {
		_, n := rs.Size()
		collectFor(n, tracked(ns)/flowStep, true)
	}
	s.Watch(a.ctx)
	if err := a.arm(s, ns, f, o); err != nil {
		return err
	}
	var left chan struct{} // nobody reads the recording any more
	if rec != nil {        // not before: a trace that cannot be armed leaves the file alone
		rec.begin(c.Put)
		left = rec.left
	}
	over := s.Done()
	a.tellArmed(f, o)
	p, done := a.tracePrinter(ns, o)
	defer done()
	ctx, stop := context.WithCancel(a.ctx)
	defer stop()
	go func() {
		select {
		case <-over:
		case <-left:
		case <-ctx.Done():
		}
		stop()
	}()
	page := closedPage{to: p, full: stop}
	closed = page.add
	said := map[string]bool{}
	c.Run(ctx, func(snap *snapshot.Snapshot) {
		a.say(snap, said)
		p.know(snap)
		page.print()
	})
	if rec != nil {
		rec.ended(a.whyEnded(&page, o))
	}
	if err := s.Close(); page.err == nil {
		page.err = err
	}
	// What came between the last snapshot and the end.
	c.End()
	c.Drain()
	last := st.Snapshot(time.Now())
	p.know(last)
	page.print()
	if err = page.err; err == nil {
		err = a.traceEnd(p, o, last, start, st.Events())
	}
	if err == nil && p.printed == 0 {
		a.hints(f, last)
	}
	return err
}

// rulesOf reads the rules that what is traced is named by; nil where they cannot be read, and
// then that is said.
func (a *app) rulesOf(s *live.Session, put func(feed.Item)) *model.Ruleset {
	rs, err := s.Rules(a.ctx)
	if err != nil {
		put(feed.Item{Time: time.Now(), Problem: "the rules could not be read: " + err.Error()})
		return nil
	}
	return rs
}

// arm has a session trace what is asked for in a namespace.
func (a *app) arm(s *live.Session, ns *netns.Handle, f *filter.Filter, o traceFlags) (err error) {
	t := live.Trace{Filter: f, For: o.span, Rate: o.rate, Method: o.method, Both: o.both, Between: o.between, Programs: o.programs, Misses: o.misses}
	if t.Through, err = a.through(o.through, ns); err != nil {
		return err
	}
	if o.count > 0 {
		// Over loopback a packet is traced twice, and some may be lost on their way to us.
		t.Most = 2*o.count + o.rate
	}
	return lacking(s.Arm(a.ctx, t))
}

// tellArmed tells that packets are traced from now on.
func (a *app) tellArmed(f *filter.Filter, o traceFlags) {
	ways := ""
	if o.both {
		ways = ", both directions,"
	}
	fmt.Fprintf(a.err, "tracing %s%s for %v, at most %s a second\n", f, ways, o.span, plural(uint64(o.rate), "packet"))
	if a.armed != nil {
		a.armed()
	}
}

// tracePrinter prints what a trace of a namespace is asked for, until done is called.
func (a *app) tracePrinter(ns *netns.Handle, o traceFlags) (p *journeyPrinter, done func()) {
	out, done := a.out, func() {}
	if o.file == stdio {
		out = io.Discard
	}
	p = newJourneyPrinter(out, o.json, a.width())
	p.limit = o.count
	if o.misses {
		var in inSet
		if r, err := sets.Open(ns); err == nil {
			done = func() { _ = r.Close() }
			in = sets.NewLookup(r).In
		}
		p.ask(in)
	}
	return p, done
}

// whyEnded is what a recording says of its end.
func (a *app) whyEnded(page *closedPage, o traceFlags) string {
	switch full := o.count > 0 && page.to.printed >= o.count; {
	case a.ctx.Err() != nil:
		return "interrupted"
	case full:
		return plural(uint64(o.count), "packet") + " were traced"
	case page.err == nil:
		return "the trace is over"
	}
	return commandOver // nothing more could be printed
}

// hints says why nothing may have matched a filter.
func (a *app) hints(f *filter.Filter, s *snapshot.Snapshot) {
	for _, h := range filter.Hints(f, s.Rules, s.Flows.Table.All()) {
		fmt.Fprintln(a.err, "nfscope:", h)
	}
}

// through opens the namespaces that packets are followed into, beside ns; they are closed
// with the program.
func (a *app) through(names []string, ns *netns.Handle) (others []*netns.Handle, err error) {
	for _, name := range names {
		other, err := netns.Open(name)
		if err != nil {
			return nil, usage(fmt.Errorf("--through: %w", err))
		}
		a.later(func() { _ = other.Close() })
		if other.Same(ns) {
			return nil, usagef("--through %s: that is the namespace that is looked at; name others", name)
		}
		if i := slices.IndexFunc(others, other.Same); i >= 0 {
			return nil, usagef("--through %s: that namespace is named twice (the first time as %s)", name, names[i])
		}
		others = append(others, other)
	}
	return others, nil
}

// traceEnd prints the closing line: counts and losses.
func (a *app) traceEnd(p *journeyPrinter, o traceFlags, last *snapshot.Snapshot, start time.Time, events uint64) error {
	s := stats{events: events, journeys: uint64(p.printed), lost: last.Loss.Trace + last.Loss.Dropped, gaps: last.Loss.Gaps, start: start}
	if o.json {
		if err := s.print(p.out); err != nil {
			return err
		}
	}
	if err := p.out.Flush(); err != nil {
		return err
	}
	held := ""
	if last.Trace.Held > 0 {
		held = fmt.Sprintf(", %s held back by the limit of %d/s", plural(last.Trace.Held, "packet"), cmp.Or(last.Trace.Rate, o.rate))
	}
	fmt.Fprintf(a.err, "%s in %v, %s, %s%s\n", plural(uint64(p.printed), "packet"), time.Since(start).Round(10*time.Millisecond), plural(events, "event"), s.words(), held)
	return nil
}

// say writes the problems and the notes of the trace to stderr, once each.
func (a *app) say(snap *snapshot.Snapshot, said map[string]bool) {
	for _, list := range [][]string{snap.Problems, snap.Trace.Notes} {
		for _, p := range list {
			if !said[p] {
				said[p] = true
				fmt.Fprintln(a.err, "nfscope:", p)
			}
		}
	}
}

// session opens a live session that ends with the command. With facts it tells what a
// recording should know of the host.
func (a *app) session(ns *netns.Handle, put func(feed.Item), facts bool) (*live.Session, error) {
	g, err := a.startGuard()
	if err != nil {
		return nil, err
	}
	s, err := live.Open(ns, g, live.About{Name: ns.Name(), Source: "live", Facts: facts, Log: a.logger}, put)
	if err != nil {
		return nil, err
	}
	a.later(func() { _ = s.Close() })
	return s, nil
}
