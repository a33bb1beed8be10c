package match_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/match"
)

// TestWritten: what a person writes, and what we make of it. An empty second part is
// the same again.
func TestWritten(t *testing.T) {
	const v4, v6 = model.FamilyIPv4, model.FamilyIPv6
	for _, c := range []struct {
		f          model.Family
		text, want string
	}{
		{v4, "-A INPUT -s 10.0.0.0/8 ! -i eth0 -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW -j DNAT --to-destination 10.2.0.2:8080", ""},
		{v4, "-A INPUT --protocol TCP --dport 080:90 --match comment --comment x --jump ACCEPT", "-A INPUT -p tcp -m tcp --dport 080:90 -m comment --comment x -j ACCEPT"},
		{v4, "-A INPUT -p tcp --dport=22 -jDROP", "-A INPUT -p tcp -m tcp --dport 22 -j DROP"},
		{v4, "-A INPUT -p6 -s10.1.2.3/255.255.0.0 -g web", "-A INPUT -s 10.1.0.0/16 -p tcp -g web"},
		{v4, "-A INPUT -p tcp --dport ! 80 -s ! 10.0.0.1", "-A INPUT ! -s 10.0.0.1/32 -p tcp -m tcp ! --dport 80"},
		{v4, `-A P -m comment --comment "!" ! -i eth0`, `-A P ! -i eth0 -m comment --comment "!"`},
		{v4, "-I INPUT 3 -d 0/0 -s 10.1 -j ACCEPT", "-I INPUT 3 -s 10.1.0.0/32 -j ACCEPT"},
		{v4, "--append INPUT -p tcp --syn", "-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN"},
		{v4, "[12:3400] -A INPUT -j ACCEPT", "-A INPUT -j ACCEPT"},
		{v4, "-A INPUT -i eth0 -c 12 3400 -j ACCEPT", "-A INPUT -i eth0 -j ACCEPT"},
		{v4, "-A P -p tcp --dport 80 -j DNAT --to 10.2.0.2:8080", "-A P -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.2.0.2:8080"},
		{v4, "-A P -s 10.0.0.1,10.0.0.2/31 -j ACCEPT", "-A P -s 10.0.0.1/32,10.0.0.2/31 -j ACCEPT"},
		{v4, `-A P -m comment --comment "it's \"quoted\" \\ here"`, `-A P -m comment --comment "it\'s \"quoted\" \\ here"`},
		{v4, "-A P -p icmp --icmp-type echo-request", "-A P -p icmp -m icmp --icmp-type 8"},
		{v4, "-A P -p icmp --icmp-type 255", "-A P -p icmp -m icmp --icmp-type any"},
		{v6, "-A P -p icmp6 --icmpv6-type 255", "-A P -p ipv6-icmp -m icmp6 --icmpv6-type 255"},
		{v6, "-A P -s 2001:DB8::0:1 -j REJECT", "-A P -s 2001:db8::1/128 -j REJECT --reject-with icmp6-port-unreachable"},
		{v4, "-A P -m mark --mark 5 -j MARK --set-mark 0x10/0xf", "-A P -m mark --mark 0x5 -j MARK --set-xmark 0x10/0x1f"},
		{v4, "-A P -m limit", "-A P -m limit --limit 3/hour"},
		{v4, "-A P -m limit --limit 120/min", "-A P -m limit --limit 2/sec"},
		{v4, "-A P -m hashlimit --hashlimit 120/min --hashlimit-name a", "-A P -m hashlimit --hashlimit-upto 2/sec --hashlimit-burst 5 --hashlimit-name a --hashlimit-htable-expire 60000"},
		{v4, "-A P -m recent --set", "-A P -m recent --set --name DEFAULT --mask 255.255.255.255 --rsource"},
		{v4, "-j NFQUEUE --queue-bypass", "-j NFQUEUE --queue-num 0 --queue-bypass"},
		{v4, "-p tcp -m tcp ! --dport 0:65535", ""}, // lost by iptables, and not by us
		{v4, "-A P ! -i + -j DROP", ""},
		{v4, "-A P -j LED --led-trigger-id foo --led-delay 0", `-A P -j LED --led-trigger-id "foo"`},
		{v4, "-A P -j SECMARK --selctx system_u:object_r:http_t:s0", ""},
		{v4, "-A P -m bpf --object-pinned /sys/fs/bpf/x", ""},
		{v4, "-A P -p udplite --dport 80", "-A P -p udplite -m udplite --dport 80"},
	} {
		if c.want == "" {
			c.want = c.text
		}
		r := match.Parse(c.text, c.f)
		if got := r.String(); got != c.want {
			t.Errorf("%s\n  want %s\n  have %s", c.text, c.want, got)
		}
		if unknown := strings.Contains(c.text, " 080"); unknown != (len(r.Unknown) > 0) {
			t.Errorf("%s: not understood: %v", c.text, r.Unknown)
		}
	}
}

// TestUnknown: what is not understood stays where it is, word by word, and is marked.
func TestUnknown(t *testing.T) {
	for _, c := range []struct{ text, want, unknown string }{
		{"-A P -p tcp --dport ssh -j ACCEPT", "-A P -p tcp -m tcp --dport ssh -j ACCEPT", "--dport ssh"},
		{"-A P -m foo --bar 1 2 --baz -m tcp --dport 80 -j ACCEPT", "", "-m foo"},
		{"-A P -m tcp --dport 80 --new 7 -j ACCEPT --to x", "", "--new 7|--to x"},
		{"-A P -s www.example.org -j ACCEPT", "", "-s www.example.org"},
		{"-A P -j ACCEPT -j DROP", "", "-j DROP"},
		{"-A P -p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15:16", "", "--dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15:16"},
		{"-A P -p tcp -m tcp --dport 80 --dport 81", "", "--dport 81"},
		{"-A P ! -j ACCEPT", "", "!"},
		{"-A P -m tcp --tcp-flags SYN -j ACCEPT", `-A P -m tcp --tcp-flags SYN "" -j ACCEPT`, `--tcp-flags SYN ""`},
		{`-A P -m comment --comment "open`, `-A P -m comment --comment open`, ""},
		{"-A P stray words -i eth0", "-A P -i eth0 stray words", "stray words"},
		{"-A P -m owner --uid-owner root", "", "--uid-owner root"},
		{"-A P -f", "", ""},
		{"-A P -p tcp -m conntrack [unsupported revision] -m tcp --dport 80 -j NFQUEUE [unsupported revision]",
			"", "[unsupported revision]|[unsupported revision]"},
		{"-A P -m icmp6 --icmpv6-type 1", "", "-m icmp6"}, // IPv6's own
	} {
		if c.want == "" {
			c.want = c.text
		}
		r := match.Parse(c.text, model.FamilyIPv4)
		var l []string
		for _, u := range r.Unknown {
			if u.Why == "" {
				t.Errorf("%s: %q is marked without a reason", c.text, u.Text)
			}
			l = append(l, u.Text)
		}
		if got := strings.Join(l, "|"); got != c.unknown || r.String() != c.want {
			t.Errorf("%s\n  want %s, unknown %s\n  have %s, unknown %s", c.text, c.want, c.unknown, r, got)
		}
		if match.Known(c.text, model.FamilyIPv4) != (c.unknown == "") {
			t.Errorf("%s: Known disagrees with Parse", c.text)
		}
	}
}

// TestReason: the reason tells a name from nonsense.
func TestReason(t *testing.T) {
	for text, want := range map[string]string{
		"-s www.example.org":                            "a name that only its host can look up",
		"-s 2001:db8::1/32":                             "an address of the other family, or a mask that is none",
		"-p tcp --dport ssh":                            "a name that only its host can look up",
		"-p tcp --dport 99999":                          "a value that nfscope does not understand",
		"-m nosuch --x 1":                               "a match that nfscope does not know",
		"-p tcp --nosuch":                               "an option that nfscope does not know",
		"-m conntrack --ctorigsrc 10.0.0.1/255.0.255.0": "a mask that iptables loads as that of one address",
		"-m connbytes ! --connbytes 5:5 --connbytes-mode bytes --connbytes-dir both": "a negation that iptables loses",
		"-m comment ! --comment x":      "it cannot be negated",
		"-m tcp --dport 80 --dport 81":  "it is given twice",
		"-j DNAT --to-destination":      "it lacks an argument",
		"-j DNAT --random=1":            "it takes no argument",
		"-j ACCEPT -g x":                "a rule has one target, with a name",
		"-m":                            "it lacks its name",
		"some words":                    "it belongs to no option",
		"-i eth0 ! -j ACCEPT":           "it negates nothing",
		"-m tcp ! --dport 80 ! ! --syn": "it negates nothing",
		"-m conntrack [unsupported revision] -j ACCEPT": "iptables-save cannot print it: the rule was made by a newer program",
		"-m icmp --icmp-type no-such-type":              "a value that nfscope does not understand",
	} {
		r := match.Parse(text, model.FamilyIPv4)
		if len(r.Unknown) == 0 || r.Unknown[0].Why != want {
			t.Errorf("%s: %v, want %s", text, r.Unknown, want)
		}
	}
}

// TestAll: the list of issue 3.
func TestAll(t *testing.T) {
	known := match.Modules()
	for _, n := range strings.Fields(`tcp udp udplite sctp dccp icmp icmp6 multiport iprange mac mark connmark conntrack state addrtype set
		limit hashlimit recent statistic owner comment length ttl hl tos dscp ecn pkttype physdev policy rpfilter connlimit connbytes
		helper time string u32 bpf tcpmss esp ah rt frag hbh dst socket cgroup realm nfacct quota
		ACCEPT DROP RETURN QUEUE REJECT LOG NFLOG MARK CONNMARK CT NOTRACK SNAT DNAT MASQUERADE REDIRECT NETMAP TPROXY NFQUEUE
		SYNPROXY SET TOS DSCP ECN TTL HL TCPMSS TCPOPTSTRIP CLASSIFY TEE TRACE AUDIT CHECKSUM SECMARK CONNSECMARK IDLETIMER LED
		RATEEST HMARK DNPT SNPT`) {
		if !slices.Contains(known, n) {
			t.Errorf("%s is not known", n)
		}
	}
}

// TestTyped: values come as types that can be held against a packet.
func TestTyped(t *testing.T) {
	r := match.Parse("-A INPUT -s 10.0.0.0/255.0.255.0 ! -i eth+ -p tcp -m tcp --dport 20:30 --tcp-flags SYN,ACK SYN -m conntrack --ctstate NEW,RELATED -j DNAT --to-destination 10.2.0.2-10.2.0.9:8080", model.FamilyIPv4)
	base := r.Match("")
	if v := base.Option("-s").Value.(match.Nets)[0]; v.Bits() != -1 || v.Mask.String() != "255.0.255.0" {
		t.Errorf("source %v", v)
	}
	if o := base.Option("-i"); !o.Negated || !o.Value.(match.Iface).Has("eth7") || o.Value.(match.Iface).Has("wlan0") {
		t.Errorf("interface %v", o)
	}
	tcp := r.Match("tcp")
	if v := tcp.Option("--dport").Value.(match.Range); v.Lo != 20 || v.Hi != 30 {
		t.Errorf("ports %v", v)
	}
	if v := tcp.Option("--tcp-flags").Value.(match.Flags); v.Mask != model.SYN|model.ACK || v.Set != model.SYN {
		t.Errorf("flags %v", v)
	}
	if v := r.Match("conntrack").Option("--ctstate").Value.(match.Names); !v.Has("NEW") || v.Has("ESTABLISHED") {
		t.Errorf("states %v", v)
	}
	if v := r.Target.Option("--to-destination").Value.(match.NATRange); v.Hi.String() != "10.2.0.9" || v.PortLo != 8080 {
		t.Errorf("target %v", v)
	}
	if r.Target.Chain || !match.Parse("-j web", model.FamilyIPv4).Target.Chain {
		t.Error("a target is taken for a chain, or a chain for a target")
	}
	if n := match.Parse("[7:8] -A INPUT", model.FamilyIPv4).Counters; n != (model.Counters{Packets: 7, Bytes: 8, Valid: true}) {
		t.Errorf("counters %v", n)
	}
}

// TestFixed: what we print of a random rule reads back as itself, in both families.
func TestFixed(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		f := model.FamilyIPv4
		if v6 {
			f = model.FamilyIPv6
		}
		g := &gen{Rand: rand.New(rand.NewPCG(9, 9)), v6: v6}
		for range 3000 {
			_, text := g.rule(nil, nil)
			fixed(t, "-A c "+text, f)
		}
	}
}

func fixed(t *testing.T, text string, f model.Family) {
	t.Helper()
	one := match.Parse(text, f).String()
	if two := match.Parse(one, f).String(); two != one {
		t.Fatalf("%q\n  once  %s\n  twice %s", text, one, two)
	}
}

func FuzzParse(f *testing.F) {
	g := &gen{Rand: rand.New(rand.NewPCG(4, 4))}
	for i := range 200 {
		g.v6 = i%2 == 1
		_, text := g.rule(nil, nil)
		f.Add("-A INPUT "+text, g.v6)
	}
	for _, s := range []string{`-A "a b" ! ! -s "`, "-m", "-j", "-m foo -x \"a\\", "[1:2] [3:4] -A", "-4 [1:2] -A x -m tcp ! foo --dport", "-c 1 2 -A -m -j"} {
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, text string, v6 bool) {
		fam := model.FamilyIPv4
		if v6 {
			fam = model.FamilyIPv6
		}
		fixed(t, text, fam)
		r := match.Parse(text, fam)
		r.Words()
		for _, p := range r.Parts() {
			if p.Words == "" && p.Unknown == "" {
				t.Errorf("%q: nothing is said of %q", text, p.Text)
			}
		}
	})
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"-A INPUT -s 10.0.0.0/8 ! -i eth0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.2.0.2:8080": "from 10.0.0.0/8, not in eth0, tcp, dport 80 -> DNAT 10.2.0.2:8080",
		"-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT":                                    "state RELATED,ESTABLISHED -> ACCEPT",
		"-A INPUT -j web":           "every packet -> web",
		"-A INPUT -m socket":        "socket",
		"-A P -m connmark --mark 1": "connmark 0x1",
	} {
		if got := match.Parse(text, model.FamilyIPv4).Words(); got != want {
			t.Errorf("%s\n  want %s\n  have %s", text, want, got)
		}
	}
}

// TestNamed: every match and target that the project promises to understand is there.
func TestNamed(t *testing.T) {
	const promised = "tcp udp udplite sctp dccp icmp icmp6 multiport iprange mac mark connmark conntrack state addrtype set limit " +
		"hashlimit recent statistic owner comment length ttl hl tos dscp ecn pkttype physdev policy rpfilter connlimit connbytes " +
		"helper time string u32 bpf tcpmss esp ah rt frag hbh dst socket cgroup realm nfacct quota " +
		"ACCEPT DROP RETURN QUEUE REJECT LOG NFLOG MARK CONNMARK CT NOTRACK SNAT DNAT MASQUERADE REDIRECT NETMAP TPROXY NFQUEUE " +
		"SYNPROXY SET TOS DSCP ECN TTL HL TCPMSS TCPOPTSTRIP CLASSIFY TEE TRACE AUDIT CHECKSUM SECMARK CONNSECMARK IDLETIMER LED " +
		"RATEEST HMARK DNPT SNPT"
	known := match.Modules()
	for _, name := range strings.Fields(promised) {
		if !slices.Contains(known, name) {
			t.Errorf("%s is not known", name)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	const text = `-A KUBE-SVC-X -m comment --comment "default/web -> 10.0.0.1:80" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-Y`
	b.ReportAllocs()
	for b.Loop() {
		match.Parse(text, model.FamilyIPv4)
	}
}
