package why

import (
	"net/netip"
	"slices"
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
