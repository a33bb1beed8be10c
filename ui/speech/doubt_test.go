package speech

import (
	"testing"
	"unicode"

	"strings"

	"nfscope/model"
	"nfscope/model/ruleset"
)

// TestDoubts: what is not understood of rules that are met is said in Chinese, with the part of
// the rule as it stands.
func TestDoubts(t *testing.T) {
	t.Parallel()
	say := In("zh").Doubt()
	legacy := &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4}
	native := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet}
	for _, c := range []struct {
		table *model.Table
		rule  string
		want  string
	}{
		{legacy, "-A INPUT -m wonder --much -j ACCEPT", "-m wonder：nfscope 不认识的匹配"},
		{legacy, "-A INPUT -s host.example -j ACCEPT", "-s host.example：只有它所在的主机才能解析的名字"},
		{legacy, "-A INPUT -s fd00::1/128 -j ACCEPT", "-s fd00::1/128：另一协议族的地址，或不成立的掩码"},
		{legacy, "-A INPUT -p tcp -m tcp --dport x:y -j ACCEPT", "--dport x:y：nfscope 读不懂的值"},
		{legacy, "-A INPUT word -j ACCEPT", "word：它不属于任何选项"},
		{legacy, "-A INPUT -p tcp -p tcp -j ACCEPT", "-p tcp：它给了两次"},
		{&model.Table{Backend: model.BackendLegacy, Family: model.FamilyARP}, "-A INPUT -j ACCEPT", "arptables 或 ebtables 的规则，按原样显示"},
		{native, "ip wonder 3 accept", ""},
		{native, "tcp dport { 22, accept", ""},
		{native, "limit rate many accept", ""},
		{native, `log level loud`, ""},
		{native, `xt match "string"`, `xt match "string"：nft 只知道 x_tables 扩展的名字，iptables-nft-save 能完整打印`},
		{native, "ct state new meter", ""},
		{native, "reject with a smile", ""},
	} {
		all := ruleset.Doubts(c.table, &model.Rule{Text: c.rule})
		if len(all) == 0 {
			t.Errorf("%q: all of it is understood", c.rule)
		}
		for i, en := range all {
			zh := say(en)
			if !strings.ContainsFunc(zh, func(r rune) bool { return unicode.Is(unicode.Han, r) }) || i == 0 && c.want != "" && zh != c.want {
				t.Errorf("%q: %q is %q, want %q", c.rule, en, zh, c.want)
			}
		}
	}
	for en, zh := range map[string]string{
		"--to: 5: it is given twice":                         "--to: 5：它给了两次",
		"a text that nobody knows: at all":                   "a text that nobody knows: at all",
		"target X is neither a chain of the table nor known": "目标 X 既不是本表的链，也不认识",
	} {
		if got := say(en); got != zh {
			t.Errorf("%q is %q, want %q", en, got, zh)
		}
	}
	if In("en").Doubt() != nil {
		t.Error("English is put into English")
	}
}
