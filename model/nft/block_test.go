package nft_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/nft"
)

func TestParseSet(t *testing.T) {
	b := nft.ParseSet(`set s3 { # handle 8
	typeof ip saddr . tcp dport
	size 1000
	flags interval,timeout
	timeout 1d
	gc-interval 5m
	auto-merge
	policy memory
	comment "who; was { here"
	counter limit rate 5/second
	elements = { 10.2.0.0/16 . 80-90 timeout 5d expires 4d23h59m59s996ms counter packets 1 bytes 2 comment "a, b }",
		     10.0.0.1 . 1 }
}`, model.FamilyInet)
	got := fmt.Sprintf("%s %s %d %v %q %v %v %v %v %d %s %v %q %v", b.Kind, b.Name, b.Handle, b.Key, b.KeyText, b.Typeof, b.Flags,
		b.Timeout, b.GC, b.Size, b.Policy, b.AutoMerge, b.Comment, b.Statements)
	want := `set s3 8 [ipv4_addr inet_service] "ip saddr . tcp dport" true [interval timeout] 1d 5m 1000 memory true "who; was { here" [counter limit rate 5/second]`
	if got != want || len(b.Unknown) > 0 {
		t.Errorf("%s %s\nwant %s", got, unknowns(b.Unknown), want)
	}
	page := b.Page(0, 10)
	if b.Len() != 2 || len(page) != 2 {
		t.Fatalf("%d elements, %d read", b.Len(), len(page))
	}
	if s := shape(nft.Set(page)); s != "Set(Concat(Prefix(10.2.0.0/16), Range(80, 90)) *nft.Timeout(timeout 5d) "+
		`*nft.Timeout(expires 4d23h59m59s996ms) *nft.Counter(counter packets 1 bytes 2) *nft.Comment(comment "a, b }"), Concat(Addr(10.0.0.1), 1))` {
		t.Error(s)
	}
	if d := page[0].Options[1].(*nft.Timeout).D.D; d != 5*24*time.Hour-4*time.Millisecond {
		t.Error(d)
	}
	if l := b.Page(1, 10); len(l) != 1 || l[0].String() != "10.0.0.1 . 1" {
		t.Error(l)
	}

	tests := []struct{ text, want string }{
		{"map m { # handle 9\n\ttype ipv4_addr : verdict\n\telements = { 10.0.0.1 : drop, * : jump x }\n}",
			`map m 9 [ipv4_addr] [verdict] "" [] [] [10.0.0.1 : drop * : jump x] []`},
		{"map m {\n\ttype ipv4_addr : counter\n\telements = { 10.0.0.1 : \"web\" }\n}",
			`map m 0 [ipv4_addr] [string] "counter" [] [] [10.0.0.1 : "web"] []`},
		{"map m {\n\ttype ifname . mark : ct helper\n}", `map m 0 [ifname mark] [string] "ct helper" [] [] [] []`},
		{"map m {\n\ttype ipv4_addr : interval ipv4_addr . inet_service\n\tflags interval\n}",
			`map m 0 [ipv4_addr] [ipv4_addr inet_service] "" [] [] [] []`},
		{"set s {\n\ttypeof ct original ip saddr\n}", `set s 0 [ipv4_addr] [] "" [] [] [] []`},
		{"counter c { # handle 2\n\tcomment \"yy\"\n\tpackets 3 bytes 4\n}", `counter c 2 [] [] "" [counter packets 3 bytes 4] [] [] []`},
		{"quota q {\n\tover 25 mbytes used 5 bytes\n}", `quota q 0 [] [] "" [quota over 25 mbytes used 5 bytes] [] [] []`},
		{"limit l { rate over 10 kbytes/second burst 5 kbytes }", `limit l 0 [] [] "" [limit rate over 10 kbytes/second burst 5 kbytes] [] [] []`},
		{"synproxy y {\n\tmss 1460\n\twscale 7\n\ttimestamp sack-perm\n}",
			`synproxy y 0 [] [] "" [synproxy mss 1460 wscale 7 timestamp sack-perm] [] [] []`},
		{"secmark m { # handle 3\n\t\"system_u:object_r:x:s0\"\n}", `secmark m 3 [] [] "" [] [{context "system_u:object_r:x:s0"}] [] []`},
		{"ct helper ftp {\n\ttype \"ftp\" protocol tcp\n\tl3proto inet\n}",
			`ct helper ftp 0 [] [] "" [] [{type "ftp"} {protocol tcp} {l3proto inet}] [] []`},
		{"ct timeout t {\n\tprotocol tcp\n\tl3proto ip\n\tpolicy = { established : 100s, close : 5s }\n}",
			`ct timeout t 0 [] [] "" [] [{protocol tcp} {l3proto ip} {policy { established : 100s, close : 5s }}] [] []`},
		{"ct expectation e {\n\tprotocol tcp\n\tdport 5432\n\ttimeout 1h\n\tsize 12\n\tl3proto ip\n}",
			`ct expectation e 0 [] [] "" [] [{protocol tcp} {dport 5432} {timeout 1h} {size 12} {l3proto ip}] [] []`},
		{"flowtable ft {\n\thook ingress priority filter\n\tdevices = { eth0, eth1 }\n\tflags offload\n\tcounter\n}",
			`flowtable ft 0 [] [] "" [] [{hook ingress priority filter} {devices { eth0, eth1 }} {flags offload} {counter }] [] []`},
		{`comment "of the table"`, `comment  0 [] [] "" [] [] [] []`},
		{"set s {\n\ttype frob_addr\n\tfrob\n}", `set s 0 [] [] "" [] [] [] [type frob_addr frob]`},
		{"gadget x { }", ` gadget x { }`},
		{"set s {\n\ttype ipv4_addr\n\telements = { 10.0.0.1, frob }\n}", `set s 0 [ipv4_addr] [] "" [] [] [10.0.0.1 frob] []`},
		{"set s {\n\ttype ipv4_addr\n", `set s 0 [ipv4_addr] [] "" [] [] [] []`},
	}
	for _, tt := range tests {
		b := nft.ParseSet(tt.text, model.FamilyInet)
		got := fmt.Sprintf("%s %s %d %v %v %q %v %v %v %v", b.Kind, b.Name, b.Handle, b.Key, b.Data, b.Object, b.Statements, b.Props,
			b.Page(0, 9), b.Unknown)
		if tt.text == "gadget x { }" {
			got = b.Kind + " " + b.Unknown[0].Text
		}
		if b.String() != tt.text || !strings.HasPrefix(got, strings.TrimSuffix(tt.want, "[]")) {
			t.Errorf("%s\n got %s\nwant %s", tt.text, got, tt.want)
		}
		known := !strings.Contains(tt.text, "frob\n") && !strings.Contains(tt.text, "gadget") && strings.HasSuffix(strings.TrimSpace(tt.text), "}") ||
			strings.HasPrefix(tt.text, "comment")
		if known != (len(b.Unknown) == 0) {
			t.Errorf("%s: unknown %s", tt.text, unknowns(b.Unknown))
		}
	}
}

// TestLargeSet names, counts and pages a large set without reading it.
func TestLargeSet(t *testing.T) {
	const n = 200000
	var b strings.Builder
	b.WriteString("set big {\n\ttype ipv4_addr\n\telements = { ")
	for i := range n {
		if i > 0 {
			b.WriteString(",\n\t\t     ")
		}
		fmt.Fprintf(&b, "10.%d.%d.%d", i>>16, i>>8&255, i&255)
	}
	b.WriteString(" }\n}")
	text := b.String()
	s := nft.ParseSet(text, model.FamilyIPv4)
	if s.Name != "big" || s.Len() != n || len(s.Unknown) > 0 {
		t.Fatalf("%s has %d elements, %s", s.Name, s.Len(), unknowns(s.Unknown))
	}
	if l := s.Page(n-2, 5); len(l) != 2 || l[1].String() != "10.3.13.63" {
		t.Error(l)
	}
	if a := testing.AllocsPerRun(3, func() { nft.ParseSet(text, model.FamilyIPv4).Len() }); a > 50 {
		t.Errorf("to name and to count takes %v allocations", a)
	}
}
