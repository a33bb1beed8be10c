package journey

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
)

// seatOf is the nth seat of a hook, of the last ones where n is negative.
func seatOf(rs *model.Ruleset, h model.Hook, n int) Seat {
	l := slices.DeleteFunc(Seats(rs, armingPriority, armingPriority), func(s Seat) bool { return s.Hook != h })
	if n < 0 {
		n += len(l)
	}
	return l[n]
}

// TestCourses: what is seen of packets between the chains makes one journey for each packet and
// namespace, from the first sight to the last, whoever else has its sk_buff, its headers or its
// number before and after. A copy of the fold goes on by itself.
func TestCourses(t *testing.T) {
	t.Parallel()
	p := udp("10.2.0.2", 5)
	other, changed := *p, *p
	other.IPID++
	changed.Length++
	rules := rulesOf(nftTable("fw", chainOf("pre", model.HookPrerouting, 0, "accept"), chainOf("in", model.HookInput, 0, "accept"),
		chainOf("fwd", model.HookForward, 0, "accept"), chainOf("post", model.HookPostrouting, 0, "accept")))
	const pre, in, fwd, out, post = model.HookPrerouting, model.HookInput, model.HookForward, model.HookOutput, model.HookPostrouting
	type sees struct {
		number uint64
		netns  string
		hooks  []model.Hook
		with   func(*Sight)
	}
	came := func(n uint64, hooks ...model.Hook) sees {
		return sees{n, "", hooks, func(s *Sight) { s.New = s.First }}
	}
	again := func(n uint64, netns string, hooks ...model.Hook) sees { return sees{n, netns, hooks, nil} }
	// Recordings of before have no numbers.
	nameless := func(q *model.Packet, hooks ...model.Hook) sees {
		return sees{0, "", hooks, func(s *Sight) { s.Packet = *q }}
	}
	half := func(n uint64, at int, h model.Hook) sees {
		return sees{n, "", []model.Hook{h}, func(s *Sight) { s.Seat = seatOf(rules.Ruleset(), h, at); s.New = s.First }}
	}
	behind := func(o sees) sees { // what the bound held back where it came
		with := o.with
		o.with = func(s *Sight) { with(s); s.First, s.New = false, false }
		return o
	}
	lost := func(o sees) sees {
		return sees{o.number, o.netns, o.hooks, func(s *Sight) { s.Lost = 1 }}
	}
	type missing uint64 // so many, and nothing comes behind them
	type gap uint64     // of anything but sights
	type clone struct{}
	type tick struct{}
	const sent, delivered, unknown = "post sent out of r1", "in delivered to this host", "last seen in the prerouting hook"
	for _, c := range []struct {
		name  string
		parts []any
		want  []string
	}{
		{"sent on", []any{came(1, pre, fwd, post)}, []string{"pre fwd " + sent}},
		{"delivered", []any{came(1, pre, in)}, []string{"pre " + delivered}},
		{"lost before a chain of input", []any{came(1, pre), half(1, 0, in)}, []string{"pre last seen in the input hook before inet fw/in"}},
		{"lost behind a chain of forward", []any{came(1, pre, fwd)}, []string{"pre fwd last seen in the forward hook"}},
		{"its beginning was not seen", []any{behind(came(1, fwd, post))}, nil},
		{"chosen behind where it came", []any{sees{1, "", []model.Hook{fwd}, func(s *Sight) { s.New = s.Priority < 0 }}, again(1, "", post)}, []string{"fwd " + sent}},
		{"a program that reads the queue made it longer", []any{came(1, pre), sees{1, "", []model.Hook{fwd}, func(s *Sight) { s.Packet = changed }}}, []string{"pre " + unknown}},
		{"some were lost", []any{came(1, pre), lost(again(1, "", fwd)), again(1, "", post)}, []string{"pre " + unknown + "; events were lost"}},
		{"some were lost when it had left", []any{came(1, pre, in), lost(again(1, "", fwd))}, []string{"pre " + delivered + ", 1 events were lost while it was under way"}},
		{"some were lost when it was filed", []any{came(1, pre, in), tick{}, lost(again(1, "", fwd))}, []string{"pre " + delivered}},
		{"some were lost, and nothing came since", []any{came(1, pre, fwd), missing(2)}, []string{"pre fwd last seen in the forward hook; events were lost"}},
		{"other things were left out of a recording", []any{came(1, pre, fwd), gap(2), again(1, "", post)}, []string{"pre fwd " + sent}},
		{"some were lost before it came", []any{missing(2), came(1, pre, in)}, []string{"pre " + delivered}},
		{"into another namespace and back", []any{came(1, pre, fwd, post), came(2, pre), again(1, "b", pre), again(1, "", pre, in)},
			[]string{"pre fwd " + sent, "pre " + unknown, "in b " + unknown + "; it came as #1", "pre " + delivered + "; it came as #3"}},
		{"another trace counts from one again", []any{came(1, pre, fwd, post), came(1, pre, in)}, []string{"pre fwd " + sent, "pre " + delivered}},
		{"another trace, long after", []any{came(1, pre), 6 * time.Second, came(1, pre), 6 * time.Second, came(2, pre, in), again(1, "", in)},
			[]string{"pre " + unknown, "pre " + delivered, "pre " + delivered}},
		{"filed, and another comes long after", []any{came(1, pre, in), tick{}, 12 * time.Second, came(2, pre, in)}, []string{"pre " + delivered, "pre " + delivered}},
		{"two without numbers", []any{nameless(p, pre), sees{0, "", []model.Hook{pre}, func(s *Sight) { s.Skb = 99 }}, nameless(p, in)}, []string{"pre " + delivered, "pre " + unknown}},
		{"its sk_buff is another's that is sent", []any{nameless(p, pre), nameless(p, out)}, []string{"pre " + unknown, "last seen in the output hook"}},
		{"its sk_buff is another's that was held back", []any{nameless(p, pre), behind(nameless(&other, fwd))}, []string{"pre " + unknown}},
		{"its sk_buff is one's like it", []any{nameless(p, pre), behind(nameless(&other, fwd)), behind(nameless(p, fwd, post))}, []string{"pre " + unknown}},
		{"its sk_buff is one's like it, and a copy was made", []any{nameless(p, pre), behind(nameless(&other, fwd)), clone{}, behind(nameless(p, fwd, post))}, []string{"pre " + unknown}},
		{"its sk_buff is one's like it that came late", []any{nameless(p, pre, fwd), behind(nameless(p, pre, in))}, []string{"pre fwd last seen in the forward hook"}},
		{"a copy goes on by itself", []any{came(1, pre), half(1, 0, fwd), came(2, pre), half(2, 0, fwd), half(2, 1, fwd), clone{}, half(1, 1, fwd), came(1, post)}, []string{"pre fwd " + sent, "pre fwd last seen in the forward hook"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			now := began
			f := NewFold(Options{})
			f.SetFollowing(true)
			f.SetRules(rules, time.Time{})
			f.SetBeside("b", rulesOf().Ruleset())
			folds := []*Fold{f}
			var want uint64 // are lost
			for _, x := range c.parts {
				switch x := x.(type) {
				case time.Duration:
					now = now.Add(x)
				case missing:
					want += uint64(x)
					for _, f := range folds {
						f.Sight(&Sight{Time: now, Lost: uint64(x)})
					}
				case gap:
					want += uint64(x)
					for _, f := range folds {
						f.Event(&Event{Source: SourceGap, Lost: uint64(x)})
					}
				case tick:
					f.Tick(now.Add(time.Second))
				case clone:
					folds = append(folds, f.Clone())
				case sees:
					for _, h := range x.hooks {
						for _, seat := range Seats(rules.Ruleset(), armingPriority, armingPriority) {
							s := Sight{Seat: seat, Time: now, Netns: x.netns, Skb: 7, Follow: x.number, Packet: *p, In: "r0", Out: "r1"}
							if x.with != nil {
								x.with(&s)
							}
							if seat.Hook == h && s.Hook == h && s.Priority == seat.Priority {
								want += s.Lost
								for _, f := range folds {
									one := s
									f.Sight(&one)
								}
							}
						}
					}
				}
			}
			for _, f := range folds {
				f.Flush()
				if lost, gaps := f.Lost(); lost != want || gaps != 0 {
					t.Errorf("lost %d in %d gaps, want %d", lost, gaps, want)
				}
				var got []string
				for _, j := range f.Journeys() {
					l := []string{}
					for i := range j.Steps {
						l = append(l, j.Steps[i].Base)
					}
					if j.Netns != "" {
						l = append(l, "in "+j.Netns)
					}
					before, _, _ := strings.Cut(j.Outcome.Sentence, ": which rules")
					_, came, ok := strings.Cut(j.Outcome.Sentence, "; it came as")
					if before = strings.TrimSuffix(before, " (nftables)"); ok && !strings.Contains(before, "; it came as") {
						before += "; it came as" + came
					}
					if j.Complete != (j.Outcome.Verdict == Accepted && j.Why == "") || j.Complete != (j.Why == "") {
						t.Errorf("complete %v, %q: %s", j.Complete, j.Why, j.Outcome.Sentence)
					}
					if j.Outcome.Verdict == Accepted && j.Why != "" {
						before += ", " + j.Why
					}
					got = append(got, strings.Join(append(l, before), " "))
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("journeys\n%q, want\n%q", got, c.want)
				}
			}
		})
	}
}

// TestCoursesOfCopies: what one copy of the fold sees of a packet the other does not.
func TestCoursesOfCopies(t *testing.T) {
	t.Parallel()
	rules := rulesOf(nftTable("fw", chainOf("fwd", model.HookForward, 0, "accept"), chainOf("post", model.HookPostrouting, 0, "accept")))
	f := NewFold(Options{})
	f.SetFollowing(true)
	f.SetRules(rules, time.Time{})
	see := func(f *Fold, h model.Hook, n int) {
		s := seatOf(rules.Ruleset(), h, n)
		f.Sight(&Sight{Seat: s, Time: began, Skb: 1, Follow: 1, New: s.First, Packet: *udp("10.2.0.2", 5), In: "r0", Out: "r1"})
	}
	var copies []*Fold
	for n := range 2 { // there is room for one more, or there is none
		see(f, model.HookPrerouting, n)
		copies = append(copies, f.Clone())
	}
	see(f, model.HookPrerouting, 2)
	copies = append(copies, f.Clone())
	see(f, model.HookForward, 0)
	for _, c := range copies {
		see(c, model.HookPostrouting, 0)
		see(c, model.HookPostrouting, 1)
	}
	see(f, model.HookForward, 1)
	for i, f := range append(copies, f) {
		f.Flush()
		j := f.Journeys()[0]
		if met, left := len(j.Steps) == 1 && j.Steps[0].Base == "fwd", j.Outcome.Verdict == Accepted; len(j.Steps) != 1 || met == (i < len(copies)) || left == met {
			t.Errorf("copy %d: %d steps: %s", i, len(j.Steps), j.Outcome.Sentence)
		}
	}
}

// TestCoursesBound: of a packet that meets more chains than are kept the first sight and the last
// are, and what is kept of those before is a journey when it goes.
func TestCoursesBound(t *testing.T) {
	t.Parallel()
	var chains []*model.Chain
	for i := range 2 * maxSights {
		chains = append(chains, chainOf(fmt.Sprint("c", i), model.HookInput, model.Priority(2*i), "accept"))
	}
	rules := rulesOf(nftTable("fw", chains...))
	f := NewFold(Options{Keep: 2 * maxCourses})
	f.SetFollowing(true)
	f.SetRules(rules, time.Time{})
	p := udp("10.2.0.2", 5)
	sights := 0
	for _, s := range Seats(rules.Ruleset(), armingPriority, armingPriority) {
		if s.Hook == model.HookPrerouting || s.Hook == model.HookInput {
			sights++
			f.Sight(&Sight{Seat: s, Time: began.Add(time.Duration(sights)), Skb: 1, Follow: 1, New: s.First, Packet: *p, In: "r0"})
		}
	}
	if n := len(f.sights.line[0].all); n != maxSights || sights <= n {
		t.Errorf("%d of %d sights are kept", n, sights)
	}
	first := seatOf(rules.Ruleset(), model.HookPrerouting, 0)
	come := func(n uint64, at time.Time) {
		f.Sight(&Sight{Seat: first, Time: at, Skb: n, Follow: n, New: true, Packet: *p, In: "r0"})
	}
	for n := range uint64(maxCourses + 1) {
		come(n+2, began)
	}
	if n, by := len(f.sights.line), len(f.sights.by); n != maxCourses || by != n {
		t.Errorf("%d packets are kept, %d by their numbers, want %d", n, by, maxCourses)
	}
	come(maxCourses+9, began.Add(waiting+time.Second))
	if n, by := len(f.sights.line), len(f.sights.by); n != 1 || by != 1 {
		t.Errorf("%d packets are kept long after, %d by their numbers", n, by)
	}
	f.Flush()
	l := f.Journeys()
	if j := l[0]; len(l) != maxCourses+3 || !j.Start.Equal(began.Add(1)) || j.Outcome.Verdict != Accepted {
		t.Errorf("%d journeys, the first from %v: %s", len(l), j.Start, j.Outcome.Sentence)
	}
}
