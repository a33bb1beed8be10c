package trace

import (
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// TestWhyMissed: of a rule that did not match each condition is told: what it wants and what
// the packet has, or the fact that is missing.
func TestWhyMissed(t *testing.T) {
	t.Parallel()
	got := whyMissed(&journey.Step{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Table: "filter", Chain: "INPUT", Rule: 4, Text: "-j DROP", Note: "a note",
		Because: []journey.Because{
			{Match: "dport", Want: "80", Have: "81", Result: "no"},
			{Match: "owner", Want: "uid 7", Have: "the socket's user", Result: "unknown"},
		}})
	want := []string{"rule 4 of filter/INPUT (iptables-legacy) did not match: -j DROP", "dport: no, wants 80, has 81",
		"owner: unknown, wants uid 7, what is missing: the socket's user", "a note"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestNotesWhileNothingComes: while no packet has come, what keeps a trace from telling all
// stands on the page.
func TestNotesWhileNothingComes(t *testing.T) {
	t.Parallel()
	f := uitest.Frame(theme.Options{}, 120, 40, 0)
	const note = "legacy tables are not traced: NFLOG group is taken"
	f.Snap = &snapshot.Snapshot{Trace: snapshot.Trace{Armed: true, Filter: "udp", Rate: 9, Until: f.Now, Notes: []string{note}}}
	if v := ansi.Strip(New().View(f)); !strings.Contains(v, "trace: udp") || !strings.Contains(v, "waiting for a packet") || !strings.Contains(v, note) {
		t.Error(v)
	}
}
