package connections

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"nfscope/model"
	"nfscope/model/health"
	"nfscope/model/nat"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// TestPoolGrows: how fast a pool fills, and how long until it is full, stand on the smallest
// usual screen too; other rules are another count.
func TestPoolGrows(t *testing.T) {
	f, p := frame(theme.Options{}, 80, 24), New()
	p.pools.open = true
	began, rules := time.Unix(1000, 0), &model.Ruleset{}
	count := func(used, seconds int, of *model.Ruleset) string {
		x := nat.Pool{Addr: netip.MustParseAddr("203.0.113.1"), Proto: model.ProtoUDP, To: netip.MustParseAddr("198.51.100.7"), ToPort: 53,
			Ports: nat.Ports{First: 2000, Last: 2999}, Given: true, Used: used}
		p.Done(poolsCounted{list: []nat.Pool{x}, at: began.Add(time.Duration(seconds) * time.Second), of: of}, f)
		return text(p, f)
	}
	if got := count(100, 0, rules); strings.Contains(got, ".0/s") {
		t.Errorf("it grows though it was counted once:\n%s", got)
	}
	got := count(200, 10, rules)
	for _, want := range []string{"proto", "growth", "full in", "udp", "203.0.113.1", "198.51.100.7:53", "[■···]", " 200  1000", "+10.0/s", "80 s", "the range is the rule's"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not there:\n%s", want, got)
		}
	}
	if got := count(1000, 15, rules); !regexp.MustCompile(` 1000  1000 .* full *\n`).MatchString(got) {
		t.Errorf("full, and not said so:\n%s", got)
	}
	if got := count(300, 20, &model.Ruleset{}); strings.Contains(got, ".0/s") {
		t.Errorf("other rules, and it grows:\n%s", got)
	}
}

// TestPoolsPage: each pool by what it is, what its use says, where its range comes from, and which
// rules fill it; what is done with it leads to its connections and its rule.
func TestPoolsPage(t *testing.T) {
	f, p := frame(theme.Options{Color: true, Dark: true}, 120, 40), New()
	p.pools.open = true
	table, chain := &model.Table{Name: "nat", Backend: model.BackendLegacy}, &model.Chain{Name: "POST"}
	rules := make([]nat.Rule, 4)
	for i := range rules {
		rules[i] = nat.Rule{Table: table, Chain: chain, Rule: &model.Rule{ID: 40 + i, Index: i + 1, Text: "rule"}}
	}
	addr := netip.MustParseAddr
	a, to := addr("203.0.113.1"), addr("198.51.100.7")
	all := nat.Ports{First: 1024, Last: 65535}
	for _, c := range []struct {
		name              string
		pool              nat.Pool
		want, not         []string
		filter, copy, say string
		rule              int
	}{
		{"of UDP", nat.Pool{Addr: a, Proto: model.ProtoUDP, To: to, ToPort: 53, Ports: all, Used: 5, Rules: rules[:1]}, []string{"no rule names a range", "rule 1 of nat POST: rule"}, []string{"closing", "240", "more"},
			"udp and src host 203.0.113.1 and dst host 198.51.100.7 and dst port 53", "udp 203.0.113.1 to 198.51.100.7:53: 5 of 64512 ports", "", 40},
		{"of echo requests", nat.Pool{Addr: a, Proto: model.ProtoICMP, To: to, Ports: nat.Ports{Last: 65535}, Used: 1, Rules: rules}, []string{"identifiers of echo requests", "rule 2 of nat POST", "and 2 rules more"}, []string{"rule 3", "no rule names a range"},
			"icmp and src host 203.0.113.1 and dst host 198.51.100.7", "icmp 203.0.113.1 to 198.51.100.7: 1 of 65536 ports", "", 40},
		{"full", nat.Pool{Addr: a, Proto: model.ProtoTCP, To: to, ToPort: 80, Ports: nat.Ports{First: 1, Last: 1000}, Given: true, Used: 900, Closing: 7}, []string{"the range is the rule's", "the kernel tries 240 ports", "7 of them are closing"}, []string{"no rule names a range"},
			"tcp and src host 203.0.113.1 and dst host 198.51.100.7 and dst port 80", "tcp 203.0.113.1 to 198.51.100.7:80: 900 of 1000 ports", "no rule is known to translate to this address", 0},
		{"filling", nat.Pool{Addr: a, Proto: model.ProtoTCP, To: to, ToPort: 80, Ports: nat.Ports{First: 1, Last: 1000}, Given: true, Used: 800}, []string{"the kernel tries 240 ports"}, nil,
			"tcp and src host 203.0.113.1 and dst host 198.51.100.7 and dst port 80", "tcp 203.0.113.1 to 198.51.100.7:80: 800 of 1000 ports", "no rule is known to translate to this address", 0},
		{"small and full", nat.Pool{Addr: a, Proto: model.ProtoTCP, To: to, ToPort: 80, Ports: nat.Ports{First: 1, Last: 128}, Given: true, Used: 128}, []string{"the range is the rule's"}, []string{"240"},
			"tcp and src host 203.0.113.1 and dst host 198.51.100.7 and dst port 80", "tcp 203.0.113.1 to 198.51.100.7:80: 128 of 128 ports", "no rule is known to translate to this address", 0},
		{"unused", nat.Pool{Addr: a, Ports: all, Rules: rules[2:3]}, []string{"any  203.0.113.1", "rule 3 of nat POST"}, nil, "", "0 203.0.113.1 to any: 0 of 64512 ports", "no connection uses it", 42},
	} {
		p.Done(poolsCounted{list: []nat.Pool{c.pool}, at: f.Now, of: f.Snap.Rules}, f)
		got := strings.Join(strings.Fields(text(p, f)), " ")
		for _, w := range c.want {
			if !strings.Contains(got, strings.Join(strings.Fields(w), " ")) {
				t.Errorf("%s: %q is not there:\n%s", c.name, w, text(p, f))
			}
		}
		for _, w := range c.not {
			if strings.Contains(got, w) {
				t.Errorf("%s: %q is there:\n%s", c.name, w, text(p, f))
			}
		}
		used := fmt.Sprint(c.pool.Used)
		cells := p.pools.row(f.Theme, &c.pool, 12, false).Cells
		style := f.Theme.Text
		switch {
		case c.pool.Share() >= 0.9:
			style = f.Theme.Bad
		case c.pool.Share() >= 0.8:
			style = f.Theme.Warn
		}
		if cells[4].Style.Render(used) != style.Render(used) {
			t.Errorf("%s: %s is drawn as %q", c.name, used, cells[4].Style.Render(used))
		}
		if got := sent(p.Do(keys.Copy, f)); len(got) != 1 || got[0] != (page.CopyRequest{Text: c.copy}) {
			t.Errorf("%s: copied as %v", c.name, got)
		}
		var want tea.Msg = page.GotoRule{RuleID: c.rule}
		if c.rule == 0 {
			want = page.Say{Text: c.say}
		}
		if got := sent(p.Do(keys.ToRule, f)); len(got) != 1 || got[0] != want {
			t.Errorf("%s: r: %v", c.name, got)
		}
		want = page.FilterRequest{Page: p.Name(), Filter: c.filter}
		if c.filter == "" {
			want = page.Say{Text: c.say}
		}
		if got := sent(p.Do(keys.Enter, f)); len(got) != 1 || got[0] != want || p.pools.open != (c.filter == "") {
			t.Errorf("%s: enter: %v, still open: %v", c.name, got, p.pools.open)
		}
		p.pools.open = true
	}
}

// TestPoolsAreCounted: when the view is opened, with other rules, every two seconds and where the
// clock went back; and the cursor stays at its pool.
func TestPoolsAreCounted(t *testing.T) {
	f, p := frame(theme.Options{}, 120, 40), New()
	if p.pools.work(f) != nil {
		t.Error("they are counted though nobody looks")
	}
	p.Do(keys.Pools, f)
	if got := text(p, f); !strings.Contains(got, "counting") {
		t.Errorf("before they were counted:\n%s", got)
	}
	run := p.pools.work(f)
	if run == nil || p.pools.work(f) != nil {
		t.Fatal("they are not counted, or twice")
	}
	p.Done(run(), f)
	began := f.Snap.Time
	for _, c := range []struct {
		after time.Duration
		rules bool
		due   bool
	}{{0, false, false}, {poolsEvery - 1, false, false}, {poolsEvery, false, true}, {-1, false, true}, {1, true, true}} {
		s := *f.Snap
		if s.Time = began.Add(c.after); c.rules {
			s.Rules = &model.Ruleset{}
		}
		f.Snap = &s
		if due := p.pools.work(f) != nil; due != c.due {
			t.Errorf("after %v, other rules %v: counted %v", c.after, c.rules, due)
		}
		p.pools.busy = false
	}
	pool := func(n byte) nat.Pool {
		return nat.Pool{Addr: netip.AddrFrom4([4]byte{203, 0, 113, n}), Proto: model.ProtoUDP, Ports: nat.Ports{First: 1, Last: 10}}
	}
	p.Done(poolsCounted{list: []nat.Pool{pool(1), pool(2), pool(3)}, at: began}, f)
	p.Do(keys.Down, f)
	p.Done(poolsCounted{list: []nat.Pool{pool(2), pool(3), pool(1)}, at: began}, f)
	if x := p.pools.selected(); x.Addr != pool(2).Addr {
		t.Errorf("the cursor went to %v", x.Addr)
	}
	p.Done(poolsCounted{at: began}, f)
	if got := text(p, f); p.pools.selected() != nil || !strings.Contains(got, "no rule names an address for sources") || len(sent(p.Do(keys.Copy, f))) != 0 {
		t.Errorf("without any:\n%s", got)
	}
}

// TestHealthLines: what is known of conntrack's health, and what is not.
func TestHealthLines(t *testing.T) {
	t.Parallel()
	th := frame(theme.Options{}, 120, 40).Theme
	lines := func(v *health.View, most int) string {
		var l []string
		for _, s := range healthLines(th, nil, v, 200, most) {
			l = append(l, ansi.Strip(s))
		}
		return strings.Join(l, "\n")
	}
	v := &health.View{Reading: health.Reading{Count: 81, Max: 100, Buckets: 4096}, Has: 1<<health.InsertFailed | 1<<health.Invalid}
	v.Rates[health.InsertFailed], v.Ever[health.InsertFailed], v.Ever[health.Invalid] = 2.5, 70, 3
	want := "4096 buckets\na second, and ever: insert_failed 2.5 (70), invalid 0 (3)\n"
	if got := lines(v, 20); !strings.Contains(got, "81 of 100 entries, 81 %") || !strings.Contains(got, want) || !strings.Contains(got, "net.netfilter.nf_conntrack_max is 100") || strings.Contains(got, "early_drop") {
		t.Errorf("%s", got)
	}
	if got := lines(v, 3); strings.Count(got, "\n") != 2 || !strings.HasSuffix(got, th.Glyphs.Dots) {
		t.Errorf("in three lines:\n%s", got)
	}
	for want, v := range map[string]*health.View{"its statistics are not known here": nil, "12 entries, no maximum known": {Reading: health.Reading{Count: 12}}, "the number of entries is not known": {Reading: health.Reading{Count: -1, Max: 9}}} {
		if got := lines(v, 9); !strings.Contains(got, want) {
			t.Errorf("%q is not there:\n%s", want, got)
		}
	}
	for _, c := range []struct {
		v    *health.View
		want string
		bad  bool
	}{
		{nil, "", false},
		{&health.View{Reading: health.Reading{Count: 79, Max: 100}}, "", false},
		{&health.View{Reading: health.Reading{Count: 80, Max: 100}}, "is 80 % full", false},
		{&health.View{Reading: health.Reading{Count: 95, Max: 100}}, "is 95 % full", true},
		{v, "could not be entered", true}, // worse than that it fills
	} {
		if got, bad := alarm(c.v); !strings.Contains(got, c.want) || (got == "") != (c.want == "") || bad != c.bad {
			t.Errorf("%q, bad %v; expected %q, %v", got, bad, c.want, c.bad)
		}
	}
}
