package filter

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/ruleset"
	"nfscope/model/ruleset/rulesettest"
)

// soup writes texts of the words that rules are made of, and filters about these, so
// that each meets the other often.
type soup struct{ *rand.Rand }

func (s soup) pick(l ...string) string { return l[s.IntN(len(l))] }

func (s soup) addr() string {
	return s.pick("10.0.0.5", "10.0.0.6", "10.1.0.0", "192.168.1.1", "::1", "fd02::2", "fe80::", "2001:db8::1", "::ffff:10.0.0.5")
}

func (s soup) net() string {
	return s.addr() + s.pick("", "/32", "/8", "/16", "/128", "/64", "/0", "/255.0.0.0", "/255.255.0.255")
}

func (s soup) port() string { return s.pick("22", "80", "443", "8050", "0", "65535", "080", "99999") }

func (s soup) ports() string {
	return s.pick(s.port(), s.port()+":"+s.port(), s.port()+"-"+s.port(), s.port()+":", ":"+s.port(), "8000:8100", "http")
}

func (s soup) word() string {
	switch s.IntN(12) {
	case 0:
		return s.pick("-s", "-d", "--sport", "--dport", "--dports", "--ports", "-i", "-o", "--to-ports", "--to-destination", "--to-source",
			"--src-range", "--ctstate", "-m", "-p", "--mark", "-j", "--source-port")
	case 1:
		return s.pick("saddr", "daddr", "sport", "dport", "iifname", "oif", "port", "s", "ip", "ip6", "to", "!=", "!", "{", "}", "source")
	case 2:
		return s.net()
	case 3, 4:
		return s.ports()
	case 5:
		return s.addr() + ":" + s.ports()
	case 6:
		return "[" + s.addr() + "]" + s.pick("", ":"+s.port(), ":x")
	case 7:
		return s.pick("tcp", "udp", "TCP", "icmp6", "ipv6-icmp", "icmpv6", "sctp", "NEW,ESTABLISHED", "RELATED", "new", "udplite", "\u0130cmp", "ah")
	case 8:
		return s.pick("eth0", "eth*", "eth+", "e*h*", "r0", "*", "lo", "veth-1")
	case 9:
		return s.addr() + "-" + s.addr()
	case 10:
		return s.pick(`"a comment: 10.0.0.5"`, "0.50000000000", "0x4000/0x4000", "00:11:22:33:44:55", "default/web:http", "1.2.3.4.5", "fe80::1%eth0",
			"a.b.c.d", "-", "--", ":", "[", "]", "[]:", "%", "1.2.3.4/", "/", "fd02::2:80")
	}
	return s.pick("DROP", "ACCEPT", "DNAT", "dnat", "accept", "KUBE-SVC-1")
}

func (s soup) text() string {
	var b strings.Builder
	for range 1 + s.IntN(14) {
		b.WriteString(s.word())
		b.WriteString(s.pick(" ", " ", " ", " ", ",", "\t", ", ", `"`, "{", " } ", ""))
	}
	return b.String()
}

// filter writes a filter; some of these are none.
func (s soup) filter(depth int) string {
	if depth > 0 {
		switch s.IntN(6) {
		case 0:
			return "not " + s.filter(depth-1)
		case 1:
			return "(" + s.filter(depth-1) + " or " + s.filter(depth-1) + ")"
		case 2, 3:
			return s.filter(depth-1) + s.pick(" and ", " ") + s.filter(depth-1)
		case 4:
			return s.filter(depth-1) + " or " + s.filter(depth-1)
		}
	}
	d := s.pick("", "src ", "dst ")
	switch s.IntN(10) {
	case 0:
		return d + "host " + s.addr()
	case 1:
		return d + "net " + s.net()
	case 2, 3:
		return d + "port " + s.port()
	case 4:
		return d + "portrange " + s.port() + "-" + s.port()
	case 5:
		return s.pick("tcp", "udp", "icmp", "icmpv6", "proto 132", "proto 200", "ip", "ip6", "ah")
	case 6:
		return s.pick("in ", "out ") + s.pick("eth0", "eth*", "eth+", "e+h", "r0", "lo")
	case 7:
		return "state " + s.pick("new", "established", "related", "invalid")
	case 8:
		return s.pick("chain INPUT", "chain OUTPUT", "table filter", "rule 3", "zone 1", "mark 1", "reason X", "hairpin")
	}
	return s.pick("verdict drop", "verdict accept", "dropped", "nat", "dnat", "snat", "masquerade", "redirect")
}

func (s soup) rule() (*model.Table, *model.Chain, *model.Rule) {
	return &model.Table{Family: []model.Family{model.FamilyIPv4, model.FamilyIPv6, model.FamilyInet}[s.IntN(3)], Name: s.pick("filter", "nat")},
		&model.Chain{Name: s.pick("INPUT", "OUTPUT")},
		&model.Rule{Index: 1 + s.IntN(4), Text: s.text(), Target: s.pick("DROP", "ACCEPT", "DNAT", "dnat", "reject", "MASQUERADE", "", "\u017fnat", "\u0130")}
}

// TestRuleAsSlow holds Rule against the way it was first written.
func TestRuleAsSlow(t *testing.T) {
	t.Parallel()
	s := soup{rand.New(rand.NewPCG(7, 3))}
	asked, found := 0, 0
	for range 4000 {
		text := s.filter(3)
		f, err := Parse(text)
		if err != nil {
			continue
		}
		for range 60 {
			tb, c, r := s.rule()
			want := f.slowRule(tb, c, r)
			if got := f.Rule(tb, c, r, model.Counters{}); got != want {
				t.Fatalf("%q of %q: %v, want %v", text, r.Text, got, want)
			}
			if asked++; want {
				found++
			}
		}
	}
	if asked < 50_000 || found < asked/20 {
		t.Errorf("of %d answers %d are yes: this proves little", asked, found)
	}
}

// TestKubeAsSlow does so over the rules that kube-proxy writes.
func TestKubeAsSlow(t *testing.T) {
	t.Parallel()
	doc, _ := ruleset.ParseSave("kube", []byte(rulesettest.Kube(200)), ruleset.Options{})
	for _, text := range []string{"dst port 80", "src net 10.244.0.0/16", "not src net 10.244.0.0/16", "host 10.244.0.7", "port 8080 and dnat",
		"tcp and not port 80", "udp or dst host 10.96.0.9", "chain KUBE-SERVICES and port 80", "not tcp", "verdict accept", "host 10.244.0.7 or host 10.244.0.9",
		"net 10.244.0.0/16 and (dropped or not nat)", "masquerade", "rule 2 and tcp"} {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		n, asked := 0, 0
		for _, tb := range doc.Tables() {
			for _, c := range tb.Chains {
				for i := range c.Rules {
					r := &c.Rules[i]
					want := f.slowRule(tb, c, r)
					if got := f.Rule(tb, c, r, r.Counters); got != want {
						t.Fatalf("%q of %q: %v, want %v", text, r.Text, got, want)
					}
					if asked++; want {
						n++
					}
				}
			}
		}
		if n == asked || n == 0 && !strings.HasPrefix(text, "udp or") {
			t.Errorf("%q finds %d of %d", text, n, asked)
		}
	}
}

// TestManyConditions asks more than one reading of a text can answer.
func TestManyConditions(t *testing.T) {
	t.Parallel()
	var or []string
	for i := range 150 {
		or = append(or, fmt.Sprintf("port %d", 1000+i))
	}
	f, err := Parse(strings.Join(or, " or "))
	if err != nil {
		t.Fatal(err)
	}
	for port, want := range map[int]bool{999: false, 1000: true, 1063: true, 1064: true, 1149: true, 1150: false} {
		r := &model.Rule{Text: fmt.Sprintf("-A INPUT -p tcp --dport %d -j DROP", port)}
		if got := f.Rule(&model.Table{}, &model.Chain{}, r, r.Counters); got != want || f.slowRule(&model.Table{}, &model.Chain{}, r) != want {
			t.Errorf("port %d: %v, want %v", port, got, want)
		}
	}
}

// FuzzRule holds Rule against the way it was first written.
func FuzzRule(f *testing.F) {
	f.Add("port 80 or host 10.0.0.5 or in eth0", `-A INPUT -s 10.0.0.5/32 -i eth0 -p tcp -m multiport --dports 80,8000:8100 -j DROP`)
	f.Add("dst port 444", `iifname "r0" tcp dport { 80, 443-445 } dnat to [fd02::2]:8443`)
	f.Add("not (state new and in eth*)", `-i e*h0 --ctstate NEW -s [::1%x]:8 :9-`)
	f.Fuzz(func(t *testing.T, text, rule string) {
		fl, err := Parse(text)
		if err != nil {
			return
		}
		tb, c, r := &model.Table{Family: model.FamilyIPv4, Name: "filter"}, &model.Chain{Name: "INPUT"}, &model.Rule{Index: 1, Text: rule, Target: "DROP"}
		if got, want := fl.Rule(tb, c, r, r.Counters), fl.slowRule(tb, c, r); got != want {
			t.Errorf("%q of %q: %v, want %v", text, rule, got, want)
		}
	})
}

// BenchmarkRule asks filters of 100,000 rules.
func BenchmarkRule(b *testing.B) {
	doc, _ := ruleset.ParseSave("kube", []byte(rulesettest.Kube(rulesettest.KubeServices)), ruleset.Options{})
	for _, text := range []string{"dst port 22 and src net 10.0.0.0/8", "tcp", "not host 10.244.0.7", "chain KUBE-SERVICES and port 80", "verdict drop"} {
		f, err := Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(strings.ReplaceAll(text, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, t := range doc.Tables() {
					for _, c := range t.Chains {
						for i := range c.Rules {
							f.Rule(t, c, &c.Rules[i], c.Rules[i].Counters)
						}
					}
				}
			}
		})
	}
}
