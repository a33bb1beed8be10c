package timeline

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"nfscope/model/journey"
	"nfscope/ui/component/canvas"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

func at(number int, d time.Duration, verdict string) *journey.Journey {
	return &journey.Journey{Number: number, Start: uitest.Now().Add(d), Closed: verdict != "", Outcome: journey.Outcome{Verdict: verdict}}
}

func draw(s *Strip, w int, two bool, selected int) string {
	c := canvas.New(w, 2)
	s.Draw(c, 0, 0, two, selected, canvas.NewPalette(theme.New(theme.Options{ASCII: true})))
	return c.String()
}

func TestStrip(t *testing.T) {
	list := []*journey.Journey{at(1, 0, journey.Accepted), at(2, 10, journey.Accepted), at(3, time.Second, journey.Accepted),
		at(4, time.Second+1, journey.Dropped), at(5, 5*time.Second, journey.Unknown), at(6, 9*time.Second, ""), at(7, 10*time.Second, journey.Rejected)}
	var s Strip
	s.Make(list, 10)
	if got := strings.TrimSpace(ansi.Strip(draw(&s, 10, false, -1))); got != "+X---?---R" {
		t.Errorf("one line: %s", got)
	}
	two := strings.Split(ansi.Strip(draw(&s, 10, true, -1)), "\n")
	if len(two) != 2 || two[1] != "-X---?---R" || !strings.HasPrefix(two[0], "##") {
		t.Errorf("two lines: %q", two)
	}
	if got := draw(&s, 10, false, 0); !strings.HasPrefix(ansi.Strip(got), "*X") || !strings.HasPrefix(got, "\x1b[7m") {
		t.Errorf("selected: %q", got)
	}
	for _, c := range []struct{ column, by, want int }{{0, 1, 2}, {1, 1, 4}, {5, 1, 5}, {9, 1, -1}, {9, -1, 4}, {1, -1, 0}, {0, -1, -1}} {
		if got := s.Next(c.column, c.by); got != c.want {
			t.Errorf("from column %d by %d: %d, want %d", c.column, c.by, got, c.want)
		}
	}
	if s.At(5) != 4 || s.At(4) != -1 || s.At(-1) != -1 || s.At(10) != -1 {
		t.Error("At")
	}
	for _, n := range []int{0, 1, 2} { // no packet, no time between them, no room
		s.Make(list[:n], 10)
		draw(&s, 10, true, 3)
		s.Make(list[:n], 0)
		draw(&s, 10, true, 0)
		if s.Next(0, 1) != -1 {
			t.Errorf("%d packets on no strip lead somewhere", n)
		}
	}
}

// TestEveryPacketIsOnTheStrip: wherever a packet began, its column has it.
func TestEveryPacketIsOnTheStrip(t *testing.T) {
	var list []*journey.Journey
	for i := range 3000 {
		list = append(list, at(i+1, time.Duration(i*i)*time.Microsecond-time.Duration(i%7)*time.Millisecond, journey.Accepted))
	}
	var s Strip
	for _, w := range []int{1, 2, 79, 200} {
		s.Make(list, w)
		n := 0
		for i := range s.slices {
			n += s.slices[i].n
		}
		if n != len(list) {
			t.Errorf("%d of %d packets on %d columns", n, len(list), w)
		}
		for _, j := range list {
			if s.At(s.Column(j)) < 0 {
				t.Fatalf("packet %d is nowhere", j.Number)
			}
		}
	}
}

func BenchmarkMake(b *testing.B) {
	var list []*journey.Journey
	for i := range 65536 {
		list = append(list, at(i+1, time.Duration(i)*time.Millisecond, []string{journey.Accepted, journey.Dropped}[i%9/8]))
	}
	var s Strip
	for b.Loop() {
		s.Make(list, 200)
	}
}
