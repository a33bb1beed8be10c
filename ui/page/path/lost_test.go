package path

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/journey"
	"nfscope/ui/component/player"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// TestLosses: what the kernel dropped outside of netfilter stands at its station, in
// every layout; what netfilter dropped, what is usual and what is only counted does not.
func TestLosses(t *testing.T) {
	s := uitest.Snapshot()
	s.Drops.Rows = nil
	row := func(n uint64, d drop.Drop) {
		d.Count = n
		s.Drops.Rows = append(s.Drops.Rows, &drop.Row{Number: uint64(len(s.Drops.Rows) + 1), Key: drop.KeyOf(&d), Last: &d, Count: n})
	}
	row(1, drop.Drop{Source: drop.StepBPF, Reason: "OTHERHOST", Station: drop.StationDeviceIn})
	row(1, drop.Drop{Source: drop.StepBPF, Reason: "BRIDGE_INGRESS_STP_STATE", Station: drop.StationBridge})
	row(3, drop.Drop{Source: drop.StepBPF, Reason: "IP_RPFILTER", Station: drop.StationRouting})
	row(4, drop.Drop{Source: drop.StepBPF, Reason: "IP_INHDR", Place: "ip_forward", Station: drop.StationForward})
	row(2, drop.Drop{Source: drop.StepBPF, Reason: "NO_SOCKET", Station: drop.StationSocket})
	row(3, drop.Drop{Source: drop.StepBPF, Reason: "IP_OUTNOROUTES", Station: drop.StationRouteOut})
	row(6, drop.Drop{Source: drop.StepBPF, Reason: "QDISC_DROP", Station: drop.StationDeviceOut})
	row(100, drop.Drop{Source: drop.StepBPF, Reason: "NETFILTER_DROP", Station: drop.StationNetfilter})
	row(200, drop.Drop{Source: drop.StepBPF, Reason: "NOT_SPECIFIED", Place: "ip6_mc_input", Station: drop.StationSocket}) // usual
	row(400, drop.Drop{Source: drop.StepProc, Reason: "TcpExtListenOverflows"})
	row(800, drop.Drop{Source: drop.StepPerf, Reason: "NO_SOCKET", Station: drop.StationSocket}) // of the whole host
	row(1000, drop.Drop{Source: drop.StepBPF, Reason: "NOT_SPECIFIED", Place: "nowhere"})
	row(1600, drop.Drop{Source: drop.StepBPF, Reason: "NETFILTER_DROP", Station: drop.StationRouting})
	for _, size := range [][2]int{{80, 24}, {110, 40}, {120, 40}, {200, 60}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			f := uitest.Frame(theme.Options{}, size[0], size[1], 0)
			pg := New()
			pg.View(f) // another snapshot's are not kept
			f.Snap = s
			lines := strings.Split(ansi.Strip(pg.View(f)), "\n")
			head := strings.Join(lines[:5], "\n")
			dead := f.Theme.Glyphs.Dead
			for _, want := range []string{dead + "2", dead + "7", dead + "5"} {
				if !strings.Contains(head, want) {
					t.Errorf("%s is not there:\n%s", want, strings.Join(lines, "\n"))
				}
			}
			all := strings.Join(lines, "\n")
			if !strings.Contains(all, dead+"6") {
				t.Errorf("what was dropped at the device is not there:\n%s", all)
			}
			if size[0] >= fullWidth && (!strings.Contains(head, dead+"7 routing") || !strings.Contains(head, dead+"5 local process")) {
				t.Errorf("not at its station:\n%s", head)
			}
			for _, not := range []string{"100", "160", "200", "205", "400", "800", "805"} {
				if strings.Contains(all, dead+not) {
					t.Errorf("%s is counted:\n%s", not, all)
				}
			}
			for least, want := range map[int]int{8: 8, 9: 11} { // 2 and a cell between
				if got := pg.view(f).lossBefore(11, 0, least, 5); got != want {
					t.Errorf("with room from %d the mark begins at %d, want %d", least, got, want)
				}
			}
		})
	}
}

// TestLostPackets: a packet that the kernel dropped outside of the chains goes on from its last
// step to the station where it was, and ends there; one that no chain saw comes as far as that.
func TestLostPackets(t *testing.T) {
	for _, c := range []struct {
		station drop.Station
		last    model.Hook // of its steps, HookNone for none
		path    string
		way     []int // to where it ends
	}{
		{drop.StationRouting, model.HookPrerouting, journey.PathUnknown, []int{wireRoute}},
		{drop.StationForward, model.HookPrerouting, journey.PathUnknown, []int{wireRoute}},
		{drop.StationSocket, model.HookInput, journey.PathInput, []int{wireLocal}},
		{drop.StationSocket, model.HookPrerouting, journey.PathInput, []int{wireRoute, wireInput, wireLocal}},
		{drop.StationDeviceOut, model.HookForward, journey.PathForward, []int{wireAcross, wireOut}},
		{drop.StationDeviceOut, model.HookOutput, journey.PathOutput, []int{wireDown, wireOut}},
		{drop.StationRouting, model.HookNone, journey.PathUnknown, []int{wireIn, wireRoute}},
		{drop.StationSocket, model.HookNone, journey.PathUnknown, []int{wireIn, wireRoute, wireInput, wireLocal}},
		{drop.StationDeviceIn, model.HookNone, journey.PathUnknown, []int{wireIn}},
	} {
		for _, size := range [][2]int{{200, 60}, {120, 40}, {80, 24}} {
			f := uitest.Frame(theme.Options{}, size[0], size[1], 0)
			j := &journey.Journey{Number: 1, In: "eth0", Path: c.path, Closed: true, Complete: true, Packet: f.Snap.Journeys[0].Packet,
				Outcome: journey.Outcome{Verdict: journey.Dropped, By: journey.Culprit{Kind: "kernel", Reason: "REASON", Station: c.station.String()}}}
			if c.last != model.HookNone {
				j.Steps = []journey.Step{{Hook: c.last, Family: model.FamilyIPv4, Table: "none", Base: "none", Chain: "none", Kind: journey.KindPolicy, Verdict: model.VerdictAccept, RuleID: -1}}
			}
			f.Player = player.New()
			f.Player.Feed([]*journey.Journey{j})
			pg, done := New(), false
			for range 100 {
				f.Player.Advance(33 * time.Millisecond)
				sp := f.Player.Sprites()
				pg.View(f)
				if done = len(sp) == 1 && sp[0].Done; done {
					break
				}
			}
			if !done {
				t.Fatalf("%s after %s: it does not come to its end", c.station, c.last)
			}
			v := pg.view(f)
			v.draw()
			frac := 1.0
			if c.station == drop.StationDeviceIn {
				frac = 0.5
			}
			segs := v.append(nil, c.way)
			if len(segs) == 0 {
				t.Fatalf("%s after %s at %v: no wires", c.station, c.last, size)
			}
			x, y := along(segs, frac)
			row := []rune(ansi.Strip(v.c.Lines(y, y+1)[0]))
			if x >= len(row) || string(row[x]) != f.Theme.Glyphs.Dead {
				t.Errorf("%s after %s at %v: not at %d, %d:\n%s", c.station, c.last, size, x, y, ansi.Strip(pg.View(f)))
			}
		}
	}
}
