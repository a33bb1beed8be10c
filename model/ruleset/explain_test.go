package ruleset

import (
	"testing"

	"nfscope/model"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	native := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet}
	legacy := &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv6}
	for _, c := range []struct {
		table *model.Table
		rule  model.Rule
		parts int
		first model.Part
	}{
		{native, model.Rule{Text: "ip saddr @bad drop"}, 2, model.Part{Text: "ip saddr @bad", Words: "the IPv4 source is in the set bad"}},
		{legacy, model.Rule{Text: "-A X -m set --match-set bad src -j SET --add-set worse dst"}, 2,
			model.Part{Text: "-m set --match-set bad src", Words: "in the set bad (by src)"}},
		{legacy, model.Rule{Text: "-A X -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT"}, 3, model.Part{Text: "-p ipv6-icmp", Words: "protocol ipv6-icmp"}},
		{legacy, model.Rule{Text: "# text unknown", Marked: "no program"}, 1, model.Part{Text: "# text unknown", Unknown: "no program"}},
		{native, model.Rule{Text: "# no"}, 1, model.Part{Text: "# no", Unknown: "nothing could print it"}},
	} {
		parts := Explain(c.table, &c.rule)
		if len(parts) != c.parts || parts[0] != c.first {
			t.Errorf("%s: %+v", c.rule.Text, parts)
		}
	}
}
