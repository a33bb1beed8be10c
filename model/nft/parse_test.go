package nft_test

import (
	"fmt"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/nft"
)

// shape prints the types of what a rule is made of.
func shape(v any) string {
	switch v := v.(type) {
	case *nft.Rule:
		var l []string
		for _, s := range v.Statements {
			l = append(l, shape(s))
		}
		return strings.Join(l, " ")
	case *nft.Match:
		return fmt.Sprintf("[%s %s %s]", shape(v.Left), v.Op, shape(v.Right))
	case *nft.VerdictMap:
		return fmt.Sprintf("VMap(%s, %s)", shape(v.Key), shape(v.In))
	case *nft.Assign:
		return fmt.Sprintf("Assign(%s, %s)", shape(v.To), shape(v.Value))
	case *nft.MapLookup:
		return fmt.Sprintf("Lookup(%s, %s)", shape(v.Key), shape(v.In))
	case *nft.NAT:
		return fmt.Sprintf("NAT(%s %s, %s, %s, %s)", v.Kind, v.Family, shape(v.Addr), shape(v.Port), v.Flags)
	case *nft.Binary:
		return "(" + shape(v.Left) + v.Op + shape(v.Right) + ")"
	case *nft.Verdict:
		s := v.Name + v.Chain
		for _, r := range v.Rules {
			s += "{" + shape(r) + "}"
		}
		return s
	case nft.Concat:
		var l []string
		for _, e := range v {
			l = append(l, shape(e))
		}
		return "Concat(" + strings.Join(l, ", ") + ")"
	case nft.Set:
		var l []string
		for _, e := range v {
			s := shape(e.Key)
			for _, o := range e.Options {
				s += " " + shape(o)
			}
			if e.Data != nil {
				s += ":" + shape(e.Data)
			}
			l = append(l, s)
		}
		return "Set(" + strings.Join(l, ", ") + ")"
	case nft.List:
		var l []string
		for _, e := range v {
			l = append(l, shape(e))
		}
		return "List(" + strings.Join(l, ", ") + ")"
	case nft.Range:
		return "Range(" + shape(v.Lo) + ", " + shape(v.Hi) + ")"
	case nft.Symbol:
		if v.Known {
			return fmt.Sprintf("%s=%d", v.Name, v.N)
		}
		return v.Name + "=?"
	case nft.Number:
		return fmt.Sprint(v.N)
	case nft.Field:
		return strings.ReplaceAll(v.String(), " ", "_") + "/" + v.Type().String()
	case nil:
		return "-"
	case fmt.Stringer:
		return strings.TrimPrefix(fmt.Sprintf("%T", v), "nft.") + "(" + v.String() + ")"
	}
	return fmt.Sprintf("%T", v)
}

func TestParse(t *testing.T) {
	tests := []struct {
		text, want string
		// printed is what nft would print, "" where it is the same text.
		printed string
	}{
		{"ip saddr 10.0.0.0/8 tcp dport { 22, 80-90 } accept",
			"[ip_saddr/ipv4_addr == Prefix(10.0.0.0/8)] [tcp_dport/inet_service in Set(22, Range(80, 90))] accept", ""},
		{"ip saddr != @bad counter drop", "[ip_saddr/ipv4_addr != SetRef(@bad)] *nft.Counter(counter) drop", ""},
		{"ct state established,related", "[ct_state/ct_state has List(established=2, related=4)]", ""},
		{"ct state != new", "[ct_state/ct_state != new=8]", ""},
		{"tcp flags syn / syn,ack", "[tcp_flags/tcp_flag == Masked(syn / syn,ack)]", ""},
		{"tcp flags ! fin", "[tcp_flags/tcp_flag ! fin=1]", ""},
		{"tcp flags & (syn|ack) syn|ack", "[(tcp_flags/tcp_flag&(syn=2|ack=16)) == (syn=2|ack=16)]", "tcp flags & (syn | ack) == syn | ack"},
		{"meta mark and 0xff == 0x10 accept", "[(meta_mark/mark&255) == 16] accept", "meta mark & 0xff == 0x10 accept"},
		{"meta mark set meta mark & 0x000000ff | 0x00000010",
			"Assign(meta_mark/mark, ((meta_mark/mark&255)|16))", ""},
		{"ip saddr . tcp dport vmap { 10.0.0.1 . 80 : accept, * : jump x }",
			"VMap(Concat(ip_saddr/ipv4_addr, tcp_dport/inet_service), Set(Concat(Addr(10.0.0.1), 80):accept, Any(*):jumpx))", ""},
		{"dnat ip to 10.0.0.1-10.0.0.9:80-90 random,persistent",
			"NAT(dnat ip, Range(Addr(10.0.0.1), Addr(10.0.0.9)), Range(80, 90), [random persistent])", ""},
		{"dnat to [fd00::1]:80", "NAT(dnat , Addr(fd00::1), 80, [])", ""},
		{"dnat to ip saddr map { 10.0.0.1 : 10.0.0.2 . 80 }",
			"NAT(dnat , Lookup(ip_saddr/ipv4_addr, Set(Addr(10.0.0.1):Concat(Addr(10.0.0.2), 80))), -, [])", ""},
		{"redirect to :tcp dport map { 22 : 2222 }", "NAT(redirect , -, Lookup(tcp_dport/inet_service, Set(22:2222)), [])", ""},
		{"icmp type redirect icmp code frag-needed", "[icmp_type/icmp_type == redirect=5] [icmp_code/icmp_code == frag-needed=4]", ""},
		{"iifname \"eth*\" tcp dport ssh", `[iifname/ifname == Quoted("eth*")] [tcp_dport/inet_service == ssh=?]`, ""},
		{"tcp dport 22 jump { ip saddr 10.0.0.1 accept; drop; }",
			"[tcp_dport/inet_service == 22] jump{[ip_saddr/ipv4_addr == Addr(10.0.0.1)] accept}{drop}", ""},
		{"ct original saddr 10.0.0.1", "[ct_original_saddr/addr == Addr(10.0.0.1)]", ""},
		{"meta hour \"08:00\"-\"18:00\" drop", `[meta_hour/hour == Range(Quoted("08:00"), Quoted("18:00"))] drop`, ""},
		{"rt type 0 drop", "[rt_type/integer == 0] drop", ""},
		{"fib saddr . iif oif missing drop", "[fib_saddr_._iif_oif/iface_index == missing=0] drop", ""},
		{"tcp dport vmap {22:accept,80 :drop, 443: jump x}", "VMap(tcp_dport/inet_service, Set(22:accept, 80:drop, 443:jumpx))",
			"tcp dport vmap { 22 : accept, 80 : drop, 443 : jump x }"},
		{"ct state established, related accept", "[ct_state/ct_state has List(established=2, related=4)] accept", "ct state established,related accept"},
		{"log level info prefix \"a b\"", `*nft.Log(log prefix "a b" level info)`, `log prefix "a b" level info`},
	}
	for _, tt := range tests {
		r := nft.Parse(tt.text, model.FamilyInet)
		if got := shape(r); got != tt.want || len(r.Unknown) > 0 {
			t.Errorf("%s\n got %s %v\nwant %s", tt.text, got, r.Unknown, tt.want)
		}
		if r.String() != tt.text {
			t.Errorf("%s\ncomes back as %s", tt.text, r)
		}
		if tt.printed == "" {
			tt.printed = tt.text
		}
		if r.Canonical() != tt.printed {
			t.Errorf("%s\nprinted %s", tt.text, r.Canonical())
		}
	}
}

func TestUnknown(t *testing.T) {
	tests := []struct{ text, unknown, why string }{
		{"frob the packet accept", "frob the packet", `"frob" is not understood, expected a statement`},
		{"ip saddr 10.0.0.1 tcp dport $ports drop", "tcp dport $ports", `"$ports" is not understood, expected a value of type inet_service`},
		{"ct state bogus counter drop", "ct state bogus", `"bogus" is not understood, expected a value of type ct_state`},
		{"ip saddr fd00::1", "ip saddr fd00::1", `expected a value of type ipv4_addr`},
		{"counter xt match recent counter", "xt match recent", "iptables-nft-save"},
		{"tcp dport { 22, 80", "tcp dport { 22, 80", "the text ends"},
		{`log prefix "x "y { z" drop`, `log prefix "x "y { z" drop`, "quotes of its own"},
		{"jump { frob x; drop; } accept", "frob x", "is not understood"},
		{strings.Repeat("(", 100), strings.Repeat("(", 100), "too many brackets"},
		{"limit rate 5/fortnight", "limit rate 5/fortnight", "is not a time"},
		{"numgen inc mod 99999999999 1 drop", "numgen inc mod 99999999999 1", "more than 32 bits"},
	}
	for _, tt := range tests {
		r := nft.Parse(tt.text, model.FamilyInet)
		if len(r.Unknown) != 1 || r.Unknown[0].Text != tt.unknown || !strings.Contains(r.Unknown[0].Why, tt.why) {
			t.Errorf("%s: %+v", tt.text, r.Unknown)
			for _, u := range r.Unknown {
				t.Errorf("   %q %s", u.Text, u.Why)
			}
		}
		if r.String() != tt.text || nft.Known(tt.text, model.FamilyInet) {
			t.Errorf("%s: %s", tt.text, r)
		}
	}
}

// checkTables holds every rule and block of a ruleset: nothing unknown, the text comes
// back; where nft itself printed it, from the statements too.
func checkTables(t *testing.T, name string, tables []*model.Table, printed bool) int {
	t.Helper()
	rules := 0
	for _, tb := range tables {
		for _, text := range tb.Extra {
			b := nft.ParseSet(text, tb.Family)
			if b.String() != text || len(b.Unknown) > 0 {
				t.Errorf("%s: block %s\ncomes back as %s, unknown %s", name, text, b, unknowns(b.Unknown))
			}
			n := 0
			for e := range b.Elements() {
				n++
				if u, ok := e.Key.(*nft.Unknown); ok {
					t.Errorf("%s: set %s: element %s: %s", name, b.Name, u.Text, u.Why)
				}
				if printed && !strings.Contains(text, e.String()) {
					t.Errorf("%s: set %s: element printed as %s", name, text, e)
				}
			}
			if n != b.Len() {
				t.Errorf("%s: set %s has %d elements, Len says %d", name, b.Name, n, b.Len())
			}
		}
		for _, c := range tb.Chains {
			for i := range c.Rules {
				rules++
				text := c.Rules[i].Text
				r := nft.Parse(text, tb.Family)
				if r.String() != text || len(r.Unknown) > 0 {
					t.Errorf("%s: %s\ncomes back as %s, unknown %s", name, text, r, unknowns(r.Unknown))
				} else if printed && r.Canonical() != text {
					t.Errorf("%s: nft prints\n %s\n %s", name, text, r.Canonical())
				}
			}
		}
	}
	return rules
}

func unknowns(l []*nft.Unknown) string {
	var s []string
	for _, u := range l {
		s = append(s, fmt.Sprintf("%q (%s)", u.Text, u.Why))
	}
	return strings.Join(s, ", ")
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"ip saddr 10.0.0.0/8 tcp dport { 22, 80-90 } accept", "ct state ! established,new", "tcp flags & (syn|ack) == syn | ack",
		`ip saddr vmap { 10.0.0.1 timeout 1s comment "x" : drop, * : goto y }`, "dnat ip to [fd00::1]-[fd00::9]:80-90 random",
		"redirect to :tcp dport map { 22 : 2222 }", "meta mark set jhash ip saddr . tcp dport mod 16 seed 0xabcd offset 100",
		"tcp dport 22 jump { ip saddr 10.0.0.1 accept; drop; }", "@nh,0,8 0x45", "log prefix \"a\" flags tcp sequence,options",
		"add @s { ip saddr timeout 1m limit rate over 10/second burst 7 packets counter }", "xt match recent counter", "ct count over 5",
		"set s { # handle 8\n\ttypeof ip saddr . tcp dport\n\tflags interval\n\tcounter\n\telements = { 10.0.0.1 . 80 timeout 5d, 10.0.0.2 . 1-9 }\n}",
		"map m {\n\ttype ipv4_addr : ct helper\n\telements = { 10.0.0.1 : \"x\" }\n}", "set s {\n\ttype frob_addr\n}", "quota q { over 25 mbytes used 5 bytes }",
		"((((", "{{{{", "jump {", "meta hour \"08:00\"-\"18:00\"", "queue flags bypass to numgen inc mod 3",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := nft.Parse(text, model.FamilyInet)
		if r.String() != text {
			t.Errorf("%q comes back as %q", text, r)
		}
		for _, u := range r.Unknown {
			if u.Why == "" || !strings.Contains(text, u.Text) {
				t.Errorf("%q: %+v", text, u)
			}
		}
		// What is printed means the same.
		if len(r.Unknown) == 0 {
			p := nft.Parse(r.Canonical(), model.FamilyInet)
			if len(p.Unknown) > 0 || p.Canonical() != r.Canonical() {
				t.Errorf("%q is printed as %q, that as %q %s", text, r.Canonical(), p.Canonical(), unknowns(p.Unknown))
			}
		}
		for _, p := range r.Parts() {
			if p.Words == "" && p.Unknown == "" {
				t.Errorf("%q: nothing is said of %q", text, p.Text)
			}
		}
		b := nft.ParseSet(text, model.FamilyInet)
		if b.String() != text {
			t.Errorf("%q comes back as %q", text, b)
		}
		n := 0
		for range b.Elements() {
			n++
		}
		if n != b.Len() || len(b.Page(0, n+1)) != n {
			t.Errorf("%q has %d elements, Len says %d", text, n, b.Len())
		}
	})
}
