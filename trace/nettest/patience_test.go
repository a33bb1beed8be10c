package nettest

import (
	"testing"
	"time"
)

// TestPatience: a minute of ticks is waited, however long none came in between.
func TestPatience(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	p := Patience{left: InVain, last: now}
	after := func(n int, each time.Duration, want bool) {
		t.Helper()
		for range n {
			if now = now.Add(each); p.over(now) {
				if !want {
					t.Fatalf("over after %v, %v left", now.Sub(time.Unix(1000, 0)), p.left)
				}
				return
			}
		}
		if want {
			t.Fatalf("not over after %v, %v left", now.Sub(time.Unix(1000, 0)), p.left)
		}
	}
	after(int(InVain/2/beat), beat, false)
	after(3, time.Hour, false) // frozen
	after(100, time.Second, false)
	after(int(InVain/2/beat), beat, true)
}
