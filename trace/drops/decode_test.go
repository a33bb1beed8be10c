package drops

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"
	"testing"
)

// TestDecode: what an event says beyond what the causes make: for whom the link layer took it,
// ARP in words, and the packet's state in its connection.
func TestDecode(t *testing.T) {
	t.Parallel()
	for i, want := range []string{"host", "broadcast", "multicast", "otherhost", "outgoing", "loopback", "", ""} {
		b := make([]byte, evSize)
		b[evPktType] = byte(i)<<3 | 7
		if r, err := decode(b, tupleLayout{}, 3); err != nil || r.Kind != want {
			t.Errorf("kind %d: %q, %v, want %q", i, r.Kind, err, want)
		}
	}
	for words, packet := range map[string]string{ // RFC 826
		"arp who-has 10.0.0.2 tell 10.0.0.1":   "0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002",
		"arp 10.0.0.1 is-at 02:00:00:00:00:01": "0001 0800 06 04 0002 020000000001 0a000001 020000000002 0a000002",
		"arp":                                  "0006 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002",
	} {
		b := make([]byte, evSize)
		p, err := hex.DecodeString(strings.ReplaceAll(packet, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		binary.BigEndian.PutUint16(b[evProtocol:], 0x0806)
		binary.NativeEndian.PutUint16(b[evHeaders:], uint16(copy(b[evPacket:], p)))
		if r, err := decode(b, tupleLayout{}, 0); err != nil || r.ARP != words || r.Packet.Family != 0 {
			t.Errorf("%q, %v, want %q", r.ARP, err, words)
		}
	}
	for _, c := range []struct {
		name, packet string
		ether        uint16
		want         string
	}{ // RFC 792, RFC 4443: the packet that it is about begins behind eight bytes
		{"port unreachable", "4500003800000000 40010000 0a000001 0a000002 0303000000000000 4500001d00000000 40110000 0a000002 0a090002 9c400035", 0x0800, "10.0.0.2 40000 10.9.0.2 53 17"},
		{"with options", "4600003c00000000 40010000 0a000001 0a000002 01010101 0304000000000500 4500001d00000000 40060000 0a000002 0a090002 9c400050", 0x0800, "10.0.0.2 40000 10.9.0.2 80 6"},
		{"packet too big", "6000000000103a40 fd010000000000000000000000000001 fd010000000000000000000000000002 0200000000000500 6000000000081140 fd010000000000000000000000000002 fd020000000000000000000000000002 9c400035", 0x86dd, "fd01::2 40000 fd02::2 53 17"},
		{"behind another header", "6000000000183c40 fd010000000000000000000000000001 fd010000000000000000000000000002 3a00000000000000 0200000000000500 6000000000081140 fd010000000000000000000000000002", 0x86dd, ""},
		{"cut", "4500003800000000 40010000 0a000001 0a000002 0303000000000000", 0x0800, ""},
		{"an echo", "4500003800000000 40010000 0a000001 0a000002 0800000000000000 4500001d00000000 40110000 0a000002 0a090002 9c400035", 0x0800, ""},
	} {
		b := make([]byte, evSize)
		p, err := hex.DecodeString(strings.ReplaceAll(c.packet, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		binary.BigEndian.PutUint16(b[evProtocol:], c.ether)
		binary.NativeEndian.PutUint16(b[evHeaders:], uint16(copy(b[evPacket:], p)))
		got, r := "", raw{}
		if r, err = decode(b, tupleLayout{}, 0); err != nil {
			t.Fatal(err)
		}
		if a := r.About; a.Src.IsValid() {
			got = fmt.Sprint(a.Src, a.SPort, " ", a.Dst, a.DPort, int(a.Proto))
		}
		if got != c.want {
			t.Errorf("%s: about %q, want %q", c.name, got, c.want)
		}
	}
	// enum ip_conntrack_info: 0 and 3 established, 1 and 4 related, 2 new, 7 untracked.
	for info, want := range []string{"ESTABLISHED", "RELATED", "NEW", "ESTABLISHED", "RELATED"} {
		if got := ctState(byte(info), true); got != want {
			t.Errorf("state %d: %s, want %s", info, got, want)
		}
	}
	if a, b := ctState(7, false), ctState(0, false); a != "UNTRACKED" || b != "" {
		t.Errorf("without a connection: %q, %q", a, b)
	}
}

// TestRose: a counter that fell was made anew and counts from 0; one that was not there, or that
// means nothing, is not told of.
func TestRose(t *testing.T) {
	t.Parallel()
	before := counters{"up": 3, "same": 4, "anew": 9, "zero": 9, "gone": 1, "other": 1}
	now := counters{"up": 5, "same": 4, "anew": 2, "zero": 0, "new": 7, "other": 2}
	if got, want := rose(before, now, []string{"up", "same", "anew", "zero", "gone", "new"}), (counters{"up": 2, "anew": 2}); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestTarget: whom neighbour discovery asks for or tells of stands behind its header.
func TestTarget(t *testing.T) {
	t.Parallel()
	const head = "6000000000203aff fe800000000000000000000000000001 ff0200000000000000000001ff000002 "
	const who = "fd020000000000000000000000000002"
	for _, c := range []struct {
		name, packet string
		ether        uint16
		want         string
	}{
		{"a solicitation", head + "8700000000000000" + who + "0101020000000001", 0x86dd, "fd02::2"},
		{"an advertisement", head + "8800000060000000" + who, 0x86dd, "fd02::2"},
		{"a router's", head + "8600000040000708" + who, 0x86dd, "invalid IP"},
		{"cut", head + "8700000000000000" + who[:30], 0x86dd, "invalid IP"},
		{"behind another header", strings.Replace(head, "203aff", "2800ff", 1) + "3a00000000000000 8700000000000000" + who, 0x86dd, "invalid IP"},
		{"ARP", "0001080006040001 020000000002 0a000002 000000000000 0a000001", 0x0806, "invalid IP"},
	} {
		b := make([]byte, evSize)
		p, err := hex.DecodeString(strings.ReplaceAll(c.packet, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		binary.BigEndian.PutUint16(b[evProtocol:], c.ether)
		binary.NativeEndian.PutUint16(b[evHeaders:], uint16(copy(b[evPacket:], p)))
		r, err := decode(b, tupleLayout{}, 0)
		if err != nil || r.Target.String() != c.want {
			t.Errorf("%s: %v, %v, want %s", c.name, r.Target, err, c.want)
		}
	}
}
