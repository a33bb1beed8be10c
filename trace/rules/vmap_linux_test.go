package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/diff"
	"nfscope/model/feed"
	"nfscope/model/ruleset"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// manyWays makes a verdict map of n elements, each of which goes to chain web or, the last
// one in the kernel's order or not, to chain rare.
func manyWays(t testing.TB, ns *netns.Handle, n int) {
	t.Helper()
	var s strings.Builder
	s.WriteString("table inet fw {\nmap ways {\ntype ipv4_addr . inet_service : verdict\nelements = {")
	for i := range n {
		fmt.Fprintf(&s, "10.%d.%d.%d . 80 : goto web,", i>>16, i>>8&255, i&255)
	}
	s.WriteString("192.0.2.1 . 22 : jump rare } }\nchain web { }\nchain rare { }\nchain lost { }\n")
	s.WriteString("chain in { type filter hook input priority 0\nip saddr . tcp dport vmap @ways\n}\n}\n")
	nettest.Feed(t, ns, s.String(), "nft", "-f", "-")
}

// graph gives the table of manyWays and the jump graph of what was read.
func graph(t *testing.T, r *Reader) (*model.Ruleset, *model.Table, *ruleset.Graph) {
	t.Helper()
	rs := clean(t, r)
	tb := rs.Table(model.BackendNFTables, model.FamilyInet, "fw")
	if tb == nil {
		t.Fatal("there is no table")
	}
	return rs, tb, ruleset.NewIndex(rs).Graph()
}

// callers are the verbs by which chains are called.
func callers(tb *model.Table, g *ruleset.Graph) string {
	var out []string
	for _, c := range tb.Chains {
		for _, call := range g.Callers(tb.Chain(c.Name)) {
			out = append(out, fmt.Sprintf("%s %t", c.Name, call.Goto))
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// TestVerdictMaps: who is called by the elements of a named verdict map is known with the
// rules, whoever wrote them and whenever they change; a chain that nothing calls is known
// to be unused.
func TestVerdictMaps(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "vmap")
	manyWays(t, ns, 10)
	r := open(t, ns)
	before, tb, g := graph(t, r)
	if got := callers(tb, g); got != "rare false, web true" {
		t.Error(got)
	}
	if lost := tb.Chain("lost"); !g.Unused(lost) || g.Unread(lost) != nil || g.Depth(tb.Chain("web")) != 1 {
		t.Errorf("lost is reached, by %v", g.Unread(lost))
	}
	if m, read := tb.Map("ways"); !read || m != (model.VerdictMap{Name: "ways", Read: 11}) {
		t.Errorf("read %+v", m)
	}
	// An element more or less moves the generation, and is a change that is told.
	nettest.Run(t, ns, "nft", "add element inet fw ways { 192.0.2.2 . 22 : jump lost }")
	after, tb, g := graph(t, r)
	if got := callers(tb, g); got != "lost false, rare false, web true" {
		t.Error(got)
	}
	if c := diff.Rulesets(before, after); len(c) != 1 || c[0].What != diff.Object || c[0].New != "map ways" || c[0].Kind != diff.Changed {
		t.Errorf("changes %+v", c)
	}
	nettest.Run(t, ns, "nft", "delete element inet fw ways { 192.0.2.1 . 22 }")
	if _, tb, g = graph(t, r); g.CallerCount(tb.Chain("rare")) != 0 || !g.Unused(tb.Chain("rare")) {
		t.Error("rare is called by an element that is gone")
	}
	// Made anew with the same elements, it is the same map, in whatever order the kernel has it.
	older, _, _ := graph(t, r)
	nettest.Feed(t, ns, "flush map inet fw ways\n", "nft", "-f", "-")
	var s strings.Builder
	for i := 9; i >= 0; i-- {
		fmt.Fprintf(&s, "add element inet fw ways { 10.0.0.%d . 80 : goto web }\n", i)
	}
	nettest.Feed(t, ns, s.String()+"add element inet fw ways { 192.0.2.2 . 22 : jump lost }\n", "nft", "-f", "-")
	if c := diff.Rulesets(older, clean(t, r)); len(c) != 0 {
		t.Errorf("the same elements are changes: %+v", c)
	}
}

// TestVerdictMapsBounded: of a large map so many elements are read, and what it may call
// besides is not known; an interval map and one whose elements end are read too.
func TestVerdictMapsBounded(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "vmapbound")
	manyWays(t, ns, mostElements)
	nettest.Feed(t, ns, `table inet fw {
	map nets { type ipv4_addr : verdict; flags interval; elements = { 10.0.0.0/8 : jump net, 192.0.2.1-192.0.2.7 : drop } }
	map ends { typeof ip saddr : verdict; flags timeout; elements = { 10.0.0.1 timeout 1h : jump soon } }
	map data { type ipv4_addr : mark; elements = { 10.0.0.1 : 1 } }
	chain net { }
	chain soon { }
	chain also { type filter hook output priority 0
		ip saddr vmap @nets
		ip saddr vmap @ends
		meta mark set ip saddr map @data
	}
}
`, "nft", "-f", "-")
	start := time.Now()
	_, tb, g := graph(t, open(t, ns))
	t.Logf("read in %s", time.Since(start))
	if m, _ := tb.Map("ways"); m.Read != mostElements || !m.More {
		t.Errorf("read %+v", m)
	}
	if got := strings.Join(g.Unread(tb.Chain("lost")), " "); got != fmt.Sprintf("map ways, of which %d elements were read,", mostElements) || g.Unused(tb.Chain("lost")) {
		t.Errorf("lost may be called by %q", got)
	}
	for _, name := range []string{"net", "soon", "web"} {
		if g.CallerCount(tb.Chain(name)) != 1 {
			t.Errorf("%s has %d callers", name, g.CallerCount(tb.Chain(name)))
		}
	}
	if _, read := tb.Map("data"); read {
		t.Error("a map of data was read")
	}
	for _, e := range tb.Extra {
		if strings.Contains(e, "expires") {
			t.Errorf("time goes by in the text of a map: %s", e)
		}
	}
}

// TestVerdictMapLapses: an element that ends by itself is a caller no longer, though
// the kernel says nothing of it and the generation stays.
func TestVerdictMapLapses(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "vmaplapse")
	nettest.Feed(t, ns, `table inet fw {
	map ends { typeof ip saddr : verdict; flags timeout; elements = { 10.0.0.2 timeout 1h : jump late, 10.0.0.3 : jump always } }
	chain soon { }
	chain late { }
	chain always { }
	chain in { type filter hook input priority 0
		ip saddr vmap @ends
	}
}
`, "nft", "-f", "-")
	r := open(t, ns)
	// The element must not end before it is read for the first time.
	before, tb, g := graph(t, r)
	timeout := 200 * time.Millisecond
	for callers(tb, g) == "always false, late false" {
		nettest.Run(t, ns, "nft", "add element inet fw ends { 10.0.0.1 timeout "+fmt.Sprint(timeout.Milliseconds())+"ms : jump soon }")
		before, tb, g = graph(t, r)
		timeout *= 2
	}
	if got := callers(tb, g); got != "always false, late false, soon false" {
		t.Error(got)
	}
	left := time.Until(r.lapses)
	if left > timeout || r.lapses.IsZero() {
		t.Errorf("the first element ends in %s", left)
	}
	told := 0
	w := watcher{r: r, emit: func(it feed.Item) {
		if it.Rules != nil {
			told++
		}
	}, said: map[string]bool{}, rs: before}
	<-time.After(left + time.Millisecond)
	before.Taken = time.Now().Add(lapsing)
	if w.step(t.Context()); told != 0 {
		t.Error("the ruleset was read again at once")
	}
	before.Taken = before.Taken.Add(-3 * lapsing)
	if w.step(t.Context()); told != 1 {
		t.Error("what has ended did not make the ruleset be read again")
	}
	after, tb, g := graph(t, r)
	if got := callers(tb, g); got != "always false, late false" || after.Generation != before.Generation {
		t.Errorf("callers %s in generation %s, which was %s", got, after.Generation, before.Generation)
	}
	if left := time.Until(r.lapses); left < 50*time.Minute || left > time.Hour {
		t.Errorf("the next element ends in %s", left)
	}
	// What is taken from memory ends just as well.
	if _, tb, g = graph(t, r); callers(tb, g) != "always false, late false" || time.Until(r.lapses) < 50*time.Minute {
		t.Errorf("taken from memory: %s, which ends at %s", callers(tb, g), r.lapses)
	}
}

func TestByNumbers(t *testing.T) {
	want := []string{"", "10.0.0.1 : accept", "10.0.0.9 : accept", "10.0.0.10 : accept", "10.0.1.1 : accept", "22 : drop", "80", "80 : drop", "443 : drop", "eth0", "eth2", "eth10"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, byNumbers)
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
