package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"nfscope/model/snapshot"
)

// TestStatsMissed: the last line tells of drops that the kernel told nobody, where there
// were such, as its contract has it.
func TestStatsMissed(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]stats{
		`"lost":1,"gaps":2,"missed":3,"duration_ns"`: {lost: 1, gaps: 2, missed: 3, start: time.Now()},
		`"lost":1,"gaps":2,"duration_ns"`:            {lost: 1, gaps: 2, start: time.Now()},
	} {
		var b strings.Builder
		if err := s.print(&b); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%v: %s has no %s", err, b.String(), want)
		}
		var o map[string]any
		if err := json.Unmarshal([]byte(b.String()), &o); err != nil || len(breaches(o)) > 0 {
			t.Errorf("%v: %v", err, breaches(o))
		}
	}
}

// TestLossInWords: the closing line carries what nobody could count too.
func TestLossInWords(t *testing.T) {
	for want, s := range map[string]stats{
		"lost 0": {}, "lost 7": {lost: 7},
		"lost 7 and, in 1 gap, nobody knows how many more": {lost: 7, gaps: 1}, "lost 0 and, in 2 gaps, nobody knows how many more": {gaps: 2},
	} {
		if got := s.words(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestTraceEnd: what was lost, by the kernel or by us, and what the limit held back is in the closing
// line, and the losses in the statistics too.
func TestTraceEnd(t *testing.T) {
	t.Parallel()
	last := &snapshot.Snapshot{Loss: snapshot.Loss{Trace: 5, Flows: 100, Drops: 1000, Dropped: 2, Gaps: 3}}
	last.Trace.Held = 4
	var out, errs strings.Builder
	p := newJourneyPrinter(&out, true, 0)
	p.printed = 6
	if err := (&app{err: &errs}).traceEnd(p, traceFlags{json: true, rate: 9}, last, time.Now(), 70); err != nil {
		t.Fatal(err)
	}
	if want := `{"schema":"nfscope/stats/1","events":70,"journeys":6,"lost":7,"gaps":3,"duration_ns":`; !strings.HasPrefix(out.String(), want) {
		t.Errorf("%s does not begin with %s", out.String(), want)
	}
	if want := ", 70 events, lost 7 and, in 3 gaps, nobody knows how many more, 4 packets held back by the limit of 9/s\n"; !strings.HasPrefix(errs.String(), "6 packets in ") || !strings.HasSuffix(errs.String(), want) {
		t.Errorf("it said %q", errs.String())
	}
}
