package ui

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"nfscope/model/snapshot"
	"nfscope/ui/component/units"
	"nfscope/ui/keys"
)

// Transport moves through a recording. Its methods do not wait: what comes of them is in
// the Replay of a later snapshot.
type Transport interface {
	// Seek goes to a place, counted from the begin, and not beyond the ends.
	Seek(to time.Duration)
	// Skip goes forward, or back where by is negative.
	Skip(by time.Duration)
	// Journey goes n journeys on, or back where n is negative.
	Journey(n int)
	Pause(on bool)
	// SetSpeed plays x recorded seconds per second.
	SetSpeed(x float64)
}

// skip is how far a key goes.
const skip = 10 * time.Second

// behind is behind the end of any recording.
const behind = 1 << 62

// carry carries out an action on the recording.
func (m *Model) carry(a keys.Action) tea.Cmd {
	t := m.opt.Transport
	if t == nil {
		return m.say("this is " + m.what() + ": only a recording can be moved through (nfscope replay)")
	}
	switch a {
	case keys.SkipBack:
		t.Skip(-skip)
	case keys.SkipOn:
		t.Skip(skip)
	case keys.Earlier:
		t.Journey(-1)
	case keys.Later:
		t.Journey(1)
	case keys.ToStart:
		t.Seek(0)
	case keys.ToEnd:
		t.Seek(behind)
	}
	return nil
}

// follow has the recording's clock do what the animation's does: both stand or both run,
// at one speed.
func (m *Model) follow(a keys.Action) {
	t := m.opt.Transport
	if t == nil {
		return
	}
	switch a {
	case keys.Pause, keys.StepOn, keys.StepBack:
		t.Pause(m.player.Paused())
	case keys.Slower, keys.Faster:
		if r := m.latest.Replay; r != nil {
			x := r.Speed * 2
			if a == keys.Slower {
				x = r.Speed / 2
			}
			t.SetSpeed(x)
		}
	}
}

// jumped reports whether a snapshot is of another moment of the recording than the one
// before it, and no later one.
func jumped(old, s *snapshot.Snapshot) bool {
	return s.Replay != nil && old.Replay != nil && s.Replay.Jumps != old.Replay.Jumps
}

// place says where in a recording the snapshot is: 12 s of 45 s, and how much of it that
// is, 0 to 1; "" where it is no recording.
func place(s *snapshot.Snapshot) (text string, part float64) {
	r := s.Replay
	if r == nil {
		return "", 0
	}
	total, at := r.End.Sub(r.Begin), s.Time.Sub(r.Begin)
	if total > 0 {
		part = min(max(float64(at)/float64(total), 0), 1)
	}
	return fmt.Sprintf("%s of %s", units.Span(max(at, 0)), units.Span(total)), part
}
