package path

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
	"nfscope/model/snapshot"
	"nfscope/ui/component/player"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

var _ = flag.Bool("update", false, "write the goldens anew")

var (
	_ page.Page    = (*Page)(nil)
	_ page.Clicker = (*Page)(nil)
	_ page.Deep    = (*Page)(nil)
)

func TestGolden(t *testing.T) {
	uitest.Looks(t, func(t *testing.T, name string, o theme.Options, w, h int) {
		uitest.Golden(t, "path-"+name, New().View(uitest.Frame(o, w, h, 1200*time.Millisecond)))
	})
	f := uitest.Frame(theme.Options{}, 40, 12, 1200*time.Millisecond)
	uitest.Golden(t, "path-plain-40x12", New().View(f))
	f.Snap = &snapshot.Snapshot{}
	f.Player = player.New()
	f.Width, f.Height = 120, 40
	uitest.Golden(t, "path-reading", New().View(f))
	f.Snap.Rules = &model.Ruleset{}
	uitest.Golden(t, "path-no-rules", New().View(f))
}

// Every size gives exactly Height lines, none wider than Width, whatever is selected.
func TestEverySizeFits(t *testing.T) {
	f := uitest.Frame(theme.Options{}, 1, 1, 800*time.Millisecond)
	pg := New()
	empty := *f
	empty.Snap, empty.Player = &snapshot.Snapshot{Rules: &model.Ruleset{}}, player.New()
	acts := []keys.Action{keys.Down, keys.Enter, keys.Down, keys.Right, keys.Bottom, keys.Back}
	n := 0
	for w := 1; w <= 220; w += 1 + w/12 {
		for h := 1; h <= 70; h += 1 + h/12 {
			f.Width, f.Height, empty.Width, empty.Height = w, h, w, h
			pg.Do(acts[n%len(acts)], f)
			n++
			for _, f := range []*page.Frame{f, &empty} {
				uitest.Fits(t, pg.View(f), w, h)
			}
		}
		f.Player.Advance(33 * time.Millisecond)
	}
}

// A packet is seen at every moment of its way, and where it died is marked.
func TestThePacketIsSeenAllTheWay(t *testing.T) {
	for _, s := range [][2]int{{200, 60}, {120, 40}, {80, 24}, {40, 30}} {
		f := uitest.Frame(theme.Options{}, s[0], s[1], 0)
		js := f.Snap.Journeys
		f.Player = player.New()
		f.Player.Feed(js[len(js)-1:])
		pg := New()
		for ms := 0; ms < 1500; ms += 33 {
			f.Player.Advance(33 * time.Millisecond)
			sp := f.Player.Sprites()
			if len(sp) == 0 {
				break
			}
			body := mapOf(pg.View(f), f)
			if !strings.Contains(body, "●") && !strings.Contains(body, "✕") {
				t.Fatalf("%v: after %d ms the packet is not on the map:\n%s", s, ms, body)
			}
		}
		for range 100 {
			f.Player.Advance(33 * time.Millisecond)
		}
		found := false
		for _, l := range strings.Split(mapOf(pg.View(f), f), "\n") {
			if strings.Contains(l, "DROP") && strings.Contains(l, "203.0.113.10") && strings.Contains(l, "✕") {
				found = true
			}
		}
		if !found {
			t.Errorf("%v: the rule that dropped it is not marked:\n%s", s, pg.View(f))
		}
	}
}

// mapOf is the map without head and legend.
func mapOf(s string, f *page.Frame) string {
	lines := strings.Split(ansi.Strip(s), "\n")
	lines = lines[2:]
	if f.Height >= 20 {
		lines = lines[:len(lines)-1]
	}
	return strings.Join(lines, "\n")
}

// TestChineseLadder: while a Chinese lesson is shown the ladder below the map speaks Chinese.
func TestChineseLadder(t *testing.T) {
	f := uitest.Frame(theme.Options{}, 200, 70, time.Second)
	f.Player.Focus(14)
	pg := New()
	if v := ansi.Strip(pg.View(f)); !strings.Contains(v, "can still drop") {
		t.Fatal(v)
	}
	f.Snap.Lab = &snapshot.Lab{Lang: "zh"}
	if v := ansi.Strip(pg.View(f)); !strings.Contains(v, "2 条链还可能丢弃它") || strings.Contains(v, "can still drop") {
		t.Error(v)
	}
}

// TestChineseDrop: what the kernel dropped at a station is explained in Chinese, with what the host
// says of it, and copied as it is read.
func TestChineseDrop(t *testing.T) {
	t.Parallel()
	f := uitest.Frame(theme.Options{}, 160, 40, 3*time.Second)
	f.Lang = "zh"
	i := slices.IndexFunc(f.Snap.Journeys, func(j *journey.Journey) bool { return j.Number == 14 })
	j := *f.Snap.Journeys[i]
	j.Outcome = journey.Outcome{Verdict: journey.Dropped, By: journey.Culprit{Kind: "kernel", Reason: "IP_RPFILTER", Station: "routing"},
		Sentence: "dropped by the kernel at the routing decision (IP_RPFILTER): reverse path filter, loose: no route at all leads back to its sender; net.ipv4.conf.eth0.rp_filter is 2; no route leads back to 10.0.0.1"}
	s := *f.Snap
	s.Journeys = []*journey.Journey{&j}
	f.Snap, f.Player = &s, player.New()
	f.Player.Feed(s.Journeys)
	f.Player.Focus(14)
	f.Player.Step(len(j.Steps))
	pg := New()
	const want = "被内核丢弃，在路由决定处（IP_RPFILTER）：反向路径过滤（宽松）：没有任何回发送者的路由；net.ipv4.conf.eth0.rp_filter 为 2；没有回 10.0.0.1 的路由"
	if v := ansi.Strip(pg.View(f)); !strings.Contains(v, "被内核丢弃，在路由决定处（IP_RPFILTER）：反向路径过滤") {
		t.Error(v)
	}
	if c, ok := pg.Do(keys.Copy, f)().(page.CopyRequest); !ok || c.Text != want {
		t.Errorf("copied: %+v", c)
	}
}

func TestTheSentenceStandsOnTop(t *testing.T) {
	f := uitest.Frame(theme.Options{}, 120, 40, 3*time.Second)
	if l := strings.Split(ansi.Strip(New().View(f)), "\n"); !strings.Contains(l[0], "dropped by rule 2 of filter/INPUT (iptables-legacy)") {
		t.Errorf("top line: %q", l[0])
	}
	// On its way, the step at hand is told.
	f = uitest.Frame(theme.Options{}, 120, 40, 0)
	f.Player.Focus(14)
	f.Player.Step(4)
	if l := strings.Split(ansi.Strip(New().View(f)), "\n"); !strings.Contains(l[0], "step 4 of 12: rule 1 of filter/FORWARD (iptables-legacy), jump to DOCKER-USER") {
		t.Errorf("top line: %q", l[0])
	}
}

func TestSelectionFollowsTheRule(t *testing.T) {
	f := uitest.Frame(theme.Options{}, 120, 40, 0)
	pg := New()
	for _, a := range []keys.Action{keys.Down, keys.Right, keys.Down, keys.Enter, keys.Down, keys.Down} {
		if cmd := pg.Do(a, f); cmd != nil {
			t.Fatalf("%s sent %v", a, cmd())
		}
	}
	want := page.GotoRule{RuleID: f.Snap.Rules.Table(model.BackendLegacy, model.FamilyIPv4, "filter").Chain("INPUT").Rules[1].ID}
	cmd := pg.Do(keys.Enter, f)
	if cmd == nil || cmd() != want {
		t.Fatalf("enter on the second rule of filter/INPUT does not go to it")
	}
	// Another table comes before it: the IDs move, the selection stays on the rule.
	rs := uitest.Rules()
	first := &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "mangle", Chains: []*model.Chain{
		{Name: "INPUT", Hook: model.HookInput, Priority: -150, Policy: "ACCEPT", Rules: []model.Rule{{Text: "-A INPUT -j LOG", Target: "LOG"}}}}}
	rs.Tables = append([]*model.Table{first}, rs.Tables...)
	rs.Number()
	f.Snap.Rules, f.Snap.Counts = rs, rs.Counts()
	want.RuleID++
	if cmd := pg.Do(keys.Enter, f); cmd == nil || cmd() != want {
		t.Fatal("the selection did not follow its rule")
	}
	if pg.Do(keys.Back, f); pg.sel.rule >= 0 || !pg.Deep() {
		t.Error("back from a rule leads to its chain")
	}
	pg.Do(keys.Back, f)
	if pg.Do(keys.Back, f); pg.Deep() {
		t.Error("back leads out")
	}
}

// A rule that is not in the rules any more is marked nowhere, not on another rule.
func TestAnOldRuleIsNotMistaken(t *testing.T) {
	w := build(uitest.Snapshot(), &orders{})
	s := journey.Step{Kind: journey.KindRule, Backend: model.BackendLegacy, Family: model.FamilyIPv4, Hook: model.HookInput,
		Table: "filter", Base: "INPUT", Chain: "INPUT", Rule: 2, RuleID: 3, Text: "-A INPUT -j NOSUCH"}
	if id := w.resolve(&s); id != -1 {
		t.Errorf("resolved to rule %d", id)
	}
}

func TestFamiliesKeepTheirOrder(t *testing.T) {
	rs := &model.Ruleset{}
	table := func(b model.Backend, f model.Family, name string, prio model.Priority) {
		rs.Tables = append(rs.Tables, &model.Table{Backend: b, Family: f, Name: name, Chains: []*model.Chain{
			{Name: "PREROUTING", Hook: model.HookPrerouting, Priority: prio, Policy: "ACCEPT"}}})
	}
	table(model.BackendLegacy, model.FamilyIPv4, "nat", -100)
	table(model.BackendLegacy, model.FamilyIPv4, "raw", -300)
	table(model.BackendLegacy, model.FamilyIPv6, "raw", -300)
	table(model.BackendLegacy, model.FamilyIPv6, "mangle", -150)
	table(model.BackendNFTables, model.FamilyInet, "fw", -160)
	table(model.BackendNFTables, model.FamilyNetdev, "in", 0)
	rs.Tables[5].Chains[0].Hook = model.HookIngress
	rs.Number()
	w := build(&snapshot.Snapshot{Rules: rs, Counts: rs.Counts(), ConntrackInUse: true}, &orders{})
	var got []string
	for _, e := range w.stations[0].entries {
		s := e.name
		if e.key.family == model.FamilyIPv6 {
			s += "6"
		}
		got = append(got, s)
	}
	want := "netdev in/PREROUTING,raw,raw6,conntrack,inet fw/PREROUTING,mangle6,nat"
	if strings.Join(got, ",") != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}

func TestMergeOfContraryOrders(t *testing.T) {
	a, b := &model.Chain{Name: "a"}, &model.Chain{Name: "b"}
	got := merge([]ruleset.Base{{Chain: a, Sure: true}, {Chain: b, Sure: true}}, []ruleset.Base{{Chain: b, Sure: true}, {Chain: a, Sure: true}})
	if len(got) != 2 || got[0].Chain != a || got[0].Sure {
		t.Errorf("%+v", got)
	}
}

func TestChainPackets(t *testing.T) {
	w := build(uitest.Snapshot(), &orders{})
	find := func(st int, b model.Backend, table string) *entry {
		for i := range w.stations[st].entries {
			if e := &w.stations[st].entries[i]; e.key.backend == b && e.key.table == table {
				return e
			}
		}
		t.Fatalf("no %s", table)
		return nil
	}
	// policy 12034, terminal rules 10344 + 17 + 0, 3 in LOGDROP, which only INPUT calls
	if e := find(stInput, model.BackendLegacy, "filter"); e.packets != 12034+10344+17+3 || e.atLeast {
		t.Errorf("filter/INPUT: %d packets, at least %v", e.packets, e.atLeast)
	}
	s := uitest.Snapshot()
	s.Counts.Chains[s.Rules.Table(model.BackendLegacy, model.FamilyIPv4, "filter").Chain("INPUT").ID].Packets += 5
	before := w
	w = w.recount(s)
	if e := find(stInput, model.BackendLegacy, "filter"); e.packets != 12034+10344+17+3+5 {
		t.Errorf("newer counters: %d packets", e.packets)
	}
	if w = before; find(stInput, model.BackendLegacy, "filter").packets != 12034+10344+17+3 {
		t.Error("a frame's world was changed under it")
	}
	if e := find(stInput, model.BackendNFTables, "fw"); e.counted {
		t.Error("a native chain has no counter: there is no number")
	}
}

func TestBrief(t *testing.T) {
	for _, c := range []struct{ in, comment, want string }{
		{"-A INPUT -d 203.0.113.10/32 -p tcp -m tcp --dport 80 -j DROP", "", "-d 203.0.113.10 tcp dport 80"},
		{`-A X -m comment --comment "a \"b\" c" -j ACCEPT`, `a "b" c`, `# a "b" c`},
		{"-A P -p tcp -j DNAT --to-destination 10.0.0.1:80", "", "tcp to 10.0.0.1:80"},
		{"-A P ! -s 10.0.0.0/8 -m conntrack --ctstate NEW", "", "! -s 10.0.0.0/8 ct NEW"},
		{"-A P -j", "", ""}, {"", "", ""},
	} {
		if got := Brief(&model.Rule{Text: c.in, Comment: c.comment}); got != c.want {
			t.Errorf("%s: %q, want %q", c.in, got, c.want)
		}
	}
	if got := Brief(&model.Rule{Text: `tcp dport 22 counter packets 3 bytes 180 accept comment "ssh in"`, Target: "accept", Comment: "ssh in"}); got != "tcp dport 22 # ssh in" {
		t.Errorf("nft: %q", got)
	}
}

func TestWindowKeepsTheHits(t *testing.T) {
	c := &model.Chain{}
	ls := make([]leaf, 300)
	for i := range ls {
		ls[i] = leaf{rule: i, order: i, chain: c}
	}
	got := window(ls, 7, []int{200})
	has := false
	for i, l := range got {
		has = has || l.order == 200
		if i > 0 && l.order != got[i-1].order+1 {
			t.Errorf("torn: %v", got)
		}
	}
	if len(got) != 7 || !has || !got[0].gap {
		t.Errorf("%v", got)
	}
	if got := window(ls, 3, nil); got[0].order != 0 || got[2].order != 2 {
		t.Errorf("without a hit: %v", got)
	}
}

// A jump loop or a host with thousands of rules must not hang or draw for ever.
func TestHugeAndLooping(t *testing.T) {
	a := &model.Chain{Name: "A"}
	in := &model.Chain{Name: "INPUT", Hook: model.HookInput, Policy: "DROP"}
	for i := range 20000 {
		in.Rules = append(in.Rules, model.Rule{Text: fmt.Sprintf("-A INPUT -s 10.0.%d.%d/32 -j A", i/256, i%256), Target: "A", Jump: "A"})
	}
	a.Rules = []model.Rule{{Text: "-A A -j A", Target: "A", Jump: "A"}, {Text: "-A A -g INPUT", Target: "INPUT", Jump: "INPUT", Goto: true}}
	rs := &model.Ruleset{Tables: []*model.Table{{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "filter", Chains: []*model.Chain{in, a}}}}
	rs.Number()
	f := uitest.Frame(theme.Options{}, 120, 40, 0)
	f.Snap.Rules, f.Snap.Counts, f.Snap.Sparks = rs, rs.Counts(), nil
	pg := New()
	for _, k := range []keys.Action{keys.Down, keys.Right, keys.Down, keys.Enter, keys.Bottom} {
		pg.Do(k, f)
		uitest.Fits(t, pg.View(f), 120, 40)
	}
}

// Counters come each second; a big ruleset must not stop the screen for them.
func BenchmarkRecount(b *testing.B) {
	in := &model.Chain{Name: "FORWARD", Hook: model.HookForward, Policy: "DROP"}
	t := &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "filter", Chains: []*model.Chain{in}}
	for i := range 2000 {
		name := fmt.Sprintf("KUBE-SVC-%d", i)
		in.Rules = append(in.Rules, model.Rule{Text: "-A FORWARD -j " + name, Target: name, Jump: name})
		c := &model.Chain{Name: name}
		for range 20 {
			c.Rules = append(c.Rules, model.Rule{Text: "-A " + name + " -j ACCEPT", Target: "ACCEPT"})
		}
		t.Chains = append(t.Chains, c)
	}
	rs := &model.Ruleset{Tables: []*model.Table{t}}
	rs.Number()
	f := uitest.Frame(theme.Options{}, 120, 40, 0)
	f.Snap.Rules, f.Snap.Sparks = rs, nil
	pg := New()
	for b.Loop() {
		f.Snap.Counts = rs.Counts()
		_ = pg.View(f)
	}
}

func BenchmarkFrame(b *testing.B) {
	f := uitest.Frame(theme.Options{Color: true, Dark: true}, 200, 60, 0)
	var js []*journey.Journey
	for i := range 24 {
		j := *f.Snap.Journeys[i%6]
		j.Number = i + 1
		js = append(js, &j)
	}
	f.Snap.Journeys = js
	f.Player = player.New()
	f.Player.Feed(js)
	for range 20 {
		f.Player.Advance(33 * time.Millisecond)
	}
	if n := len(f.Player.Sprites()); n != 24 {
		b.Fatalf("%d sprites", n)
	}
	pg := New()
	for b.Loop() {
		_ = pg.View(f)
	}
}

// TestVisible: the map tells of every base chain, and of the rules that it drew.
func TestVisible(t *testing.T) {
	f := uitest.Frame(theme.Options{}, 200, 60, 1200*time.Millisecond)
	pg := New()
	var s page.Sight
	pg.Visible(f, &s)
	if len(s.Chains) == 0 || len(s.Rules) != 0 {
		t.Errorf("before the first frame: %d chains, rules %v", len(s.Chains), s.Rules)
	}
	screen := ansi.Strip(pg.View(f))
	s = page.Sight{}
	pg.Visible(f, &s)
	if len(s.Rules) < 10 {
		t.Fatalf("only %d rules:\n%s", len(s.Rules), screen)
	}
	for _, id := range s.Rules {
		if words := strings.Fields(Brief(pg.world.place(id).rule)); len(words) > 0 && !strings.Contains(screen, words[0]) {
			t.Errorf("rule %d (%s) is not drawn:\n%s", id, words[0], screen)
		}
	}
	// A newer counter of one of them is drawn, that of everything else stays.
	id := s.Rules[0]
	next := *f.Snap
	next.Apart = &snapshot.Apart{Rules: []snapshot.Tally{{ID: id, Now: model.Counters{Packets: 777, Valid: true}, At: f.Now}}}
	f.Snap = &next
	if got := ansi.Strip(pg.View(f)); strings.Contains(screen, "777") || !strings.Contains(got, "777") {
		t.Errorf("777 packets are not drawn:\n%s", got)
	}
	// The IDs of the frame before are none of another ruleset.
	next.Rules = uitest.Rules()
	s = page.Sight{}
	if pg.Visible(f, &s); len(s.Rules) != 0 {
		t.Errorf("rules %v of another ruleset", s.Rules)
	}
}

// TestChineseGolden: in a lab whose language is Chinese the step and the end are told in it.
func TestChineseGolden(t *testing.T) {
	t.Parallel()
	for _, s := range [][2]int{{80, 24}, {200, 60}} {
		for _, end := range []bool{false, true} {
			f := uitest.Frame(theme.Options{}, s[0], s[1], 0)
			f.Snap, f.Player = uitest.Lab("zh", 3), player.New()
			f.Player.Feed(f.Snap.Journeys)
			j := f.Snap.Journeys[0]
			name := fmt.Sprintf("path-zh-step-%dx%d", s[0], s[1])
			f.Player.Focus(j.Number)
			if f.Player.Step(3); end {
				name = fmt.Sprintf("path-zh-end-%dx%d", s[0], s[1])
				f.Player.Step(len(j.Steps))
			}
			text := New().View(f)
			uitest.Fits(t, text, s[0], s[1])
			uitest.Golden(t, name, text)
		}
	}
}
