package speech

import "testing"

// TestTitles: what stands above lists in both languages; names and words of the kernel's stay.
func TestTitles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		say    func(Speech) string
		en, zh string
	}{
		{func(s Speech) string { return s.Listed(1, 1) + s.Older(3) }, "1 packet, 3 older are forgotten", "1 个报文，更早的 3 个已删去"},
		{func(s Speech) string { return s.Listed(3, 9) + s.Narrowed("tcp") + s.Searched(5) }, "3 packets of 9, filter: tcp, 5 older are still looked at", "3 个报文，共 9 个，过滤器：tcp，更早的 5 个还在查看"},
		{func(s Speech) string { return s.Exchanged(5, 2, 1) }, "connection 5: 2 packets sent, 1 came back", "连接 5：发出 2 个报文，回来 1 个"},
		{func(s Speech) string { return s.Only("udp") }, "only: udp", "只看：udp"},
		{func(s Speech) string { return s.Connections("1", "", false) }, "1 connection", "1 个连接"},
		{func(s Speech) string { return s.Connections("1", "5", true) + s.Used(5, 9) }, "at least 1 of 5 connectionstable 5 of 9", "至少 1 个连接，共 5 个表 5，上限 9"},
		{func(s Speech) string { return s.Groups(7, 5, "source") + s.OrderedToo("rate", true) }, "7 groups by source, the first 5, rate, highest first", "7 组，按 source 分组，列出前 5 组，按 rate 排序，最高的在前"},
		{func(s Speech) string { return s.Groups(1, 0, "zone") + s.OrderedToo("name", false) }, "1 group by zone, name", "1 组，按 zone 分组，按 name 排序"},
		{func(s Speech) string {
			return s.Counted(1, 4, "flow") + s.Counted(2, 4, "rule") + s.Counted(3, 4, "chain")
		}, "1 flow2 rules3 chains", "1 个连接2 条规则3 条链"},
		{func(s Speech) string { return s.Reading(-1) + s.Reading(1) + s.Reading(20) + s.ReadingSome(7) }, "reading its rulesreading 1 rulereading 20 rulesreading 7 rules", "正在读取它的规则正在读取 1 条规则正在读取 20 条规则正在读取 7 条规则"},
		{func(s Speech) string { return s.MadeBy("docker", "") + s.Behind(s.UserChain()) }, "by docker, user chain", "由 docker，用户链"},
		{func(s Speech) string {
			return s.MadeBy("firewalld", "zone public") + s.Behind(s.AtHook("input", "filter"))
		}, "zone public, by firewalld, hook input, priority filter", "zone public，由 firewalld，hook input，priority filter"},
		{func(s Speech) string {
			return s.Sign("nftables") + s.Sign("IPv6") + s.Sign("died here") + s.Sign("hit") + s.Sign("passed") + s.Sign("packet") + s.Sign("order unsure")
		}, "nftablesIPv6died herehitpassedpacketorder unsure", "nftablesIPv6终止于此命中通过报文次序不定"},
		{func(s Speech) string { return s.Never() + s.Mode("never hit") + s.Mode("hottest first") }, "nevernever hithottest first", "从未从未命中命中最快的在前"},
		{func(s Speech) string { return s.Since("15:04:05", "") + s.CountersOf("15:00:00") }, "since 15:04:05counters of 15:00:00", "从 15:04:05 起计数时间 15:00:00"},
		{func(s Speech) string { return s.Since("15:04:05", "15:04:00") }, "since 15:04:05 (what was not in sight: 15:04:00)", "从 15:04:05 起（当时未显示的：15:04:00）"},
		{func(s Speech) string { return s.CameFrom("FORWARD") + s.CameFrom("") }, "from FORWARD, esc goes back; from a list, esc goes back; ", "来自 FORWARD，esc 返回；来自列表，esc 返回；"},
		{func(s Speech) string { return s.Lesson("nat") + s.Problems(1) + s.Problems(2) }, "nat (L: lesson)1 problem2 problems", "nat（L：课文）1 个问题2 个问题"},
		{func(s Speech) string { return s.Small(40, 12, 30, 9) + s.Smaller(40, 12) }, "nfscope needs 40x12 cells; this is 30x9needs 40x12", "nfscope 需要 40x12 格；现在是 30x9需要 40x12"},
	} {
		if en, zh := c.say(In("en")), c.say(In("zh")); en != c.en || zh != c.zh {
			t.Errorf("%q and %q, want %q and %q", en, zh, c.en, c.zh)
		}
	}
}
