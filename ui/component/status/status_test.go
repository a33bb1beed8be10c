package status

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"nfscope/model"
	"nfscope/ui/component/line"
	"nfscope/ui/theme"
)

// What was lost, and that nothing of this happens now, is told at every width,
// whatever the filter.
func TestHeaderKeeps(t *testing.T) {
	th := theme.New(theme.Options{})
	long := "tcp and host 198.51.100.7 and src port 40312 and dst port 8080 and host 203.0.113.10"
	for _, filter := range []string{"", "tcp", long} {
		for _, lost := range []uint64{0, 1234567} {
			h := Header{Netns: "server", Source: "lab close-the-door", Replay: true, Backends: []model.Backend{model.BackendLegacy, model.BackendNFTables},
				Armed: filter != "", Filter: filter, Left: 27 * time.Second, Rate: 100, Held: 17, Lost: lost, Paused: true, Waiting: 12345, Speed: 1}
			for w := 40; w <= 200; w++ {
				got := ansi.Strip(h.View(th, w))
				if !strings.Contains(got, "REPLAY") || !strings.Contains(got, "lost") || line.Width(got) != w {
					t.Fatalf("width %d, filter %q, %d wide: %q", w, filter, line.Width(got), got)
				}
			}
		}
	}
	h := Header{Netns: "host", Armed: true, Filter: long, Left: 27 * time.Second, Rate: 100, Speed: 1, Backends: []model.Backend{model.BackendLegacy}}
	if got := ansi.Strip(h.View(th, 80)); !strings.Contains(got, "27 s · 100/s") || !strings.Contains(got, "lost 0") || !strings.Contains(got, "L") {
		t.Errorf("80 columns: the filter is to give way first: %q", got)
	}
	if h.Replay = false; strings.Contains(h.View(th, 80), "REPLAY") {
		t.Error("a live trace is no replay")
	}
}

// That rules are stale, or counted by another way than the usual, is told at every width.
func TestHeaderSaysStale(t *testing.T) {
	th := theme.New(theme.Options{})
	h := Header{Netns: "server", Backends: []model.Backend{model.BackendLegacy}, Armed: true, Filter: "tcp and host 198.51.100.7", Rate: 100,
		Reading: "STALE 12 s", Stale: true, CountedBy: []string{"iptables-legacy-save -c"}, Speed: 1}
	for w := 60; w <= 200; w++ {
		if got := ansi.Strip(h.View(th, w)); !strings.Contains(got, "STALE 12 s") || !strings.Contains(got, "save -c") || line.Width(got) != w {
			t.Fatalf("width %d: %q", w, got)
		}
	}
	h.Stale, h.Reading, h.Armed = false, "reading 45 %", false
	if got := ansi.Strip(h.View(th, 120)); !strings.Contains(got, "reading 45 %") || !strings.Contains(got, "counters: iptables-legacy-save -c") {
		t.Errorf("%q", got)
	}
}
