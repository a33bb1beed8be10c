package ui

import (
	"context"
	"errors"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"nfscope/model/journey"
	"nfscope/model/why"
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
	var asked []string
	end := &why.Answer{Kind: why.Rule, Sentence: "it was dropped by rule 2", Confidence: why.Certain, Because: "the trace is whole", Evidence: []string{"3 packets seen"}, Do: "look there",
		Journeys: []*journey.Journey{uitest.Snapshot().Journeys[0]}}
	fail := error(nil)
	s.opt.Why = func(_ context.Context, filter string, tell func(*why.Answer)) (*why.Answer, error) {
		asked = append(asked, filter)
		return end, fail
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
	fail = errors.New("the kernel refuses")
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
