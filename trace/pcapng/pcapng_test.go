package pcapng

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"nfscope/model"
)

var at = time.Date(2026, 11, 20, 10, 0, 0, 123456789, time.UTC)

func v4(proto model.Proto) model.Packet {
	return model.Packet{Family: model.FamilyIPv4, Proto: proto, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), SPort: 1234, DPort: 80,
		Transport: true, Length: 1500, TTL: 63, TOS: 4, IPID: 77}
}

func v6(proto model.Proto) model.Packet {
	p := v4(proto)
	p.Family, p.Src, p.Dst, p.FlowLabel, p.IPID = model.FamilyIPv6, netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2"), 99, 0
	return p
}

// packets are of every kind.
func packets() []model.Packet {
	tcp := v4(model.ProtoTCP)
	tcp.Flags, tcp.Seq, tcp.Ack = model.SYN|model.ACK, 7, 8
	tcp6 := tcp
	tcp6.Family, tcp6.Src, tcp6.Dst, tcp6.IPID = model.FamilyIPv6, netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2"), 0
	echo, echo6 := v4(model.ProtoICMP), v6(model.ProtoICMPv6)
	echo.SPort, echo.DPort, echo.ICMPType, echo.ICMPID, echo.Seq = 0, 0, 8, 5, 6
	echo6.SPort, echo6.DPort, echo6.ICMPType, echo6.ICMPID, echo6.Seq = 0, 0, 128, 5, 6
	gre := v4(model.ProtoGRE)
	gre.SPort, gre.DPort, gre.Transport = 0, 0, false
	first, later := v4(model.ProtoUDP), v4(model.ProtoUDP)
	first.MoreFragments = true
	later.FragOffset, later.Transport, later.SPort, later.DPort = 1480, false, 0, 0
	later6 := v6(model.ProtoUDP)
	later6.Extended, later6.FragOffset, later6.FragID, later6.Transport, later6.SPort, later6.DPort = true, 1448, 0xabcd, false, 0, 0
	first6 := v6(model.ProtoUDP)
	first6.Extended, first6.MoreFragments, first6.FragID = true, true, 0xabcd
	ece := v4(model.ProtoTCP)
	ece.Flags = model.ACK | model.ECE | model.CWR
	unreachable := v4(model.ProtoICMP)
	unreachable.SPort, unreachable.DPort, unreachable.ICMPType, unreachable.ICMPCode = 0, 0, 3, 3
	return []model.Packet{tcp, tcp6, echo, echo6, v4(model.ProtoUDP), v6(model.ProtoUDP), v4(model.ProtoSCTP), gre, first, later, later6, first6, ece, unreachable, v4(model.ProtoUDPLite)}
}

// TestHeaders: what was made is read as what it was made of.
func TestHeaders(t *testing.T) {
	t.Parallel()
	for _, p := range packets() {
		got, err := model.DecodePacket(p.Family, Headers(&p), nil)
		if err != nil {
			t.Fatalf("%v: %v", &p, err)
		}
		if got != p {
			t.Errorf("%+v\nbecame\n%+v", p, got)
		}
	}
	if b := Headers(&model.Packet{}); b != nil {
		t.Errorf("a packet nobody saw has %d bytes", len(b))
	}
}

// TestLengths: what a header says of lengths is the packet's own as far as it is known, and the
// header of IPv4 adds up.
func TestLengths(t *testing.T) {
	t.Parallel()
	far, far6, extended := v4(model.ProtoUDP), v6(model.ProtoUDP), v6(model.ProtoUDP)
	far.Length, far6.Length, extended.Extended = 70_000, 70_000, true // what GRO has joined may be larger than any packet
	for _, c := range []struct {
		name          string
		p             model.Packet
		length, ofUDP uint16
	}{
		{"IPv4", v4(model.ProtoUDP), 1500, 1480}, {"IPv6", v6(model.ProtoUDP), 1460, 1460}, {"UDP-Lite", v4(model.ProtoUDPLite), 1500, 1480},
		{"super-packet", far, 0xffff, 0xffff}, {"super-packet of IPv6", far6, 0xffff - 40, 0xffff}, {"extension headers", extended, 1460, 0},
	} {
		b := Headers(&c.p)
		l3, at := 20, 2
		if c.p.Src.Is6() {
			l3, at = 40, 4
		} else if sum := ones(b[:20]); sum != 0xffff {
			t.Errorf("%s: the header adds up to %#x", c.name, sum)
		}
		if got, udp := binary.BigEndian.Uint16(b[at:]), binary.BigEndian.Uint16(b[l3+4:]); got != c.length || udp != c.ofUDP {
			t.Errorf("%s: the lengths are %d and %d, want %d and %d", c.name, got, udp, c.length, c.ofUDP)
		}
	}
}

// ones is the sum in ones' complement of 16 bits each (RFC 1071).
func ones(b []byte) (sum uint32) {
	for ; len(b) > 0; b = b[2:] {
		if sum += uint32(binary.BigEndian.Uint16(b)); sum > 0xffff {
			sum -= 0xffff
		}
	}
	return sum
}

// block is one of a file.
type block struct {
	kind uint32
	body []byte
}

// read is a reader of its own, as the draft has it.
func read(t *testing.T, b []byte) (out []block) {
	t.Helper()
	for len(b) > 0 {
		n := binary.LittleEndian.Uint32(b[4:])
		if n%4 != 0 || int(n) > len(b) || binary.LittleEndian.Uint32(b[n-4:]) != n {
			t.Fatalf("a block of %d bytes in %d, which ends with %d", n, len(b), binary.LittleEndian.Uint32(b[n-4:]))
		}
		out = append(out, block{binary.LittleEndian.Uint32(b), b[8 : n-4]})
		b = b[n:]
	}
	return out
}

func options(t *testing.T, b []byte) map[uint16]string {
	t.Helper()
	out := map[uint16]string{}
	for {
		code, n := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if code == 0 {
			if n != 0 || len(b) != 4 {
				t.Fatalf("%d bytes behind the last option", len(b))
			}
			return out
		}
		out[code] = string(b[4 : 4+n])
		b = b[4+(n+3)/4*4:]
	}
}

func file(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, "nfscope test", "about it")
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range packets() {
		name := []string{"eth0", "", "eth0.100"}[i%3]
		if err := w.Packet(Packet{Time: at.Add(time.Duration(i)), Interface: name, Direction: In, Headers: p, Comment: "dropped by rule 2\nñ"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Packet(Packet{}); err != nil { // nothing is known of it
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	list := read(t, file(t))
	if s := list[0]; s.kind != blockSection || binary.LittleEndian.Uint32(s.body) != 0x1a2b3c4d || options(t, s.body[16:])[optUserAppl] != "nfscope test" || options(t, s.body[16:])[optComment] != "about it" {
		t.Errorf("the section: %+v", s)
	}
	var names []string
	want, n := packets(), 0
	for _, b := range list[1:] {
		switch b.kind {
		case blockInterface:
			o := options(t, b.body[8:])
			names = append(names, o[optName])
			if binary.LittleEndian.Uint16(b.body) != linkCooked || o[optTSResol] != "\x09" {
				t.Errorf("an interface: %x", b.body)
			}
		case blockPacket:
			u := func(i int) uint32 { return binary.LittleEndian.Uint32(b.body[4*i:]) }
			ns := int64(u(1))<<32 | int64(u(2))
			size := int(u(3))
			o := options(t, b.body[20+(size+3)/4*4:])
			p, err := model.DecodePacket(want[n].Family, b.body[36:20+size], nil)
			if err != nil || p != want[n] || ns != at.UnixNano()+int64(n) || int(u(4)) != 16+p.Length || size >= p.Length || o[optComment] != "dropped by rule 2\nñ" || o[optFlags] != "\x01\x00\x00\x00" {
				t.Errorf("packet %d: %+v at %d, %d of %d bytes, %q, %v", n, p, ns, size, u(4), o, err)
			}
			if int(u(0)) != n%3 {
				t.Errorf("packet %d is of interface %d", n, u(0))
			}
			n++
		}
	}
	if strings.Join(names, ",") != "eth0,this host,eth0.100" || n != len(want) {
		t.Errorf("interfaces %q, %d packets of %d", names, n, len(want))
	}
}

// TestDirections: a packet that went out says so in its header and in its flags, one of which
// nobody knows the way has no flags. What is no text becomes one.
func TestDirections(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		way   Direction
		kind  uint16
		flags string
	}{{In, 0, "\x01\x00\x00\x00"}, {Out, 4, "\x02\x00\x00\x00"}, {0, 0, ""}} {
		var b bytes.Buffer
		w, err := NewWriter(&b, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Packet(Packet{Time: at, Direction: c.way, Headers: v4(model.ProtoGRE), Comment: "a\xffb"}); err != nil {
			t.Fatal(err)
		}
		body := read(t, b.Bytes())[2].body
		size := binary.LittleEndian.Uint32(body[12:])
		o := options(t, body[20+(size+3)/4*4:])
		if flags, ok := o[optFlags]; binary.BigEndian.Uint16(body[20:]) != c.kind || flags != c.flags || ok != (c.way != 0) || o[optComment] != "a?b" {
			t.Errorf("direction %d: %x, options %q", c.way, body[20:36], o)
		}
	}
}

// TestTcpdump: another program reads the file as we mean it.
func TestTcpdump(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("tcpdump")
	if errors.Is(err, exec.ErrNotFound) {
		if _, serr := os.Stat("/usr/sbin/tcpdump"); serr != nil {
			return // TestBlocks reads it too
		}
		path = "/usr/sbin/tcpdump"
	}
	name := filepath.Join(t.TempDir(), "x.pcapng")
	if err := os.WriteFile(name, file(t), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, "-nn", "-tttt", "--nano", "-r", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"IP 10.0.0.1.1234 > 10.0.0.2.80: Flags [S.], seq 7:1467, ack 8, win 0, length 1460", "IP6 fd00::1.1234 > fd00::2.80: Flags [S.]",
		"ICMP echo request, id 5, seq 6, length 1480", "ICMP6, echo request", "UDP, length 1472", "frag (1448|", "[|gre]"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("tcpdump does not say %q:\n%s", want, out)
		}
	}
	if strings.Count(string(out), ":00:00.123456789 ") != 1 && !strings.Contains(string(out), ".123456789") {
		t.Errorf("not in nanoseconds:\n%s", out)
	}
}

// TestLongComment: an option has no more than 64 kB.
func TestLongComment(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w, err := NewWriter(&b, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Packet(Packet{Headers: v4(model.ProtoUDP), Comment: "x" + strings.Repeat("ñ", 100_000)}); err != nil {
		t.Fatal(err)
	}
	list := read(t, b.Bytes())
	if o := options(t, list[2].body[20+44:]); !utf8.ValidString(o[optComment]) || !strings.HasSuffix(o[optComment], "ñ...") || len(o[optComment]) > 65535 {
		t.Errorf("%d bytes", len(o[optComment]))
	}
}
