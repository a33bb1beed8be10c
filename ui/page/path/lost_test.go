package path

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"nfscope/model/drop"
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
	row(2, drop.Drop{Source: drop.StepBPF, Reason: "OTHERHOST", Station: drop.StationDeviceIn})
	row(3, drop.Drop{Source: drop.StepBPF, Reason: "IP_RPFILTER", Station: drop.StationRouting})
	row(4, drop.Drop{Source: drop.StepBPF, Reason: "IP_INHDR", Place: "ip_forward", Station: drop.StationForward})
	row(5, drop.Drop{Source: drop.StepBPF, Reason: "NO_SOCKET", Station: drop.StationSocket})
	row(6, drop.Drop{Source: drop.StepBPF, Reason: "QDISC_DROP", Station: drop.StationDeviceOut})
	row(100, drop.Drop{Source: drop.StepBPF, Reason: "NETFILTER_DROP", Station: drop.StationNetfilter})
	row(200, drop.Drop{Source: drop.StepBPF, Reason: "NOT_SPECIFIED", Place: "ip6_mc_input", Station: drop.StationSocket}) // usual
	row(400, drop.Drop{Source: drop.StepProc, Reason: "TcpExtListenOverflows"})
	row(800, drop.Drop{Source: drop.StepPerf, Reason: "NO_SOCKET", Station: drop.StationSocket}) // of the whole host
	for _, size := range [][2]int{{80, 24}, {110, 40}, {120, 40}, {200, 60}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			f := uitest.Frame(theme.Options{}, size[0], size[1], 0)
			f.Snap = s
			lines := strings.Split(ansi.Strip(New().View(f)), "\n")
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
			for _, not := range []string{"100", "200", "205", "400", "800", "805"} {
				if strings.Contains(all, dead+not) {
					t.Errorf("%s is counted:\n%s", not, all)
				}
			}
		})
	}
}
