package ui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"nfscope/model/journey"
	"nfscope/model/why"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// TestWhy: w on a connection looks for its kind, shows what is known meanwhile and at the
// end, and what closes the box ends the looking.
func TestWhy(t *testing.T) {
	s := newScreen(t, theme.Options{}, 100, 30)
	s.send(SnapshotMsg{uitest.Snapshot()})
	s.press("3")
	s.press("w")
	if s.open != nil || !strings.Contains(s.text(), "nothing can be looked for here") {
		t.Fatalf("without a session:\n%s", s.text())
	}
	if slices.Contains(s.hints(), keys.Why) {
		t.Error("the key is named")
	}
	var asked []string
	end := &why.Answer{Kind: why.Rule, Sentence: "it was dropped by rule 2", Confidence: why.Certain, Because: "the trace is whole", Evidence: []string{"3 packets seen"}, Do: "look there",
		Journeys: []*journey.Journey{uitest.Snapshot().Journeys[0]}}
	fail := error(nil)
	s.opt.Why = func(_ context.Context, filter string, tell func(*why.Answer)) (*why.Answer, error) {
		asked = append(asked, filter)
		return end, fail
	}
	for _, on := range []string{"4", "3"} {
		if s.press(on); !slices.Contains(s.hints(), keys.Why) {
			t.Errorf("the key is not named on page %s", on)
		}
	}
	s.press("w")
	if len(asked) != 1 || !strings.Contains(asked[0], " and src host ") || !strings.Contains(asked[0], " and dst port ") {
		t.Fatalf("asked for %q", asked)
	}
	got := s.text()
	for _, want := range []string{"it was dropped by rule 2", "certain: the trace is whole", "- 3 packets seen", "> look there"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not there:\n%s", want, got)
		}
	}
	if strings.Contains(got, "esc ends it") || s.busy != "" {
		t.Errorf("it does not end: %q\n%s", s.busy, got)
	}
	s.press("esc")
	if s.open != nil {
		t.Error("esc leaves it open")
	}
	fail, end = errors.New("the kernel refuses"), nil
	if s.press("w"); !strings.Contains(s.text(), "it could not be looked for: the kernel refuses") {
		t.Errorf("a failure is not told:\n%s", s.text())
	}
	s.press("esc")
	s.send(page.WhyRequest{Filter: "nonsense"})
	if s.open != nil || !strings.Contains(s.text(), "this can't be traced") {
		t.Errorf("a bad filter:\n%s", s.text())
	}
}

// TestWhyMeanwhile: what is known is shown while it is looked for, and esc ends that.
func TestWhyMeanwhile(t *testing.T) {
	s := newScreen(t, theme.Options{}, 100, 30)
	s.send(SnapshotMsg{uitest.Snapshot()})
	ended := make(chan struct{})
	s.opt.Why = func(ctx context.Context, _ string, tell func(*why.Answer)) (*why.Answer, error) {
		tell(&why.Answer{Sentence: "half known", Confidence: why.Likely})
		<-ctx.Done()
		close(ended)
		return nil, nil
	}
	_, cmd := s.Update(page.WhyRequest{Filter: "icmp"})
	if got := s.text(); !strings.Contains(got, "looking for icmp, both directions") || !strings.Contains(got, "esc ends it") {
		t.Errorf("at first:\n%s", got)
	}
	x, ok := heard(cmd)
	if !ok {
		t.Fatal("nothing is told")
	}
	_, cmd = s.Update(x)
	if got := s.text(); !strings.Contains(got, "half known") || !strings.Contains(got, "esc ends it") {
		t.Errorf("meanwhile:\n%s", got)
	}
	s.press("esc")
	<-ended
	if x, ok = heard(cmd); !ok || !x.over {
		t.Fatalf("the end is not told: %+v", x)
	}
	if s.Update(x); s.open != nil || s.busy != "" {
		t.Errorf("after the end: busy %q", s.busy)
	}
}

// TestWhyNewest: the search does not wait for the screen, which gets the newest of what is known;
// esc ends its context.
func TestWhyNewest(t *testing.T) {
	s := newScreen(t, theme.Options{}, 100, 30)
	s.send(SnapshotMsg{uitest.Snapshot()})
	more, told := make(chan struct{}), make(chan struct{})
	var of context.Context
	s.opt.Why = func(ctx context.Context, _ string, tell func(*why.Answer)) (*why.Answer, error) {
		of = ctx
		tell(&why.Answer{Sentence: "at first"})
		<-more
		tell(&why.Answer{Sentence: "later"})
		tell(&why.Answer{Sentence: "the newest"})
		close(told)
		<-ctx.Done()
		return nil, nil
	}
	_, cmd := s.Update(page.WhyRequest{Filter: "icmp"})
	x, _ := heard(cmd)
	_, cmd = s.Update(x)
	close(more)
	select {
	case <-told:
	case <-time.After(time.Minute):
		t.Fatal("the search waits for the screen")
	}
	x, _ = heard(cmd)
	if _, cmd = s.Update(x); !strings.Contains(s.text(), "the newest") {
		t.Errorf("not the newest:\n%s", s.text())
	}
	s.press("esc")
	if x, _ = heard(cmd); !x.over || of.Err() == nil {
		t.Errorf("it goes on: %+v", x)
	}
}

// TestWhyBox: the colour tells good from bad, and where no trace is armed yet that is said.
func TestWhyBox(t *testing.T) {
	th := theme.New(theme.Options{Color: true, Dark: true})
	for kind, want := range map[why.Kind]string{why.Rule: th.Bad.Render("so it is"), why.Works: th.Good.Render("so it is"), why.NoReply: th.Moving.Render("so it is")} {
		b := &whyBox{answer: &why.Answer{Kind: kind, Sentence: "so it is"}}
		if got := b.lines(th, 80, 5); got[0] != want {
			t.Errorf("%s: %q, want %q", kind, got[0], want)
		}
	}
	b := &whyBox{filter: "icmp"}
	if got := strings.Join(b.lines(theme.New(theme.Options{}), 80, 0), "\n"); got != "looking for icmp, both directions\narming; esc ends it" {
		t.Errorf("%q", got)
	}
	if b.copy() != nil {
		t.Error("there is nothing to copy")
	}
}

// TestWhyStale: what is told of a search that nobody looks at any more changes neither the box of
// the next one nor what is said to be at work; an end without an answer keeps the last one, and y
// copies that.
func TestWhyStale(t *testing.T) {
	s := newScreen(t, theme.Options{}, 100, 30)
	s.send(SnapshotMsg{uitest.Snapshot()})
	s.opt.Why = func(ctx context.Context, _ string, tell func(*why.Answer)) (*why.Answer, error) {
		<-ctx.Done()
		return nil, nil
	}
	s.Update(page.WhyRequest{Filter: "icmp"})
	first := s.request
	s.press("esc")
	s.Update(page.WhyRequest{Filter: "udp"})
	s.Update(whyMsg{id: first, answer: &why.Answer{Sentence: "of another"}, over: true})
	if got := s.text(); strings.Contains(got, "of another") || !strings.Contains(got, "looking for udp") || s.busy == "" {
		t.Errorf("busy %q:\n%s", s.busy, got)
	}
	s.Update(whyMsg{id: s.request, answer: &why.Answer{Sentence: "half known", Journeys: []*journey.Journey{uitest.Snapshot().Journeys[0]}}})
	if got := s.text(); !strings.Contains(got, "half known") || !strings.Contains(got, "still looking, 27 s left at most; esc ends it") || s.busy == "" {
		t.Errorf("meanwhile, busy %q:\n%s", s.busy, got)
	}
	s.Update(whyMsg{id: s.request, over: true})
	if got := s.text(); !strings.Contains(got, "half known") || strings.Contains(got, "esc ends it") || !strings.Contains(got, fmt.Sprintf("#%d ", uitest.Snapshot().Journeys[0].Number)) || s.busy != "" {
		t.Errorf("at the end, busy %q:\n%s", s.busy, got)
	}
	b, ok := s.open.(*whyBox)
	if !ok {
		t.Fatal("the box is gone")
	}
	if c, ok := b.copy()().(page.CopyRequest); !ok || c.Text != "half known" {
		t.Errorf("copied %+v", c)
	}
	s.press("esc")
	s.latest.Source = "recording x"
	if s.Update(page.WhyRequest{Filter: "icmp"}); s.open != nil {
		t.Error("packets are looked for in a recording")
	}
}

// heard runs a command until it tells of the looking.
func heard(cmd tea.Cmd) (whyMsg, bool) {
	if cmd == nil {
		return whyMsg{}, false
	}
	switch msg := cmd().(type) {
	case whyMsg:
		return msg, true
	case tea.BatchMsg:
		for _, c := range msg {
			if x, ok := heard(c); ok {
				return x, true
			}
		}
	}
	return whyMsg{}, false
}
