package connections

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/model/health"
	"nfscope/model/nat"
	"nfscope/ui/keys"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// TestChineseGolden: who speaks Chinese is told in it how the reply gets back, who translated the
// connection, and why it is stale.
func TestChineseGolden(t *testing.T) {
	t.Parallel()
	for _, s := range [][2]int{{80, 24}, {200, 60}} {
		for name, rules := range map[string]string{"by": "-A POSTROUTING -o eth1 -j MASQUERADE\n", "stale": "-A POSTROUTING -j SNAT --to-source 10.9.9.9\n"} {
			p, f, _ := translated(t, rules)
			f.Lang, f.Theme, f.Width, f.Height = "zh", theme.New(theme.Options{}), s[0], s[1]-5
			text(p, f)
			work(p, f)
			if p.Do(keys.Enter, f); s[0] > 100 {
				p.detail = false
			}
			got := p.View(f)
			uitest.Exact(t, got, f.Width, f.Height)
			uitest.Golden(t, fmt.Sprintf("connections-zh-%s-%dx%d", name, s[0], s[1]), got)
		}
	}
}

// TestChinesePools: how conntrack is doing, and where a pool's range comes from, is told in Chinese;
// statistics and sysctls keep their names.
func TestChinesePools(t *testing.T) {
	t.Parallel()
	for _, s := range [][2]int{{80, 24}, {200, 60}} {
		f := frame(theme.Options{}, s[0], s[1]-5)
		f.Lang = "zh"
		v := &health.View{Reading: health.Reading{Count: 97, Max: 100, Buckets: 16, Shared: true}, Has: 1<<16 - 1}
		for k := range v.Rates {
			v.Rates[k] = 2.5
		}
		f.Snap.Health = v
		p := New()
		text(p, f)
		p.pools.open = true
		all := nat.Ports{First: 1024, Last: 65535}
		p.Done(poolsCounted{list: []nat.Pool{{Addr: netip.MustParseAddr("203.0.113.1"), Proto: model.ProtoTCP, To: netip.MustParseAddr("198.51.100.7"), ToPort: 80, Ports: all, Used: 60000, Closing: 7}}, at: f.Now, of: f.Snap.Rules}, f)
		got := p.View(f)
		uitest.Exact(t, got, f.Width, f.Height)
		uitest.Golden(t, fmt.Sprintf("connections-zh-pools-%dx%d", s[0], s[1]), got)
		p.pools.open = false
		if got := text(p, f); !strings.Contains(got, "! conntrack ") && !strings.Contains(got, "! 连接表") {
			t.Errorf("the alarm:\n%s", got)
		}
	}
}

// TestChineseExplained: of a connection of each kind no explanation is English; the rules' texts and
// what conntrack keeps stay.
func TestChineseExplained(t *testing.T) {
	t.Parallel()
	kept := []string{"original", "reply", "status", "entry", "context", "labels"}
	english := regexp.MustCompile(`\b(?:the|by|of|is|it|not|no|and|or|would|as|which|for|left|from|about)\b`)
	for _, c := range []struct {
		rules  string
		change func(*flow.Flow)
		want   string
	}{
		{"", nil, "stale：它以 10.2.0.1:51000 离开，而现在没有规则会转换它"},
		{"", nil, "源转换: 一条已经不在，或不再匹配的规则"},
		{"-A POSTROUTING -j MASQUERADE\n", nil, "源转换: nat POSTROUTING (iptables-legacy) 的规则 1，推断得知：-A POSTROUTING -j MASQUERADE"},
		{"-A POSTROUTING -m statistic --mode random --probability 0.5 -j SNAT --to-source 10.2.0.1\n-A POSTROUTING -j SNAT --to-source 10.2.0.1\n", nil,
			"源转换: nat POSTROUTING 的规则 1 或 nat POSTROUTING 的规则 2（推断；是哪一条，取决于不得而知的情况）"},
		{"-A POSTROUTING -j SNAT --to-source 10.9.9.9\n", nil, "stale：它以 10.2.0.1:51000 离开，而现在 nat POSTROUTING (iptables-legacy ip) 的规则 1 会让它成为 10.9.9.9：-A POSTROUTING -j SNAT --to-source 10.9.9.9"},
		{"-A POSTROUTING -m statistic --mode random --probability 0.5 -j SNAT --to-source 10.9.9.9\n-A POSTROUTING -j SNAT --to-source 10.9.9.8\n", nil,
			"stale：它以 10.2.0.1:51000 离开，而现在的规则都不会让它成为这样，无论它遇到的是哪一条：nat POSTROUTING (iptables-legacy ip) 的规则 1 或 nat POSTROUTING (iptables-legacy ip) 的规则 2"},
		{"-A POSTROUTING -j SNAT --to-source :9\n", nil, "会让它成为它自己的地址，端口 9：-A"},
		{"COMMIT\n*filter\n:FORWARD DROP [0:0]\n", nil, "stale：现在 filter FORWARD (iptables-legacy ip) 的策略会丢弃它"},
		{"COMMIT\n*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -j DROP\n", nil, "stale：现在 filter FORWARD (iptables-legacy ip) 的规则 1 会丢弃它：-A FORWARD -p tcp -j DROP"},
		{"COMMIT\n*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j CT --notrack\n", nil, "stale：现在的规则不会跟踪它，也就不会转换它"},
		{"", func(x *flow.Flow) { x.Status |= flow.Expected }, "源转换: 它是 helper 预期的连接，helper 给了它所属连接的映射；没有问过规则"},
		{"", func(x *flow.Flow) { x.Zone = 9 }, "源转换: 它属于 zone 9，没有规则设置它：是别的程序在这里跟踪，例如 Open vSwitch"},
		{"", func(x *flow.Flow) { x.Gone = uitest.Now().Add(-2 * time.Second) }, "，已结束 2 s"},
		{"", func(x *flow.Flow) {
			x.Master, x.Orig.Zone, x.Reply.Zone, x.Orig.Adjust.After, x.Synproxy = x.Orig.Tuple, 5, 6, 4, flow.Synproxy{ISN: 11, ITS: 22}
			x.Timeout, x.TimeoutMax, x.Unknown = time.Second, 9*time.Second, []flow.Attribute{{Type: 77, Data: []byte{1}}}
			x.Expects = []flow.Expectation{{Tuple: x.Orig.Tuple, Timeout: 9 * time.Second, Helper: "ftp"}}
		}, "synproxy: 替服务器应答，序号从 11 起，时间戳从 22 起"},
		{"", func(x *flow.Flow) { x.Orig.Tuple.Proto = model.ProtoGRE }, "PPTP 的呼叫标识：客户端 0xc738，服务器 0x1bb"},
		{"", func(x *flow.Flow) { x.Orig.VTag = 7 }, "验证标签 0x7，反方向 0x0"},
	} {
		p, f, fl := translated(t, c.rules)
		f.Lang = "zh"
		x := *fl
		if c.change != nil {
			c.change(&x)
		}
		s := *f.Snap
		s.Version++
		s.Flows.Table = flow.TableOf(&x)
		s.Flows.Table.SetHost(flow.HostFrom(s.Rules, s.Local))
		f.Snap = &s
		text(p, f)
		work(p, f)
		if k, ok := p.nature.known[x.Key()]; ok { // as if packets of it were traced
			k.packets = 3
			p.nature.known[x.Key()] = k
		}
		got := shows(p, f, &x)
		if !strings.Contains(strings.Join(got, "\n"), c.want) {
			t.Errorf("%q is not shown:\n%s", c.want, strings.Join(got, "\n"))
		}
		for _, said := range got {
			if name, value, _ := strings.Cut(said, ": "); !slices.Contains(kept, name) {
				value, _, _ = strings.Cut(value, "：-A ")
				if left := english.FindString(value); left != "" {
					t.Errorf("%q is English: %q", said, left)
				}
			}
		}
	}
}
