package ruleset

import (
	"testing"

	"nfscope/model"
)

func TestDoubt(t *testing.T) {
	t.Parallel()
	legacy := &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4}
	for _, c := range []struct {
		table *model.Table
		rule  model.Rule
		any   bool
	}{
		{legacy, model.Rule{Text: "-A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT"}, false},
		{legacy, model.Rule{Text: "-A INPUT -m quantum --spin up -j DROP"}, true},
		{legacy, model.Rule{Text: "-A INPUT -p tcp -m conntrack [unsupported revision] -j DROP"}, true},
		{legacy, model.Rule{Text: "-A INPUT -j NFQUEUE [unsupported revision]"}, true},
		{legacy, model.Rule{Text: "-A INPUT -j DROP", Marked: "cut"}, true},
		{&model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet}, model.Rule{Text: "tcp dport 22 counter accept"}, false},
		{&model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet}, model.Rule{Text: "quantum spin up accept"}, true},
	} {
		if got := Doubt(c.table, &c.rule); (got != "") != c.any {
			t.Errorf("%s: %q", c.rule.Text, got)
		}
	}
}
