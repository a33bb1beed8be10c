package filter_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"nfscope/model/filter"
)

func TestParsePrintsCanonicalText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"  ", ""},
		{"tcp and dst port 22 and src net 10.0.0.0/8", "tcp and dst port 22 and src net 10.0.0.0/8"},
		{"tcp dst port 80", "tcp and dst port 80"},
		{"TCP && DST PORT http || !icmp6", "(tcp and dst port 80) or not icmpv6"},
		{"icmp", "icmp"},
		{"host 10.2.0.2", "host 10.2.0.2"},
		{"10.2.0.2 or fd00::/8", "host 10.2.0.2 or net fd00::/8"},
		{"src 10.0.0.0/8 and dst fd02::2", "src net 10.0.0.0/8 and dst host fd02::2"},
		{"net 10.0.0.1/32", "host 10.0.0.1"},
		{"portrange 8000-8100", "portrange 8000-8100"},
		{"portrange 80:80", "port 80"},
		{"port 80 or 443", "port 80 or port 443"},
		{"tcp dst port 80 or 443 or 8000-8100", "(tcp and dst port 80) or (tcp and dst port 443) or (tcp and dst portrange 8000-8100)"},
		{"tcp dst port (80 or 443)", "tcp and (dst port 80 or dst port 443)"},
		{"src (10.0.0.1 or 10.1.0.0/16)", "src host 10.0.0.1 or src net 10.1.0.0/16"},
		{"in eth0 out eth1", "in eth0 and out eth1"},
		{"in veth*", "in veth+"},
		{"mark 1/255", "mark 0x1/0xff"},
		{"mark 0x10", "mark 0x10"},
		{"zone 1 and state ESTABLISHED", "zone 1 and state established"},
		{"nat or snat or dnat or masquerade or redirect or hairpin", "nat or snat or dnat or masquerade or redirect or hairpin"},
		{`chain DOCKER table nat rule 7 verdict drop dropped reason IP_RPFILTER`, "chain DOCKER and table nat and rule 7 and verdict drop and dropped and reason IP_RPFILTER"},
		{`chain "and" or chain "a b\"c"`, `chain "and" or chain "a b\"c"`},
		{"proto 6 or proto 99 or ip proto gre", "tcp or proto 99 or (ip and gre)"},
		{"tcp or udp and dst port 99", "tcp or (udp and dst port 99)"},
		{"udp and port 53 or tcp and port 80", "(udp and port 53) or (tcp and port 80)"},
		{"not tcp or udp and port 53", "not tcp or (udp and port 53)"},
		{"tcp and (udp or icmp or ip6) or sctp", "(tcp and (udp or icmp or ip6)) or sctp"},
		{"not tcp port 80", "not (tcp and port 80)"},
		{"tcp port 80 or not 443", "(tcp and port 80) or not (tcp and port 443)"},
		{"ip host 10.0.0.1 or 10.0.0.2", "(ip and host 10.0.0.1) or (ip and host 10.0.0.2)"},
		{"tcp port 80 and host 10.0.0.1 or 10.0.0.2", "(tcp and port 80 and host 10.0.0.1) or host 10.0.0.2"},
		{"udp or in eth0 tcp and port 53", "udp or (in eth0 and tcp and port 53)"},
		{"(tcp or udp) or icmp and ip", "tcp or udp or (icmp and ip)"},
		{"not not tcp", "tcp"},
		{"not (tcp or udp) and ip6", "not (tcp or udp) and ip6"},
		{"not(tcp)", "not tcp"},
		{"!tcp", "not tcp"},
		{"(chain A and rule 1) and (chain B and rule 2)", "(chain A and rule 1) and (chain B and rule 2)"},
		{"not ssh or port ssh", ""},
	} {
		f, err := filter.Parse(c.text)
		if c.text == "not ssh or port ssh" {
			if err == nil {
				t.Errorf("%q is read as %q", c.text, f)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if f.String() != c.want {
			t.Errorf("%q prints %q, want %q", c.text, f, c.want)
		}
		if g, err := filter.Parse(f.String()); err != nil || g.String() != f.String() {
			t.Errorf("%q prints %q, which reads back as %v, %v", c.text, f, g, err)
		}
	}
}

func TestWrongFilterIsRefusedWithColumn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"tcp port htp", `filter, column 10: expected a port number or name, found "htp"`},
		{"dst port", `filter, column 9: expected a port number or name, found the end of the filter`},
		{"port 70000", `filter, column 6: expected a port number or name, found "70000"`},
		{"port 80-90", `filter, column 6: expected a port number or name (a range is: portrange 8000-8100), found "80-90"`},
		{"portrange 90-80", `filter, column 11: expected a range of ports such as 8000-8100, found "90-80"`},
		{"host example.com", `filter, column 6: expected an IPv4 or IPv6 address, found "example.com"`},
		{"host 10.0.0.0/8", `filter, column 6: expected an IPv4 or IPv6 address (a network is: net 10.0.0.0/8), found "10.0.0.0/8"`},
		{"net 10.0.0.1/8", `filter, column 5: expected a network without host bits, such as 10.0.0.0/8, found "10.0.0.1/8"`},
		{"src tcp", `filter, column 5: expected host, net, port, portrange or an address, found "tcp"`},
		{"htp", `filter, column 1: expected a condition such as tcp, host, port or in, found "htp"`},
		{"tcp und udp", `filter, column 5: expected a condition such as tcp, host, port or in, found "und"`},
		{"tcp and", `filter, column 8: expected a condition such as tcp, host, port or in, found the end of the filter`},
		{"port 80 443", `filter, column 9: expected a condition such as tcp, host, port or in, found "443"`},
		{"(tcp or udp", `filter, column 12: expected and, or or ")", found the end of the filter`},
		{"tcp)", `filter, column 4: expected and, or or the end, found ")"`},
		{`chain "x`, `filter, column 7: the quote that begins here does not end: expected a closing "`},
		{"chain and tcp", `filter, column 7: expected a chain's name, found "and"`},
		{"in überlanges-interface-hier", `filter, column 4: expected the name of an interface, found "überlanges-interface-hier"`},
		{"in é and prot x", `filter, column 10: expected a condition such as tcp, host, port or in, found "prot"`},
		{"mark red", `filter, column 6: expected a mark such as 0x1 or 0x1/0xff, found "red"`},
		{"zone 70000", `filter, column 6: expected a zone's number, found "70000"`},
		{"verdict maybe", `filter, column 9: expected accept, drop, reject, continue, jump, goto, return, queue or stolen, found "maybe"`},
		{"proto xyz", `filter, column 7: expected a protocol's name or number, found "xyz"`},
		{strings.Repeat("(", 100) + "tcp", "filter, column 65: too many parentheses: simplify the filter"},
	} {
		f, err := filter.Parse(c.text)
		if err == nil {
			t.Errorf("%q is read as %q", c.text, f)
			continue
		}
		if err.Error() != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.text, err, c.want)
		}
		var e *filter.Error
		if !errors.As(err, &e) || e.Col < 1 {
			t.Errorf("%q: %#v is no filter.Error with a column", c.text, err)
		}
	}
}

func TestCheckRefusesWordsOfOtherKinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		kind filter.Kind
		want string
	}{
		{"tcp and verdict drop", filter.Flows, `filter, column 9: "verdict" does not apply to connections`},
		{"tcp and chain X", filter.Flows, ""},
		{"stale", filter.Journeys, `filter, column 1: "stale" does not apply to traced packets`},
		{"tcp and chain X", filter.Journeys, ""},
		{"zone 1", filter.Journeys, `filter, column 1: "zone" does not apply to traced packets`},
		{"zone 1", filter.Flows, ""},
		{"src 10.0.0.1 state new", filter.Packets, `filter, column 14: "state" does not apply to packets`},
		{"mark 1", filter.Rules, `filter, column 1: "mark" does not apply to rules`},
	} {
		err := parse(t, c.text).Check(c.kind)
		if got := ""; err != nil {
			if got = err.Error(); got != c.want {
				t.Errorf("%q: %s, want %s", c.text, got, c.want)
			}
		} else if c.want != "" {
			t.Errorf("%q is fit for %s", c.text, c.kind)
		}
	}
}

func TestCompletions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		has  []string
		not  []string
	}{
		{"", []string{"tcp", "host", "not", "("}, []string{"and", ")"}},
		{"po", []string{"port", "portrange"}, []string{"tcp"}},
		{"tcp ", []string{"and", "or", "port"}, []string{")"}},
		{"(tcp ", []string{"and", ")"}, nil},
		{"tcp and src ", []string{"host", "net", "port", "portrange"}, []string{"tcp"}},
		{"state est", []string{"established"}, []string{"new"}},
		{"verdict d", []string{"drop"}, []string{"dst", "accept"}},
		{"port ", nil, []string{"tcp", "and"}},
		{"bogus ", nil, []string{"tcp", "and"}},
	} {
		got := filter.Completions(c.text, len(c.text))
		if i := slices.Index(got, "and"); i > 0 {
			t.Errorf("%q: a condition is offered before what joins it: %q", c.text, got)
		}
		if i := slices.Index(got, "("); i >= 0 && strings.Trim(strings.Join(got[i:], ""), "()") != "" {
			t.Errorf("%q: a parenthesis is offered before a word: %q", c.text, got)
		}
		for _, w := range c.has {
			if !slices.Contains(got, w) {
				t.Errorf("%q: %q is not offered in %q", c.text, w, got)
			}
		}
		for _, w := range c.not {
			if slices.Contains(got, w) {
				t.Errorf("%q: %q is offered", c.text, w)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"tcp and dst port 22 and src net 10.0.0.0/8", "not (port 80 or 443) && in eth0", `chain "a b"`,
		"src (10.0.0.1 or fd00::/8) || !icmp", "((", "mark 0x1/0xff zone 1", "portrange 1-2 or 3-4", "net ::ffff:1.2.3.4/128"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range []int{0, len(text) / 2, len(text)} {
			filter.Completions(text, c)
		}
		a, err := filter.Parse(text)
		if err != nil {
			var e *filter.Error
			if !errors.As(err, &e) || e.Col < 1 || e.Col > len(text)+1 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		b, err := filter.Parse(a.String())
		if err != nil || b.String() != a.String() {
			t.Fatalf("%q prints %q, which reads back as %v, %v", text, a, b, err)
		}
		_, _ = a.Conjuncts(64)
	})
}

func parse(t testing.TB, text string) *filter.Filter {
	t.Helper()
	f, err := filter.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestNote: where pcap-filter(7) reads something else it is said, and nowhere else; what is
// said is read alike by both.
func TestNote(t *testing.T) {
	for text, want := range map[string]string{
		"tcp or udp and port 53":                 "tcp or (udp and port 53)",
		"tcp and port 80 or udp and port 53":     "(tcp and port 80) or (udp and port 53)",
		"icmp and (tcp or udp and port 53)":      "icmp and (tcp or (udp and port 53))",
		"(tcp or udp) or icmp and ip":            "tcp or udp or (icmp and ip)",
		"udp and port 53 or tcp":                 "",
		"(tcp or udp) and port 53":               "",
		"tcp or (udp and port 53)":               "",
		"(tcp and port 80) or (udp and port 53)": "",
		"tcp port 80 or udp port 53 or icmp":     "",
		"tcp":                                    "",
	} {
		f := parse(t, text)
		note := f.Note()
		if want == "" && note != "" || want != "" && !strings.HasPrefix(note, "read as "+want+": ") || (want != "") != strings.Contains(note, "tcpdump") {
			t.Errorf("%s: %q, want %q", text, note, want)
		}
		if again := parse(t, f.String()); again.Note() != "" || again.String() != f.String() {
			t.Errorf("%s: %s is %s, %q", text, f, again, again.Note())
		}
	}
}
