package connections

import (
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// TestGroupsInOrder: s goes through the orders of groups, the most first but of names, which it
// says; each line counts connections, those without an answer, and what they carried, as far as they are counted.
func TestGroupsInOrder(t *testing.T) {
	f := frame(theme.Options{}, 160, 40)
	p := New()
	p.Do(keys.Group, f)
	for _, want := range []string{"rate, highest first", "bytes, highest first", "packets, highest first", "name", "flows, highest first"} {
		got := sent(p.Do(keys.Sort, f))
		if len(got) != 1 || got[0] != (page.Say{Text: "grouped by source, " + want}) || !strings.Contains(text(p, f), " by source, "+want) {
			t.Errorf("%v, expected %s:\n%s", got, want, text(p, f))
		}
		by := p.order.made.by
		mark := map[bool]int{true: -1, false: 1}[p.order.made.down]
		if sorted(&p.order.made, by) != mark || sorted(&p.order.made, flow.ByMark) != 0 {
			t.Errorf("%s is marked by %d", want, sorted(&p.order.made, by))
		}
	}
	p.order.groups = []*flow.Group{{Key: flow.GroupKey{Kind: flow.OfMark, N: 7}, Flows: 12, Unreplied: 3, Counted: 2, Rated: 1, Rate: 2048,
		Sent: model.Counters{Packets: 40, Bytes: 1000}, Back: model.Counters{Packets: 2, Bytes: 24}}}
	if got := strings.Join(strings.Fields(text(p, f)), " "); !strings.Contains(got, "mark 0x7 12 3 42+ 1.0 kB+ 2.0 kB/s") || !strings.Contains(got, "+ and more: 10 connections have no counters") {
		t.Errorf("a group:\n%s", text(p, f))
	}
	p.Do(keys.Enter, f)
	if got := sent(p.Do(keys.Sort, f)); len(got) != 1 || !strings.Contains(got[0].(page.Say).Text, ", ordered by protocol") {
		t.Errorf("in a group: %v", got)
	}
}
