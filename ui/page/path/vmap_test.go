package path

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"nfscope/model"
	"nfscope/model/ruleset"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// mapped is a ruleset in which one rule calls n chains by the elements of a map, of which
// the i-th has counted i packets.
func mapped(n int) *model.Ruleset {
	in := &model.Chain{Name: "input", Hook: model.HookInput, Type: "filter", Policy: "accept", Counters: model.Counters{Valid: true},
		Rules: []model.Rule{{Text: "tcp dport vmap @ways", Target: "vmap"}}}
	t := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "fw", Extra: []string{"map ways {\n\ttype inet_service : verdict\n}"}, Chains: []*model.Chain{in}}
	var elements []string
	for i := range n {
		name := fmt.Sprintf("way%d", i)
		elements = append(elements, fmt.Sprintf("%d : jump %s", i+1, name))
		t.Chains = append(t.Chains, &model.Chain{Name: name, Rules: []model.Rule{
			{Text: "counter drop", Target: "drop", Counters: model.Counters{Packets: uint64(i), Valid: true}}}})
	}
	ruleset.PutElements(t, model.VerdictMap{Name: "ways", Read: n}, elements)
	rs := &model.Ruleset{Tables: []*model.Table{t}, Terse: true}
	rs.Number()
	return rs
}

// The chains that a verdict map calls belong to the base chain that asks it: their packets
// count with its own, and their rules stand below it. Thousands of them do no harm.
func TestVerdictMap(t *testing.T) {
	for _, n := range []int{3, 20_000} {
		rs := mapped(n)
		f := uitest.Frame(theme.Options{}, 120, 40, 0)
		f.Snap.Rules, f.Snap.Counts, f.Snap.Sparks, f.Snap.Journeys = rs, rs.Counts(), nil, nil
		w := build(f.Snap, &orders{})
		e := w.stations[index(model.HookInput)].entries[0]
		if e.chain == nil || len(e.calls) != n || e.packets != uint64(n*(n-1)/2) {
			t.Fatalf("%d chains: %d are called, %d packets", n, len(e.calls), e.packets)
		}
		if ls := w.leaves(&e, nil); len(ls) != min(n+1, widest) || ls[1].chain.Name != "way0" || ls[1].depth != 1 {
			t.Errorf("%d chains: %d rules below the chain", n, len(ls))
		}
		if got := ansi.Strip(New().View(f)); !strings.Contains(got, "drop in way0") || !strings.Contains(got, "drop in way1") {
			t.Errorf("the rules of the map's chains are not drawn:\n%s", got)
		}
	}
}
