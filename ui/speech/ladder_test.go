package speech

import (
	"testing"

	"nfscope/model"
	"nfscope/model/journey"
)

// TestLadder: what is said of a ladder, and below it, is Chinese; what nobody translated,
// and the kernel's words, stay.
func TestLadder(t *testing.T) {
	t.Parallel()
	say := In("zh").Ladder()
	for en, zh := range map[string]string{
		"conntrack: state NEW, flow 12 (told by the kernel)":                                                           "conntrack：状态 NEW，连接 12（内核告知）",
		"conntrack: state ESTABLISHED, flow 9 (found by its tuple), a reply, answers #3":                               "conntrack：状态 ESTABLISHED，连接 9（按其 tuple 找到），是应答，应答 #3",
		"conntrack: flow 7 (told by the kernel)":                                                                       "conntrack：连接 7（内核告知）",
		"conntrack: state UNTRACKED, answers #1":                                                                       "conntrack：状态 UNTRACKED，应答 #1",
		"snat+dnat: source 10.0.0.1:4 became 10.0.0.9:5: destination [fd::1]:80 became [fd::2]:81":                     "snat+dnat：源 10.0.0.1:4 变成 10.0.0.9:5，目的 [fd::1]:80 变成 [fd::2]:81",
		"incomplete: 3 events were lost while it was under way":                                                        "不完整：它在途中时丢失了 3 个事件",
		"incomplete: what no table here is of":                                                                         "不完整：what no table here is of",
		"assumed: what is told as no match was not hit by an event that is missing (events in its middle are missing)": "假定：说成不匹配的，前提是缺少的事件没有命中它（缺少它中途的事件）",
		"possible: accepted or dropped":                                                                                "可能：accepted 或 dropped",
		"gaps while it was traced: 2":                                                                                  "跟踪期间丢失事件的次数：2",
		"2 chains can still drop: filter/FORWARD, a/b":                                                                 "2 条链还可能丢弃它：filter/FORWARD, a/b",
		"filter/FORWARD can still drop":                                                                                "filter/FORWARD 还可能丢弃它",
		"1 rule looked at did not match":                                                                               "看过的 1 条规则不匹配",
		"rule 4 of filter/INPUT (iptables-legacy) did not match: -j DROP":                                              "filter/INPUT (iptables-legacy) 的规则 4 不匹配：-j DROP",
		"ctstate: unknown, wants SNAT, what is missing: NEW, not known: its NAT":                                       "ctstate：unknown，要求 SNAT，缺少的是：NEW，它的 NAT 未知",
		"dropped by filter/FORWARD (iptables-legacy) or inet fw/forward (nftables) or conntrack in the forward hook: it was seen before and not behind; which rule it was, nothing told": "在 forward 被 filter/FORWARD (iptables-legacy) 或 inet fw/forward (nftables) 或 conntrack 丢弃：之前看到过它，之后没有；没有得知是哪条规则",
		"rule (15 above)":             "rule（上有 15 行）",
		"rule (1 above, 2 below)":     "rule（上有 1 行，下有 2 行）",
		"rule (300 below)":            "rule（下有 300 行）",
		"rule":                        "rule",
		"end":                         "链尾",
		"dport: no, wants 80, has 81": "dport：no，要求 80，而它是 81",
		"time: unknown, wants 9, what is missing: not known: the time": "time：unknown，要求 9，缺少的是：时间",
	} {
		if got := say(en); got != zh || say(en) != zh {
			t.Errorf("%q is %q, want %q", en, got, zh)
		}
	}
	if In("en").Ladder() != nil {
		t.Error("English is put into English")
	}
	var l Ladders
	if l.In("en") != nil || l.In("zh")("to this host") != "到本机" || l.In("en") != nil {
		t.Error("not the language that was asked for")
	}
}

// TestMissed: why a rule did not match, as a sentence.
func TestMissed(t *testing.T) {
	t.Parallel()
	m := &journey.Step{Backend: model.BackendLegacy, Table: "filter", Chain: "INPUT", Rule: 2, Because: []journey.Because{{Match: "protocol", Want: "tcp", Have: "udp", Result: "no"},
		{Match: "source", Result: "yes"}, {Match: "time", Want: "9", Have: "not known: the time", Result: "unknown"},
		{Match: "ctstate", Want: "SNAT", Have: "NEW, not known: its NAT", Result: "unknown"}}}
	for lang, want := range map[string]string{
		"en": "Rule 2 of filter/INPUT did not match: protocol udp is not tcp, time 9 is not known: the time, ctstate SNAT is NEW, not known: its NAT.",
		"zh": "filter/INPUT 的规则 2 不匹配：protocol udp 不是 tcp，time 9 未知：时间，ctstate SNAT 是 NEW，它的 NAT 未知。",
	} {
		if got := In(lang).Missed(m, In(lang).Ladder()); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestConditions: each way in which a condition is put in words.
func TestConditions(t *testing.T) {
	t.Parallel()
	say := In("zh").Ladder()
	for _, c := range []struct {
		because journey.Because
		want    string
	}{
		{journey.Because{Match: "tcp dport", Want: "8080", Have: "8443", Result: "no"}, "tcp dport 8443 不是 8080"},
		{journey.Because{Match: "source", Want: "one of 10.0.0.1, 10.0.0.2", Have: "10.9.0.1", Result: "no"}, "source 10.9.0.1 不是 10.0.0.1, 10.0.0.2 之一"},
		{journey.Because{Match: "conntrack ctstate", Want: "ESTABLISHED", Have: "NEW or INVALID", Result: "no"}, "conntrack ctstate NEW 或 INVALID 不是 ESTABLISHED"},
		{journey.Because{Match: "ct state", Want: "established", Have: "NEW, RELATED or INVALID", Result: "no"}, "ct state NEW, RELATED 或 INVALID 不是 established"},
		{journey.Because{Match: "dport", Want: "not 8443", Have: "8443", Result: "no"}, "dport 是 8443"},
		{journey.Because{Match: "source", Want: "not 10.0.0.0/8", Have: "10.0.0.1", Result: "no"}, "source 10.0.0.1 在 10.0.0.0/8 中"},
		{journey.Because{Match: "ip saddr", Want: "@known", Have: "10.0.0.1", Result: "no"}, "ip saddr 10.0.0.1 不在 @known 中"},
		{journey.Because{Match: "set match-set", Want: "group-A src", Have: "10.0.0.1", Result: "no"}, "10.0.0.1 不在 group-A src 中"},
		{journey.Because{Match: "conntrack ctstate", Want: "NEW", Have: "no connection", Result: "no"}, "conntrack ctstate（没有连接）不是 NEW"},
		{journey.Because{Match: "mark", Want: "1", Result: "unknown"}, "mark 1 未知"},
		{journey.Because{Match: "mark", Want: "1", Have: "not known: the packet's mark", Result: "unknown"}, "mark 1 未知：报文的 mark"},
		{journey.Because{Match: "ct state", Want: "new", Have: "not known: whether it is NEW or INVALID", Result: "unknown"}, "ct state new 未知：它是 NEW 还是 INVALID"},
		{journey.Because{Match: "time", Want: "9", Have: "does not hold: nothing else of the rule failed", Result: "no"}, "time 9 不成立：规则的其他条件都没有失败"},
		{journey.Because{Match: "tcp", Have: "a later fragment, without that header", Result: "no"}, "tcp：是后面的分片，没有这个报文头"},
		{journey.Because{Match: "length", Want: "100", Have: "40 or more", Result: "no"}, "length（至少 40）不是 100"},
	} {
		if got := say(c.because.Words()); got != c.want {
			t.Errorf("%q is %q, want %q", c.because.Words(), got, c.want)
		}
	}
}
