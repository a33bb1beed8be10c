package rcvbuf

import (
	"errors"
	"testing"
	"time"
)

// TestProgress: what waited at a moment is done with when as many messages were read since as
// can have waited, and not by the clock.
func TestProgress(t *testing.T) {
	t.Parallel()
	var p Progress
	start := time.Unix(1000, 0)
	now, waits := start, uint32(10*least)
	heard := func(want time.Time) {
		t.Helper()
		if at := p.Heard(now, 4, func() (uint32, error) { return waits, nil }); !at.Equal(want) {
			t.Errorf("at %v it is %v, want %v", now.Sub(start), at.Sub(start), want.Sub(start))
		}
	}
	heard(time.Time{})
	now = now.Add(time.Hour) // without a processor
	heard(time.Time{})
	p.Took(14)
	heard(time.Time{}) // in hand
	p.Done(1)
	heard(time.Time{})
	p.Done(0)
	now = now.Add(time.Second)
	second := now
	heard(start)
	now, waits = now.Add(time.Hour), 100*least // more than at the second moment
	p.Took(14)
	p.Done(0)
	heard(second)
	if at := p.Heard(now, 4, func() (uint32, error) { return 0, errors.New("closed") }); !at.Equal(second) {
		t.Errorf("it went to %v", at)
	}
}
