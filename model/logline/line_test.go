package logline

import (
	"encoding/json"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/ruleset"
)

// The lines have the forms that net/netfilter/nf_log_syslog.c prints.
func TestParse(t *testing.T) {
	for _, c := range []struct {
		text, prefix, way, what, owner string
		family                         model.Family
	}{
		{"in: IN=eth0 OUT= MAC=52:54:00:12:34:56:52:54:00:65:43:21:08:00 SRC=198.51.100.7 DST=203.0.113.10 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=4711 DF PROTO=TCP SPT=40312 DPT=22 SEQ=1 ACK=0 WINDOW=64240 RES=0x00 SYN URGP=0 OPT (020405B4) MARK=0x2a ",
			"in: ", "in eth0", "tcp 198.51.100.7:40312 > 203.0.113.10:22 SYN", "", model.FamilyIPv4},
		{"IN= OUT=eth1 SRC=10.0.0.1 DST=10.0.0.2 LEN=32 TOS=0x08 PREC=0x20 TTL=64 ID=0 DF PROTO=UDP SPT=5353 DPT=53 LEN=12 UID=1000 GID=100 ",
			"", "out eth1", "udp 10.0.0.1:5353 > 10.0.0.2:53", "uid 1000 gid 100", model.FamilyIPv4},
		{"[IN=bad OUT=worse] IN=br0 OUT=br0 PHYSIN=p1 PHYSOUT=p2 SRC=fd01:0000:0000:0000:0000:0000:0000:0002 DST=fd02:0000:0000:0000:0000:0000:0000:0002 LEN=104 TC=0 HOPLIMIT=63 FLOWLBL=331843 PROTO=ICMPv6 TYPE=128 CODE=0 ID=7 SEQ=1 ",
			"[IN=bad OUT=worse] ", "br0 > br0", "icmpv6 fd01::2 > fd02::2 echo-request", "", model.FamilyIPv6},
		{"x IN=eth0 OUT= SRC=10.0.0.9 DST=10.0.0.1 LEN=56 TOS=0x00 PREC=0xC0 TTL=64 ID=1 PROTO=ICMP TYPE=3 CODE=3 [SRC=10.0.0.1 DST=10.0.0.9 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=2 DF PROTO=UDP SPT=1 DPT=2 LEN=8 ] ",
			"x ", "in eth0", "icmp 10.0.0.9 > 10.0.0.1 unreachable code 3", "", model.FamilyIPv4},
		{"f IN=eth0 OUT= SRC=10.0.0.9 DST=10.0.0.1 LEN=1500 TOS=0x00 PREC=0x00 TTL=64 ID=1 MF FRAG:185 PROTO=UDP ",
			"f ", "in eth0", "udp 10.0.0.9 > 10.0.0.1 fragment at 1480", "", model.FamilyIPv4},
		{"arp IN=eth0 OUT= ARP HTYPE=1 PTYPE=0x0800 OPCODE=1 MACSRC=52:54:00:12:34:56 IPSRC=10.0.0.1 MACDST=00:00:00:00:00:00 IPDST=10.0.0.2",
			"arp ", "in eth0", "IN=eth0 OUT= ARP HTYPE=1 PTYPE=0x0800 OPCODE=1 MACSRC=52:54:00:12:34:56 IPSRC=10.0.0.1 MACDST=00:00:00:00:00:00 IPDST=10.0.0.2", "", model.FamilyUnspec},
	} {
		l, ok := Parse(c.text)
		if !ok || l.Prefix != c.prefix || l.Way() != c.way || l.What() != c.what || l.Owner() != c.owner || l.Family != c.family {
			t.Errorf("%s\nis %v %q, %q, %q, %q, %v", c.text, ok, l.Prefix, l.Way(), l.What(), l.Owner(), l.Family)
		}
	}
	l, _ := Parse("IN=a OUT=b SRC=10.0.0.1 DST=10.0.0.2 LEN=60 TOS=0x08 PREC=0x20 TTL=7 ID=9 PROTO=TCP SPT=1 DPT=2 SEQ=5 ACK=6 WINDOW=1 RES=0x00 ACK PSH FIN URGP=0 MARK=0x10 ")
	want := model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoTCP, Src: l.Packet.Src, Dst: l.Packet.Dst, SPort: 1, DPort: 2, Transport: true,
		Length: 60, Flags: model.ACK | model.PSH | model.FIN, Seq: 5, Ack: 6, TTL: 7, TOS: 0x28, IPID: 9, Mark: 16}
	if *l.Packet != want {
		t.Errorf("headers %+v, want %+v", *l.Packet, want)
	}
	for _, s := range []string{"", "eth0: link becomes ready", "IN=eth0", "IN=eth0 SRC=1.2.3.4", "PHYSIN=a OUT=b"} {
		if _, ok := Parse(s); ok {
			t.Errorf("%q is taken for a line of LOG", s)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("in: IN=eth0 OUT= SRC=198.51.100.7 DST=203.0.113.10 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=4711 DF PROTO=TCP SPT=1 DPT=22 SYN URGP=0 [SRC=1.2.3.4 ] FRAG:1")
	f.Add("IN= OUT=")
	f.Fuzz(func(t *testing.T, s string) {
		l, ok := Parse(s)
		if !ok {
			return
		}
		if !strings.HasPrefix(s, l.Prefix) || !strings.HasPrefix(s[len(l.Prefix):], "IN=") {
			t.Errorf("prefix %q of %q", l.Prefix, s)
		}
		if p := l.Packet; p != nil && (!p.Src.IsValid() || !p.Dst.IsValid()) {
			t.Errorf("a packet without address: %q", s)
		}
		b, err := l.JSON(nil)
		if err != nil || !json.Valid(b) {
			t.Errorf("%q: %v", b, err)
		}
	})
}

const save = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:LOGGED - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j NFLOG --nflog-prefix "ssh in" --nflog-group 5
-A INPUT -j LOG --log-prefix "in: "
-A INPUT -p udp -j LOGGED
-A FORWARD -j NFLOG --nflog-group 5
-A FORWARD -j LOG --log-prefix "twice "
-A FORWARD -p tcp -j LOG --log-prefix "twice "
-A OUTPUT -j LOGGED
-A LOGGED -j NFLOG --nflog-prefix "both" --nflog-group 7
-A LOGGED -j DROP
COMMIT
`

const script = `table inet fw {
	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 80 log prefix "web" group 7
		tcp dport 81 log prefix "in: " level info
		tcp dport 82 log level audit
		log prefix "a" log prefix "b" group 9
	}
}
`

func rules(t *testing.T) []*Rule {
	t.Helper()
	rs := &model.Ruleset{}
	for _, text := range []string{save, script} {
		r, _, bad := ruleset.ParseFile("test", []byte(text))
		if len(bad) > 0 {
			t.Fatal(bad)
		}
		rs.Tables = append(rs.Tables, r.Tables...)
	}
	rs.Number()
	return Rules(rs)
}

func TestRules(t *testing.T) {
	all := rules(t)
	var got []string
	for _, r := range all {
		got = append(got, string(r.Source)+" "+r.String()+" "+r.Prefix)
	}
	want := "nflog rule 1 of filter/INPUT ssh in|log rule 2 of filter/INPUT in: |nflog rule 1 of filter/FORWARD |log rule 2 of filter/FORWARD twice |" +
		"log rule 3 of filter/FORWARD twice |nflog rule 1 of filter/LOGGED both|nflog rule 1 of inet fw/input web|log rule 2 of inet fw/input in: |" +
		"log rule 4 of inet fw/input a|nflog rule 4 of inet fw/input b"
	if s := strings.Join(got, "|"); s != want {
		t.Errorf("got %s", s)
	}
	groups, log := Groups(all)
	if len(groups) != 3 || groups[0] != 5 || groups[1] != 7 || groups[2] != 9 || !log {
		t.Errorf("groups %v, log %v", groups, log)
	}
}

func TestSays(t *testing.T) {
	for text, want := range map[string]bool{"log": true, "tcp dport 22 log": true, `log prefix "a"`: true, `tcp dport 1 log prefix "log" accept`: true, "": false,
		`accept comment "log"`: false, `accept comment "a log b"`: false, "jump logged": false, "jump mylog": false, `comment "x" log`: true, `comment "x`: false} {
		if says(text, "log") != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

func TestCandidates(t *testing.T) {
	all := rules(t)
	for _, c := range []struct {
		line Line
		want string
	}{
		{Line{Source: NFLOG, Group: 5, Prefix: "ssh in", Hook: model.HookInput, Family: model.FamilyIPv4}, "probably rule 1 of filter/INPUT"},
		{Line{Source: NFLOG, Group: 5, Prefix: "ssh in", Hook: model.HookForward, Family: model.FamilyIPv4}, ""},
		{Line{Source: NFLOG, Group: 5, Prefix: "ssh in", Hook: model.HookInput, Family: model.FamilyIPv6}, ""},
		{Line{Source: NFLOG, Group: 6, Prefix: "ssh in", Hook: model.HookInput, Family: model.FamilyIPv4}, ""},
		{Line{Source: NFLOG, Group: 7, Prefix: "both", Hook: model.HookOutput, Family: model.FamilyIPv4}, "probably rule 1 of filter/LOGGED"},
		{Line{Source: NFLOG, Group: 7, Prefix: "web", Hook: model.HookInput, Family: model.FamilyIPv6}, "probably rule 1 of inet fw/input"},
		{Line{Source: Log, Prefix: "in: ", In: "eth0", Family: model.FamilyIPv4}, "rule 2 of filter/INPUT or rule 2 of inet fw/input"},
		{Line{Source: Log, Prefix: "in: ", In: "eth0", Family: model.FamilyIPv6}, "probably rule 2 of inet fw/input"},
		{Line{Source: Log, Prefix: "in: ", In: "eth0", Out: "eth1", Family: model.FamilyIPv4}, ""},
		{Line{Source: Log, Prefix: "twice ", In: "eth0", Out: "eth1", Family: model.FamilyIPv4}, "rule 2 of filter/FORWARD or rule 3 of filter/FORWARD"},
	} {
		if got := Words(c.line.Candidates(all)); got != c.want {
			t.Errorf("%+v: %q, want %q", c.line, got, c.want)
		}
	}
}

func TestJSON(t *testing.T) {
	l, _ := Parse("in: IN=eth0 OUT= SRC=10.0.0.1 DST=10.0.0.2 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=1 PROTO=TCP SPT=1 DPT=2 WINDOW=1 RES=0x00 SYN URGP=0 UID=0 GID=0")
	l.Level = 4
	b, err := l.JSON(l.Candidates(rules(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"schema":"nfscope/log/1"`, `"source":"log"`, `"level":4`, `"uid":0`, `"rules":[{"backend":"iptables-legacy","family":"ip","table":"filter","chain":"INPUT","rule":2`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
	if strings.Contains(string(b), `"group"`) || strings.Contains(string(b), `"hook"`) {
		t.Errorf("what is not known is there: %s", b)
	}
}
