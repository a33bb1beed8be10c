package set

import (
	"fmt"
	"testing"

	"nfscope/model"
)

func TestNamed(t *testing.T) {
	legacy := &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "filter"}
	nft := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "fw"}
	for _, c := range []struct {
		table *model.Table
		rule  string
		want  string
	}{
		{legacy, "-A INPUT -m set --match-set bad src -m set ! --match-set good dst,dst -j SET --add-set seen src --exist", "[ipset bad ipset good ipset seen]"},
		{legacy, `-A INPUT -m comment --comment "--match-set not" -m set --match-set bad src -m set --match-set bad dst -j DROP`, "[ipset bad]"},
		{legacy, "-A INPUT -j SET --map-set prio src --map-mark", "[ipset prio]"},
		{legacy, "-A INPUT -s 1.2.3.4 -j DROP --match-set", "[]"},
		{nft, `ip saddr . tcp dport @pairs update @seen { ip saddr } log prefix "a @b \" @c" ip daddr vmap @ways`, "[nft inet fw pairs nft inet fw seen nft inet fw ways]"},
		{nft, "@th,16,16 0x50 @nh,0,8 & 0xf0 == 0x40 add @x{ ip saddr timeout 1m} drop", "[nft inet fw x]"},
	} {
		if got := fmt.Sprint(Named(c.table, c.rule)); got != c.want {
			t.Errorf("%s: %s, want %s", c.rule, got, c.want)
		}
	}
}

func FuzzNamed(f *testing.F) {
	f.Add(true, `ip saddr @a "x`)
	f.Add(false, `--match-set a src \`)
	f.Fuzz(func(t *testing.T, legacy bool, rule string) {
		table := &model.Table{Backend: model.BackendNFTables}
		if legacy {
			table.Backend = model.BackendLegacy
		}
		for _, k := range Named(table, rule) {
			if k.Name == "" {
				t.Errorf("a set without a name in %q", rule)
			}
		}
	})
}
