package player

import (
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/journey"
)

const frame = 33 * time.Millisecond

// walk makes a closed journey through n rules; the last one drops where dead is true.
func walk(number, n int, dead bool) *journey.Journey {
	j := &journey.Journey{Number: number, Closed: true, Outcome: journey.Outcome{Verdict: journey.Accepted}}
	for i := range n {
		j.Steps = append(j.Steps, journey.Step{Backend: model.BackendLegacy, Hook: model.HookInput, Family: model.FamilyIPv4,
			Table: "filter", Base: "INPUT", Chain: "INPUT", Kind: journey.KindRule, Rule: i + 1, RuleID: i, Verdict: model.VerdictContinue})
	}
	if dead {
		j.Steps[n-1].Verdict = model.VerdictDrop
		j.Outcome = journey.Outcome{Verdict: journey.Dropped, By: journey.Culprit{Kind: "rule", Rule: n}}
	}
	return j
}

func run(p *Player, d time.Duration) {
	for ; d > 0; d -= frame {
		p.Advance(frame)
	}
}

func TestAPacketWalksAndStops(t *testing.T) {
	p := New()
	if p.Moving() {
		t.Fatal("moving with nothing to move")
	}
	p.Feed([]*journey.Journey{walk(1, 4, true)})
	s := p.Sprites()
	if len(s) != 1 || s[0].Step != 0 || s[0].Enter != 0 || !p.Moving() {
		t.Fatalf("a new packet enters: %+v", s)
	}
	last := 0
	for range 30 {
		p.Advance(frame)
		for _, s := range p.Sprites() {
			if s.Step < last || s.Frac < 0 || s.Frac > 1 || s.Enter < 0 || s.Enter > 1 {
				t.Fatalf("went wrong: %+v", s)
			}
			last = s.Step
		}
	}
	if last != 3 {
		t.Fatalf("stands at step %d", last)
	}
	if p.Lit(3) <= 0 || p.Lit(3) > 1 || p.Lit(3) < p.Lit(0) {
		t.Errorf("glow of the last rule %v, of the first %v", p.Lit(3), p.Lit(0))
	}
	run(p, 5*time.Second)
	if p.Moving() || len(p.Sprites()) != 0 || p.Lit(3) != 0 {
		t.Error("something still moves after the end")
	}
	if d := p.Deaths(); len(d) != 1 || d[0].RuleID != 3 || d[0].Rule != 4 || d[0].Count != 1 || d[0].Journey != 1 {
		t.Errorf("deaths %+v", d)
	}
	if j, i := p.Focused(); j == nil || j.Number != 1 || i != 3 {
		t.Errorf("focus %v at %d", j, i)
	}
}

func TestPauseStepAndRewind(t *testing.T) {
	p := New()
	p.Feed([]*journey.Journey{walk(1, 3, true)})
	p.Step(1) // it comes in
	at := func(want int) {
		t.Helper()
		if _, i := p.Focused(); i != want {
			t.Fatalf("at step %d, want %d", i, want)
		}
		run(p, time.Second)
		if _, i := p.Focused(); i != want || p.Moving() {
			t.Fatal("moved while paused")
		}
		if p.Lit(want) != 1 || len(p.Sprites()) != 1 {
			t.Fatalf("the rule at hand is not lit")
		}
	}
	at(0)
	p.Step(1)
	at(1)
	p.Step(10)
	at(2)
	if len(p.Deaths()) != 1 {
		t.Error("its death is not marked")
	}
	p.Step(-1)
	at(1)
	p.Step(-10)
	at(0)
	p.Step(10)
	if d := p.Deaths(); len(d) != 1 || d[0].Count != 1 {
		t.Errorf("died twice: %+v", d)
	}
	p.Toggle()
	if run(p, 3*time.Second); p.Moving() || p.Paused() {
		t.Error("does not come to an end")
	}
}

func TestWhatArrivesWhilePausedWaits(t *testing.T) {
	p := New()
	p.Feed([]*journey.Journey{walk(1, 3, false)})
	p.Toggle()
	var js []*journey.Journey
	for i := range 9 {
		js = append(js, walk(i+1, 3, false))
	}
	p.Feed(js)
	if p.Waiting() != 8 || len(p.Sprites()) != 1 {
		t.Fatalf("%d wait, %d drawn", p.Waiting(), len(p.Sprites()))
	}
	p.Toggle()
	if p.Waiting() != 0 || len(p.Sprites()) != 9 {
		t.Fatalf("after the pause %d wait, %d drawn", p.Waiting(), len(p.Sprites()))
	}
}

func TestAJourneyThatGrowsGoesOn(t *testing.T) {
	p := New()
	whole := walk(1, 6, true)
	part := *whole
	part.Steps, part.Closed, part.Outcome = whole.Steps[:2], false, journey.Outcome{Verdict: journey.Unknown}
	p.Feed([]*journey.Journey{&part})
	if run(p, 10*time.Second); p.Moving() {
		t.Fatal("waits for ever")
	}
	p.Feed([]*journey.Journey{whole})
	s := p.Sprites()
	if len(s) != 1 || s[0].Step != 1 || !p.Moving() {
		t.Fatalf("does not go on: %+v", s)
	}
	run(p, 4*time.Second)
	if _, i := p.Focused(); i != 5 || len(p.Deaths()) != 1 {
		t.Errorf("stands at %d, deaths %v", i, p.Deaths())
	}
}

func TestAFloodIsCoalesced(t *testing.T) {
	p := New()
	var js []*journey.Journey
	const each, frames = 20, 300
	for range frames {
		for range each {
			js = append(js, walk(len(js)+1, 8, true))
		}
		p.Feed(js)
		p.Advance(frame)
		s := p.Sprites()
		if len(s) > maxSprites+1 {
			t.Fatalf("%d sprites", len(s))
		}
		for _, s := range s { // ten seconds of packets: nothing drawn is older than about 3 s
			if age := (len(js) - s.Journey.Number) / each; age > 95 {
				t.Fatalf("journey %d is still drawn %d frames after it came", s.Journey.Number, age)
			}
		}
	}
	if len(p.tracks) > remembered+maxSprites+1 {
		t.Errorf("%d tracks are kept", len(p.tracks))
	}
	run(p, 10*time.Second)
	d := p.Deaths()
	if len(d) != 1 || d[0].Count != each*frames {
		t.Errorf("of %d deaths %+v were counted", each*frames, d)
	}
	if p.Skipped() == 0 || p.Skipped() >= each*frames {
		t.Errorf("skipped %d", p.Skipped())
	}
}

func TestSpeedHasEnds(t *testing.T) {
	p := New()
	for range 9 {
		p.Faster()
	}
	if p.Speed() != 16 {
		t.Errorf("fastest %v", p.Speed())
	}
	for range 20 {
		p.Slower()
	}
	if p.Speed() != 1.0/8 {
		t.Errorf("slowest %v", p.Speed())
	}
	p.Feed([]*journey.Journey{walk(1, 3, false)})
	p.Advance(time.Second)
	if s := p.Sprites(); s[0].Step != 0 || s[0].Enter == 0 || s[0].Enter == 1 {
		t.Errorf("at an eighth of the speed a second moved it to %+v", s[0])
	}
}

func TestFocusAndFollow(t *testing.T) {
	p := New()
	js := []*journey.Journey{walk(3, 3, false), walk(4, 2, false)}
	p.Feed(js)
	if j, _ := p.Focused(); j.Number != 4 || !p.Following() {
		t.Fatalf("does not follow the newest: %d", j.Number)
	}
	run(p, 5*time.Second)
	p.Focus(3)
	if j, i := p.Focused(); j.Number != 3 || i != 0 || p.Following() || !p.Moving() {
		t.Fatal("a journey in focus is shown from its start")
	}
	js = append(js, walk(5, 2, false))
	p.Feed(js)
	run(p, 5*time.Second)
	if j, _ := p.Focused(); j.Number != 3 {
		t.Fatal("the focus ran away")
	}
	p.Focus(99)
	if j, _ := p.Focused(); j.Number != 3 {
		t.Fatal("focus on nothing")
	}
	p.Follow()
	if j, _ := p.Focused(); j.Number != 5 {
		t.Fatalf("follow went to %d", j.Number)
	}
	p.Feed([]*journey.Journey{walk(1, 2, false)})
	if j, _ := p.Focused(); j == nil || j.Number != 1 {
		t.Fatal("another session does not begin anew")
	}
	p.Feed(nil)
	p.Feed([]*journey.Journey{{Number: 2, Closed: true}})
	p.Step(1)
}

// While it is paused nothing of other packets is shown: no sprite, no glow.
func TestPausedShowsTheFocusAlone(t *testing.T) {
	p := New()
	p.Feed([]*journey.Journey{walk(1, 3, true), walk(2, 3, true), walk(3, 3, true)})
	run(p, 500*time.Millisecond)
	if len(p.Sprites()) != 3 {
		t.Fatalf("%d sprites", len(p.Sprites()))
	}
	p.Focus(1)
	p.Step(-10)
	if s := p.Sprites(); len(s) != 1 || s[0].Journey.Number != 1 {
		t.Errorf("%d sprites while stepping", len(s))
	}
	for id := range 3 {
		if want := float64(1 - min(id, 1)); p.Lit(id) != want {
			t.Errorf("rule %d is lit %v, want %v", id, p.Lit(id), want)
		}
	}
}

// TestDeathByTheKernel: a packet that the kernel dropped dies in no chain.
func TestDeathByTheKernel(t *testing.T) {
	p := New()
	j := *walk(1, 2, false)
	j.Outcome = journey.Outcome{Verdict: journey.Dropped, By: journey.Culprit{Kind: "kernel", Reason: "IP_RPFILTER", Station: "routing"}}
	if p.die(&j); len(p.Deaths()) != 0 {
		t.Errorf("a death in a chain: %+v", p.Deaths())
	}
	j.Outcome.By.Station = "netfilter"
	if p.die(&j); len(p.Deaths()) != 1 {
		t.Errorf("netfilter's drop is not marked: %+v", p.Deaths())
	}
}

// TestLost: a packet that the kernel dropped outside of the chains goes on behind its last step;
// one that no chain saw comes in, ends, and is never in focus.
func TestLost(t *testing.T) {
	by := journey.Culprit{Kind: "kernel", Reason: "IP_RPFILTER", Station: "routing"}
	j := *walk(1, 2, false)
	j.Outcome = journey.Outcome{Verdict: journey.Dropped, By: by}
	bare := &journey.Journey{Number: 2, Closed: true, Outcome: journey.Outcome{Verdict: journey.Dropped, By: by}}
	p := New()
	p.Feed([]*journey.Journey{&j, bare})
	var last, alone Sprite
	for range 200 {
		p.Advance(33 * time.Millisecond)
		for _, s := range p.Sprites() {
			if s.Journey.Number == 1 {
				last = s
			} else {
				alone = s
			}
		}
		if f, _ := p.Focused(); f != nil && len(f.Steps) == 0 {
			t.Fatal("a packet without a step is in focus")
		}
	}
	if !last.Done || last.Step != 1 || last.Frac != 1 {
		t.Errorf("it ended at step %d, %v behind it, done %v", last.Step, last.Frac, last.Done)
	}
	if !alone.Done || alone.Enter != 1 {
		t.Errorf("the one without steps: %+v", alone)
	}
	if p.Moving() || len(p.Deaths()) != 0 {
		t.Errorf("moving %v, deaths %+v", p.Moving(), p.Deaths())
	}
	p.Focus(2)
	if f, _ := p.Focused(); f == nil || f.Number != 1 {
		t.Errorf("in focus is %+v", f)
	}
}
