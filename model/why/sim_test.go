package why

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
)

// TestSimulate: a packet that nobody sent ends where the rules say so for certain; what
// hangs on something unknown stays unknown, with all that is possible.
func TestSimulate(t *testing.T) {
	const begin = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	const nat = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.1.0.1 -p tcp --dport 80 -j DNAT --to-destination "
	local := []netip.Prefix{netip.MustParsePrefix("10.1.0.1/24"), netip.MustParsePrefix("10.2.0.1/24")}
	routes := &model.Routes{List: []model.Route{{To: netip.MustParsePrefix("10.1.0.0/24"), Device: "r0"}, {To: netip.MustParsePrefix("10.2.0.0/24"), Device: "r1"}}}
	for _, c := range []struct {
		name, rules, filter, verdict, sentence string
		possible                               []string
		path                                   string
	}{
		{"forwarded, a rule", begin + "-A FORWARD -p tcp --dport 22 -j ACCEPT\n-A FORWARD -p tcp --dport 80 -j DROP\nCOMMIT\n", "tcp and dst host 10.2.0.2 and dst port 80",
			journey.Dropped, "dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p tcp --dport 80 -j DROP", nil, journey.PathForward},
		{"forwarded, through", begin + "-A FORWARD -p tcp --dport 80 -j DROP\nCOMMIT\n", "tcp and dst host 10.2.0.2 and dst port 22", journey.Accepted, "let through by all rules", nil, journey.PathForward},
		{"to this host", begin + "-A INPUT -p udp -j REJECT\nCOMMIT\n", "udp and dst host 10.1.0.1 and dst port 53", journey.Rejected, "rejected by rule 1 of filter/INPUT (iptables-legacy): -A INPUT -p udp -j REJECT", nil, journey.PathInput},
		{"from this host", begin + "-A OUTPUT -d 10.2.0.2 -j DROP\nCOMMIT\n", "icmp and src host 10.2.0.1 and dst host 10.2.0.2", journey.Dropped, "dropped by rule 1 of filter/OUTPUT (iptables-legacy): -A OUTPUT -d 10.2.0.2 -j DROP", nil, journey.PathOutput},
		{"the source is unknown", begin + "-A FORWARD -s 10.9.0.0/16 -j DROP\nCOMMIT\n", "tcp and dst host 10.2.0.2 and dst port 80", journey.Unknown, "what becomes of it depends on what is not known", []string{journey.Accepted, journey.Dropped}, journey.PathForward},
		{"the interface by the way back", begin + "-A FORWARD -i r0 -o r1 -j DROP\nCOMMIT\n", "tcp and src host 10.1.0.2 and dst host 10.2.0.2 and dst port 80", journey.Dropped, "dropped by rule 1 of filter/FORWARD (iptables-legacy): -A FORWARD -i r0 -o r1 -j DROP", nil, journey.PathForward},
		{"a new connection", begin + "-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A FORWARD -m conntrack --ctstate NEW -j DROP\nCOMMIT\n", "udp and dst host 10.2.0.2 and dst port 9",
			journey.Dropped, "dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -m conntrack --ctstate NEW -j DROP", nil, journey.PathForward},
		{"translated", nat + "10.2.0.2:8080\nCOMMIT\n" + begin + "-A FORWARD -d 10.2.0.2 -p tcp --dport 8080 -j DROP\nCOMMIT\n",
			"tcp and dst host 10.1.0.1 and dst port 80", journey.Dropped, "dropped by rule 1 of filter/FORWARD (iptables-legacy): -A FORWARD -d 10.2.0.2 -p tcp --dport 8080 -j DROP", nil, journey.PathForward},
		{"not tracked, so not translated", "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j NOTRACK\nCOMMIT\n" + nat + "10.2.0.2:8080\nCOMMIT\n" + begin + "-A INPUT -p tcp --dport 80 -j DROP\nCOMMIT\n",
			"tcp and dst host 10.1.0.1 and dst port 80", journey.Dropped, "dropped by rule 1 of filter/INPUT (iptables-legacy): -A INPUT -p tcp --dport 80 -j DROP", nil, journey.PathInput},
		{"translated to one of several, which the last chain may drop", nat + "10.2.0.2-10.2.0.9\nCOMMIT\n*mangle\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -d 10.2.0.3 -j DROP\nCOMMIT\n", "tcp and dst host 10.1.0.1 and dst port 80",
			journey.Unknown, "what becomes of it depends on what is not known", []string{journey.Accepted, journey.Dropped}, journey.PathUnknown},
		{"translated to one of several, which a chain may drop", nat + "10.2.0.2-10.2.0.9\nCOMMIT\n" + begin + "-A INPUT -j REJECT\n-A FORWARD -d 10.2.0.3 -j DROP\nCOMMIT\n", "tcp and dst host 10.1.0.1 and dst port 80",
			journey.Unknown, "what becomes of it depends on what is not known", []string{journey.Accepted, journey.Dropped, journey.Rejected}, journey.PathUnknown},
		{"translated to one of several", nat + "10.2.0.2-10.2.0.9\nCOMMIT\n", "tcp and dst host 10.1.0.1 and dst port 80", journey.Unknown, "what becomes of it depends on what is not known", []string{journey.Accepted}, journey.PathUnknown},
	} {
		d, found := ruleset.ParseSave("test", []byte(c.rules), ruleset.Options{Backend: model.BackendLegacy, Family: model.FamilyIPv4})
		if len(found) > 0 {
			t.Fatalf("%s: %v", c.name, found)
		}
		rs := &model.Ruleset{Tables: d.Tables()}
		rs.Number()
		f, err := filter.Parse(c.filter)
		if err != nil {
			t.Fatal(err)
		}
		j := Simulate(f, Host{Index: ruleset.NewIndex(rs), Local: local, Routes: routes})
		if j == nil {
			t.Errorf("%s: nothing is reckoned", c.name)
			continue
		}
		if beyond := func(st journey.Step) bool { return st.Hook != model.HookPrerouting }; c.path == journey.PathUnknown && (slices.ContainsFunc(j.Steps, beyond) || j.Out != "") {
			t.Errorf("%s: where it is sent to is not known, and it goes out of %q: %+v", c.name, j.Out, j.Steps)
		}
		reckonedSo(t, j)
		if o := j.Outcome; o.Verdict != c.verdict || o.Sentence != c.sentence || !slices.Equal(j.Possible, c.possible) || j.Path != c.path || j.Origin != "sim" || len(j.Assumptions) == 0 {
			t.Errorf("%s: %s, %s, possible %v, path %s\nwant %s, %s, %v, %s", c.name, o.Verdict, o.Sentence, j.Possible, j.Path, c.verdict, c.sentence, c.possible, c.path)
		}
	}
	for _, none := range []string{"tcp and dst port 80", "dst net 10.0.0.0/8", "dnat"} {
		f, err := filter.Parse(none)
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := AimOf(f); ok {
			t.Errorf("%s names %s", none, &m.Packet)
		}
	}
}

// TestSimulateOnce: of two tables of nat the first that translates counts; what is translated to is
// no destination where it is the source's; and what a bridge would do is not asked.
func TestSimulateOnce(t *testing.T) {
	parse := func(b model.Backend, text string) []*model.Table {
		d, found := ruleset.ParseSave("test", []byte(text), ruleset.Options{Backend: b, Family: model.FamilyIPv4})
		if len(found) > 0 {
			t.Fatal(found)
		}
		return d.Tables()
	}
	const nat = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp --dport 80 -j DNAT --to-destination "
	snat := parse(model.BackendLegacy, "*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j SNAT --to-source 10.2.0.1\nCOMMIT\n")
	late := parse(model.BackendIptablesNFT, "*mangle\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -d 10.2.0.2 -j DROP\nCOMMIT\n")
	late[0].Chains[0].Priority = 300
	bridge := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyBridge, Name: "b", Chains: []*model.Chain{{Name: "f", Hook: model.HookForward, Policy: "drop"}}}
	for _, c := range []struct {
		name     string
		tables   []*model.Table
		sentence string
	}{
		{"two tables", slices.Concat(parse(model.BackendLegacy, nat+"10.2.0.2:8080\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -d 10.2.0.2 -p tcp --dport 8080 -j DROP\nCOMMIT\n"), parse(model.BackendIptablesNFT, strings.ReplaceAll(nat, " --dport 80", "")+"10.2.0.9:9090\nCOMMIT\n")),
			"dropped by rule 1 of filter/FORWARD (iptables-legacy): -A FORWARD -d 10.2.0.2 -p tcp --dport 8080 -j DROP"},
		{"the source", slices.Concat(snat, late), "dropped by rule 1 of mangle/POSTROUTING (iptables-nft): -A POSTROUTING -d 10.2.0.2 -j DROP"},
		{"a bridge", []*model.Table{bridge}, "let through by all rules"},
	} {
		rs := &model.Ruleset{Tables: c.tables}
		rs.Number()
		f, err := filter.Parse("tcp and src host 10.1.0.2 and dst host 10.2.0.2 and dst port 80")
		if err != nil {
			t.Fatal(err)
		}
		j := Simulate(f, Host{Index: ruleset.NewIndex(rs), Local: []netip.Prefix{netip.MustParsePrefix("10.1.0.1/24"), netip.MustParsePrefix("10.2.0.1/24")}})
		if j == nil || j.Outcome.Sentence != c.sentence {
			t.Errorf("%s: %+v", c.name, j)
		}
	}
}
