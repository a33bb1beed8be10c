package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
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
