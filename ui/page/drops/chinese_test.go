package drops

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model/drop"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/ui/component/table"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// unseen are steps that are not at work.
func unseen() drop.Watch {
	return drop.Watch{Step: drop.StepProc, Lift: []drop.Lift{
		{Step: drop.StepBPF, Why: "in a user namespace the kernel refuses it to everybody", Fix: "run nfscope on the host: sudo nfscope --netns PID ..."},
		{Step: drop.StepPerf, Why: "tracefs is not mounted, so that the number of the tracepoint is not known", Fix: "mount -t tracefs tracefs /sys/kernel/tracing"}}}
}

// TestChineseGolden: who speaks Chinese is told in it what happened, what this host says of it and
// what is to be done, and why nothing more is seen.
func TestChineseGolden(t *testing.T) {
	t.Parallel()
	for _, s := range [][2]int{{80, 24}, {200, 60}} {
		for name, change := range map[string]func(*snapshot.Snapshot){
			"list":  func(*snapshot.Snapshot) {},
			"below": func(x *snapshot.Snapshot) { x.Drops.Watch = unseen() },
			"none":  func(x *snapshot.Snapshot) { x.Drops = snapshot.Drops{Watch: unseen()} },
		} {
			f := frame(theme.Options{}, s[0], s[1]-5)
			x := *f.Snap
			change(&x)
			f.Snap, f.Lang = &x, "zh"
			p := New()
			p.Do(map[bool]keys.Action{true: keys.Down, false: keys.Bottom}[name == "list"], f)
			got := p.View(f)
			uitest.Exact(t, got, f.Width, f.Height)
			uitest.Golden(t, fmt.Sprintf("drops-zh-%s-%dx%d", name, s[0], s[1]), got)
		}
	}
}

// TestChineseExplained: of no drop anything that explains is English.
func TestChineseExplained(t *testing.T) {
	t.Parallel()
	english := regexp.MustCompile(`\b(?:the|a|by|was|were|of|is|it|its|not|no|and|or|at|this|that|to|with|does|add|in|out|from|first|last|bytes|packets?|reply)\b`)
	p, f := New(), frame(theme.Options{}, 120, 60)
	s := *f.Snap
	f.Snap, f.Lang = &s, "zh"
	s.Drops.Watch = unseen()
	p.usual = true
	for _, r := range s.Drops.Rows {
		for i, it := range p.explain(f.Theme, f, r) {
			value := regexp.MustCompile("`[^`]*`").ReplaceAllString(strings.Replace(it.Value, r.Last.Where(), "", 1), "")
			if left := english.FindString(value); left != "" {
				t.Errorf("%s: %q is English: %q", it.Name, it.Value, left)
			}
			if named := strings.TrimSpace(it.Name); named != "" && !regexp.MustCompile(`\p{Han}`).MatchString(named) {
				t.Errorf("%q is a name in English", it.Name)
			}
			if i == 1 && !regexp.MustCompile(`\p{Han}`).MatchString(it.Value) {
				t.Errorf("%s: %q", r.Key.Reason, it.Value)
			}
		}
	}
}

// TestChineseRule: the rule of a traced packet, and of one like it, is told in Chinese too, and what
// is copied is what is read.
func TestChineseRule(t *testing.T) {
	t.Parallel()
	f := frame(theme.Options{}, 160, 60)
	s := *f.Snap
	f.Snap, f.Lang, f.Filter = &s, "zh", "reason NETFILTER_DROP"
	row := *s.Drops.Rows[slices.IndexFunc(s.Drops.Rows, func(r *drop.Row) bool { return r.Key.Reason == "NETFILTER_DROP" })]
	d := *row.Last
	row.Last, s.Drops.Rows = &d, []*drop.Row{&row}
	j := &journey.Journey{Number: 77, Start: d.Time, Packet: d.Packet, Steps: []journey.Step{{Hook: d.Hook}},
		Outcome: journey.Outcome{Verdict: journey.Dropped, By: journey.Culprit{Kind: "rule", Rule: 9}, Sentence: "dropped by rule 9 of filter/FORWARD (iptables-legacy): -A FORWARD -j DROP"}}
	s.Journeys = []*journey.Journey{j}
	const rule = "被丢弃，由 filter/FORWARD (iptables-legacy) 的规则 9：-A FORWARD -j DROP"
	p := New()
	if got := text(p, f); !strings.Contains(got, rule) || strings.Contains(got, "nfscope trace") {
		t.Errorf("%q is not there:\n%s", rule, got)
	}
	if c, ok := p.Do(keys.Copy, f)().(page.CopyRequest); !ok || !strings.HasSuffix(c.Text, ": "+rule) {
		t.Errorf("copied: %+v", c)
	}
	d.Time, d.Packet.IPID = d.Time.Add(time.Hour), d.Packet.IPID+1
	s.Version++
	if got, want := text(New(), f), "同类的 #77（"+j.Start.Format("15:04:05")+"）："+rule; !strings.Contains(got, want) || !strings.Contains(got, "被 netfilter 在 forward 的规则或策略丢弃") {
		t.Errorf("%q is not there:\n%s", want, got)
	}
}

// TestChineseNotices: why nothing is listed, what is not seen, and what cannot be done.
func TestChineseNotices(t *testing.T) {
	t.Parallel()
	usual := seen(func(d *drop.Drop) { d.Reason, d.Place = "NOT_SPECIFIED", "ip6_mc_input" })
	for want, s := range map[string]*snapshot.Snapshot{
		"正在查看内核丢弃了什么":                  {Source: "live"},
		"没有观察内核丢弃了什么":                  {Source: "recording x"},
		"还没有丢弃任何报文；正在观察每个报文及其原因（eBPF）": {Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepBPF}}},
		"只有正常的主机上都有的丢弃：按 * 显示这 1 行":    {Drops: snapshot.Drops{Rows: rows(usual)}},
		"  6 个在已让位的行里":                 {Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepBPF}, Forgotten: 6}},
		"只有计数器：没有 eBPF":                {Drops: snapshot.Drops{Watch: unseen()}},
		"整个主机的原因：没有 eBPF，丢失 5":         {Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepPerf, Lost: 5, Merged: 5}}},
		"  丢失 5":       {Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepBPF, Merged: 5}}},
		"4 个只计数，没有报文头": {Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepBPF, Held: 3, Lost: 1}}},
		"7 个不知属于哪个命名空间，2 个没有告知任何程序": {Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepBPF, Homeless: 7, Missed: 2}}},
	} {
		f := frame(theme.Options{}, 100, 24)
		f.Snap, f.Lang = s, "zh"
		if got := text(New(), f); !strings.Contains(got, want) {
			t.Errorf("%q is not said:\n%s", want, got)
		}
	}
	f := frame(theme.Options{}, 120, 24)
	f.Lang, f.Filter = "zh", "没有的东西"
	if got := text(New(), f); !strings.Contains(got, `被丢弃的报文里找不到 "没有的东西"（esc 清除过滤器）`) {
		t.Errorf("%s", got)
	}
	f.Filter = "reason TcpExtListenOverflows"
	p := New()
	if got := text(p, f); !strings.Contains(got, "（计数器）") {
		t.Errorf("%s", got)
	}
	for range columns {
		said := p.Do(keys.Sort, f)().(page.Say).Text
		name, ok := strings.CutPrefix(strings.TrimSuffix(said, " 排序，最高的在前"), "按 ")
		if name = strings.TrimSuffix(name, " 排序"); !ok || !slices.ContainsFunc(p.columns(), func(c table.Column) bool { return c.Title == name }) {
			t.Errorf("%q names no column", said)
		}
	}
	for key, want := range map[keys.Action]string{keys.TraceThis: "无从跟踪", keys.Why: "无从查找", keys.Usual: "也列出正常的主机上都有的"} {
		if s, ok := p.Do(key, f)().(page.Say); !ok || !strings.Contains(s.Text, want) {
			t.Errorf("%v: %+v, want %q", key, s, want)
		}
	}
}

// TestChineseFind: a row is found by what its reason means in Chinese, and in English too; another
// language is another list.
func TestChineseFind(t *testing.T) {
	t.Parallel()
	f := frame(theme.Options{}, 120, 24)
	f.Filter = "反向路径"
	p := New()
	if p.sync(f); len(p.order.list) != 0 {
		t.Errorf("in English %d rows", len(p.order.list))
	}
	f.Lang = "zh"
	for _, text := range []string{"反向路径", "reverse path", "ip_rpf"} {
		f.Filter = text
		if p.sync(f); len(p.order.list) != 1 || p.order.list[0].Key.Reason != "IP_RPFILTER" {
			t.Errorf("%q finds %d rows", text, len(p.order.list))
		}
	}
}
