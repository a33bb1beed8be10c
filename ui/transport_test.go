package ui

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"nfscope/model/snapshot"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// deck notes what it is told.
type deck struct{ told []string }

func (d *deck) Seek(to time.Duration) { d.told = append(d.told, fmt.Sprint("seek ", to == 0)) }
func (d *deck) Skip(by time.Duration) { d.told = append(d.told, fmt.Sprint("skip ", by)) }
func (d *deck) Journey(n int)         { d.told = append(d.told, fmt.Sprint("journey ", n)) }
func (d *deck) Pause(on bool)         { d.told = append(d.told, fmt.Sprint("pause ", on)) }
func (d *deck) SetSpeed(x float64)    { d.told = append(d.told, fmt.Sprint("speed ", x)) }

func recording(at time.Duration, jumps uint64) *snapshot.Snapshot {
	s := uitest.Snapshot()
	s.Source = "recording: trace: tcp"
	begin := s.Time
	s.Time = begin.Add(at)
	s.Replay = &snapshot.Replay{Begin: begin, End: begin.Add(40 * time.Second), Speed: 2, Jumps: jumps}
	return s
}

// The keys of a recording go to its transport, and the first line tells the place.
func TestTransport(t *testing.T) {
	s := newScreen(t, theme.Options{}, 170, 40)
	d := &deck{}
	s.opt.Transport = d
	s.send(SnapshotMsg{recording(20*time.Second, 0)})
	s.wants("REPLAY", "20 s of 40 s", "─────●──────", "x2")
	for _, k := range []string{"<", ">", "{", "}", "^", "$", "[", "]", "space", "space", "."} {
		s.press(k)
	}
	want := []string{"skip -10s", "skip 10s", "journey -1", "journey 1", "seek true", "seek false", "speed 1", "speed 4", "pause true", "pause false", "pause true"}
	if !slices.Equal(d.told, want) {
		t.Errorf("told\n%q, want\n%q", d.told, want)
	}
	// Paused, the page stands; another moment that was asked for is shown all the same.
	still := s.snap
	s.send(SnapshotMsg{recording(21*time.Second, 0)})
	if s.snap != still {
		t.Error("the page moves while paused")
	}
	over := recording(5*time.Second, 1)
	over.Journeys = over.Journeys[:1]
	s.send(SnapshotMsg{over})
	if s.snap != over {
		t.Error("the page does not show where it was gone to")
	}
	if j, _ := s.player.Focused(); j == nil || j.Number != over.Journeys[0].Number {
		t.Errorf("in focus: %v", j)
	}
	s.wants("5 s of 40 s", "PAUSED")
}

// Elsewhere the keys say why they do nothing.
func TestNoTransport(t *testing.T) {
	s := newScreen(t, theme.Options{}, 120, 40)
	s.send(SnapshotMsg{uitest.Snapshot()})
	s.press("<")
	s.wants("only a recording can be moved through")
}
