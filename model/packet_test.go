package model

import (
	"encoding/binary"
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var (
	head4 = []byte{0x45, 0, 0, 60, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	head6 = []byte{0x60, 0, 0, 9, 0, 20, 6, 63, 0xfd, 1, 23: 1, 24: 0xfd, 25: 2, 39: 2}
	tcp   = []byte{0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x12, 0, 0, 0, 0, 0, 0}
)

func with(head []byte, at int, v byte, rest ...[]byte) []byte {
	b := slices.Clone(head)
	b[at] = v
	return append(b, slices.Concat(rest...)...)
}

// TestDecodePacket holds what is read of headers in all their forms.
func TestDecodePacket(t *testing.T) {
	echo := []byte{8, 0, 0, 0, 0x12, 0x34, 0, 7}
	for _, c := range []struct {
		name      string
		network   []byte
		transport []byte
		want      string
		check     func(p *Packet) bool
	}{
		{"tcp", slices.Concat(head4, tcp), nil, "tcp 10.0.0.1:40000 > 10.0.0.2:80 SYN,ACK", func(p *Packet) bool { return p.Seq == 1 && p.Ack == 2 && p.IPID == 0x1234 }},
		{"tcp in two pieces", head4, tcp, "tcp 10.0.0.1:40000 > 10.0.0.2:80 SYN,ACK", nil},
		{"ports alone", head4, tcp[:4], "tcp 10.0.0.1:40000 > 10.0.0.2:80", func(p *Packet) bool { return p.Transport && p.Flags == 0 }},
		{"ports cut", head4, tcp[:3], "tcp 10.0.0.1 > 10.0.0.2", func(p *Packet) bool { return !p.Transport }},
		{"options", slices.Concat(with(head4, 0, 0x46), []byte{1, 1, 1, 1}, tcp), nil, "tcp 10.0.0.1:40000 > 10.0.0.2:80 SYN,ACK", nil},
		{"options cut", with(head4, 0, 0x4f), nil, "tcp 10.0.0.1 > 10.0.0.2", nil},
		{"first fragment", with(head4, 6, 0x20, tcp), nil, "tcp 10.0.0.1:40000 > 10.0.0.2:80 SYN,ACK", func(p *Packet) bool { return p.MoreFragments }},
		{"later fragment", with(head4, 7, 2, tcp), nil, "tcp 10.0.0.1 > 10.0.0.2 fragment at 16", func(p *Packet) bool { return !p.Transport }},
		{"echo", with(head4, 9, 1, echo), nil, "icmp 10.0.0.1 > 10.0.0.2 echo-request", func(p *Packet) bool { return p.ICMPID == 0x1234 && p.Seq == 7 }},
		{"icmp error", with(head4, 9, 1, []byte{3, 3, 0, 0, 0x12, 0x34, 0, 7}), nil, "icmp 10.0.0.1 > 10.0.0.2 unreachable code 3", func(p *Packet) bool { return p.ICMPID == 0 }},
		{"gre", with(head4, 9, 47, tcp), nil, "gre 10.0.0.1 > 10.0.0.2", nil},
		{"ipv6", slices.Concat(head6, tcp), nil, "tcp [fd01::1]:40000 > [fd02::2]:80 SYN,ACK", func(p *Packet) bool { return p.FlowLabel == 9 && p.Length == 60 && !p.Extended }},
		{"hop-by-hop and destination options", slices.Concat(with(head6, 6, 0), []byte{60, 0, 0, 0, 0, 0, 0, 0}, []byte{6, 1}, make([]byte, 14), tcp), nil,
			"tcp [fd01::1]:40000 > [fd02::2]:80 SYN,ACK", func(p *Packet) bool { return p.Extended }},
		{"authentication header", slices.Concat(with(head6, 6, 51), []byte{6, 1}, make([]byte, 10), tcp), nil, "tcp [fd01::1]:40000 > [fd02::2]:80 SYN,ACK", nil},
		{"ipv6 first fragment", slices.Concat(with(head6, 6, 44), []byte{6, 0, 0, 1, 0, 0, 0, 1}, tcp), nil, "tcp [fd01::1]:40000 > [fd02::2]:80 SYN,ACK", func(p *Packet) bool { return p.MoreFragments }},
		{"ipv6 later fragment", slices.Concat(with(head6, 6, 44), []byte{6, 0, 0, 16, 0, 0, 0, 1}, tcp), nil, "tcp fd01::1 > fd02::2 fragment at 16", func(p *Packet) bool { return p.FragID == 1 && p.Behind() }},
		{"extensions cut off, as nftrace has it", with(head6, 6, 60), tcp, "60 fd01::1 > fd02::2", func(p *Packet) bool { return p.Extended && !p.Transport }},
		{"mobility is a protocol", with(head6, 6, 135, make([]byte, 16)), nil, "135 fd01::1 > fd02::2", func(p *Packet) bool { return !p.Extended }},
		{"neighbour discovery", with(head6, 6, 58, []byte{135, 0, 0, 0, 0, 0, 0, 0}), nil, "icmpv6 fd01::1 > fd02::2 neighbour-solicit", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := DecodePacket(FamilyInet, c.network, c.transport)
			if err != nil {
				t.Fatal(err)
			}
			if p.String() != c.want {
				t.Errorf("%q, want %q", p.String(), c.want)
			}
			if c.check != nil && !c.check(&p) {
				t.Errorf("%+v", p)
			}
		})
	}
}

// FuzzDecodePacket decodes anything, cut anywhere, and writes and reads what it gave.
func FuzzDecodePacket(f *testing.F) {
	f.Add(byte(2), slices.Concat(head4, tcp), []byte(nil))
	f.Add(byte(10), head6, tcp)
	f.Add(byte(1), with(head6, 6, 44, []byte{0, 0, 0, 16, 0, 0, 0, 1}), []byte(nil))
	f.Add(byte(2), with(head4, 9, 1), []byte{8, 0, 0, 0, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, family byte, network, transport []byte) {
		for cut := range len(network) + 1 {
			p, err := DecodePacket(Family(family), network[:cut], transport)
			if err != nil {
				continue
			}
			b, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			var back Packet
			if err := json.Unmarshal(b, &back); err != nil {
				t.Fatalf("%v: %s", err, b)
			}
			if !reflect.DeepEqual(p, back) {
				t.Fatalf("%s\n%+v\n%+v", b, p, back)
			}
		}
	})
}

// TestContentCut: of what is cut off there is no sum, for who saw more would have another; what
// is whole has one however short it is.
func TestContentCut(t *testing.T) {
	data := append([]byte{0, 7, 0, 9, 0, 40, 0, 0}, "what it carries, and more of it."...)
	long := with(head4, 9, 17, data)
	binary.BigEndian.PutUint16(long[2:], uint16(len(long)))
	six := slices.Concat(with(head6, 6, 17), data)
	binary.BigEndian.PutUint16(six[4:], uint16(len(data)))
	short := slices.Clone(long[:20+13])
	binary.BigEndian.PutUint16(short[2:], uint16(len(short)))
	for _, c := range []struct {
		name         string
		whole        []byte
		most, header int
		summed       bool
	}{
		{"as far as nf_tables' trace shows it", long, 40, 20, true},
		{"a byte less", long, 39, 20, false},
		{"the linear part of what fragments became", long, 36, 20, false},
		{"ipv6", six, 60, 40, true},
		{"a byte less of ipv6", six, 59, 40, false},
		{"short, and whole", short, len(short), 20, true},
		{"short, and cut", short, len(short) - 1, 20, false},
	} {
		p, err := DecodePacket(FamilyInet, c.whole[:c.most], nil)
		want, wrong := DecodePacket(FamilyInet, c.whole[:c.header], c.whole[c.header:])
		if err != nil || wrong != nil || want.Content == 0 {
			t.Fatal(c.name, err, wrong, want)
		}
		if !c.summed {
			want.Content = 0
		}
		if p.Content != want.Content {
			t.Errorf("%s: a sum of %x, want %x", c.name, p.Content, want.Content)
		}
	}
}

// TestIPID holds the IP id 0, which most answers of TCP have, apart from none.
func TestIPID(t *testing.T) {
	for _, c := range []struct {
		family  Family
		network []byte
		want    string
	}{
		{FamilyIPv4, with(with(head4, 4, 0), 5, 0), `"ip_id":0`}, {FamilyIPv4, with(with(head4, 4, 1), 5, 2), `"ip_id":258`}, {FamilyIPv6, head6, ""},
	} {
		p, err := DecodePacket(c.family, c.network, tcp)
		b, errJSON := json.Marshal(p)
		if err != nil || errJSON != nil || strings.Contains(string(b), "ip_id") != (c.want != "") || !strings.Contains(string(b), c.want) {
			t.Errorf("%v, %v: %s, want %q", err, errJSON, b, c.want)
		}
	}
	if b, err := json.Marshal(Packet{}); err != nil || string(b) != "{}" {
		t.Errorf("of a packet of which nothing is known: %s, %v", b, err)
	}
}

// TestNames reads back every name, and the numbers that have none.
func TestNames(t *testing.T) {
	for n := range 256 {
		for _, v := range []any{Family(n), Hook(n), Verdict(n), Backend(n)} {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			back := reflect.New(reflect.TypeOf(v))
			if err := json.Unmarshal(b, back.Interface()); err != nil || back.Elem().Interface() != v {
				t.Errorf("%T %d: %s is read as %v, %v", v, n, b, back.Elem(), err)
			}
		}
		if p, ok := ParseProto(Proto(n).String()); !ok || p != Proto(n) {
			t.Errorf("protocol %d", n)
		}
	}
	for _, s := range []string{"", "x", "family-", "family-256", "hook-999", "verdict--1"} {
		var f Family
		var v Verdict
		if f.UnmarshalText([]byte(s)) == nil || v.UnmarshalText([]byte(s)) == nil {
			t.Errorf("%q is read", s)
		}
	}
}

// TestBuiltinChain holds the chains that iptables' tables have.
func TestBuiltinChain(t *testing.T) {
	want := map[string][]string{"raw": {"PREROUTING", "OUTPUT"}, "mangle": {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"},
		"nat": {"PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"}, "filter": {"INPUT", "FORWARD", "OUTPUT"}, "security": {"INPUT", "FORWARD", "OUTPUT"}, "broute": nil}
	priority := map[string]Priority{"raw": -300, "mangle": -150, "filter": 0, "security": 50}
	for table, chains := range want {
		for _, name := range []string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING", "WEB"} {
			h, p, ok := BuiltinChain(table, name)
			if ok != slices.Contains(chains, name) || ok == (h == HookNone) {
				t.Errorf("%s/%s: %v %v", table, name, h, ok)
			}
			if table != "nat" && ok && p != priority[table] || table == "nat" && ok && (p == 100) != (h == HookInput || h == HookPostrouting) {
				t.Errorf("%s/%s: priority %d", table, name, p)
			}
		}
	}
}

// TestReverse turns tuples around twice.
func TestReverse(t *testing.T) {
	for _, typ := range []uint16{0, 8, 13, 14, 3} {
		p := Tuple{Proto: ProtoICMP, SPort: 99, DPort: typ<<8 | 1}
		if p.Reverse().Reverse() != p {
			t.Errorf("type %d: %v", typ, p.Reverse())
		}
	}
	if r := (Tuple{Proto: ProtoICMPv6, SPort: 5, DPort: 128 << 8}).Reverse(); r.DPort != 129<<8 || r.SPort != 5 {
		t.Errorf("%v", r)
	}
}

// TestPacketOfNoProtocol: what a filter leaves open is no protocol 0, which IPv6 has.
func TestPacketOfNoProtocol(t *testing.T) {
	p := Packet{Family: FamilyIPv6, Dst: netip.MustParseAddr("fd00::1")}
	if got := p.String(); got != "? ? > fd00::1" {
		t.Error(got)
	}
	if p.Extended = true; p.String() != "0 ? > fd00::1" {
		t.Error(p.String())
	}
}
