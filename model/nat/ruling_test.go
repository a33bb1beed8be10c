package nat_test

import (
	"testing"

	"nfscope/model/filter"
	"nfscope/model/nat"
)

// TestRuling: a rule's connections are found by its place, as words of the filter that
// hold together for one rule; and those that are stale.
func TestRuling(t *testing.T) {
	f := gateway(t, head+`-A PREROUTING -d 203.0.113.1 -p udp --dport 53 -j DNAT --to-destination 10.2.0.2
-A POSTROUTING -o r1 -p tcp -j MASQUERADE
-A POSTROUTING -o r1 -p udp -j MASQUERADE
COMMIT
`)
	fresh := look(t, "10.1.0.2:5353", "203.0.113.1:53", "10.2.0.2:53", "10.2.0.1:5353")
	old := look(t, "10.1.0.2:5354", "203.0.113.1:53", "10.2.0.3:53", "10.2.0.1:5354")
	plain := look(t, "10.2.0.9:5353", "10.1.0.2:9", "10.1.0.2:9", "10.2.0.9:5353")
	for text, want := range map[string][3]bool{
		"table nat and chain PREROUTING and rule 1":                     {true, false, false},
		"ip and table nat and chain POSTROUTING and rule 2":             {true, true, false},
		"chain POSTROUTING and rule 1":                                  {false, false, false},
		"chain PREROUTING and rule 2":                                   {false, false, false},
		"udp and (chain PREROUTING and rule 1) and (chain POSTROUTING)": {true, false, false},
		"stale":             {false, true, false},
		"not stale and udp": {true, false, true},
		"stale and src host 10.1.0.2 or chain PREROUTING": {true, true, false},
		"not chain PREROUTING and dst port 53":            {false, true, false},
	} {
		flt, err := filter.Parse(text)
		if err == nil {
			err = flt.Check(filter.Flows)
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if !flt.AsksRules() {
			t.Errorf("%q does not ask about rules", text)
		}
		by := nat.Ruling{Finder: f}
		if got := [3]bool{flt.LookBy(fresh, by), flt.LookBy(old, by), flt.LookBy(plain, by)}; got != want {
			t.Errorf("%q: %v, expected %v", text, got, want)
		}
		if flt.LookBy(fresh, nil) && text != "udp" {
			t.Errorf("%q holds where nothing is known of rules", text)
		}
	}
}
