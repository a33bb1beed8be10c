package sockdiag

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
)

// diag is a message of sock_diag about one IPv4 socket.
func diag(addr string, port uint16, waiting, most uint32) []byte {
	b := make([]byte, header+diagSize)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], 20)
	body := b[header:]
	body[0] = inet
	binary.BigEndian.PutUint16(body[4:], port)
	a := netip.MustParseAddr(addr).As4()
	copy(body[8:], a[:])
	binary.NativeEndian.PutUint32(body[56:], waiting)
	binary.NativeEndian.PutUint32(body[60:], most)
	return b
}

// TestFor: a port's sockets are tried as the kernel tries them: the one bound to the address
// first, then that which asks for more of the packet; one that hears another does not count.
func TestFor(t *testing.T) {
	at := func(text string) Socket { return Socket{At: netip.MustParseAddrPort(text)} }
	hears := func(s Socket, peer string) Socket { s.Peer = netip.MustParseAddrPort(peer); return s }
	on := func(s Socket, device int) Socket { s.Device = device; return s }
	all4, one, all6, only := at("0.0.0.0:80"), at("10.0.0.1:80"), at("[::]:80"), at("[::]:80")
	only.Only6 = true
	full := all4
	full.Waiting = 9
	mine, others := hears(one, "10.0.0.9:7"), hears(one, "10.0.0.8:7")
	const from = "10.0.0.9:7"
	for _, c := range []struct {
		name string
		list []Socket
		to   string
		dev  []int
		want Socket // zero for none
	}{
		{"bound to the address", []Socket{all6, all4, one}, "10.0.0.1:80", nil, one},
		{"another address", []Socket{all6, all4, one}, "10.0.0.2:80", nil, all4},
		{"IPv6's for all takes IPv4", []Socket{all6}, "10.0.0.2:80", nil, all6},
		{"but not where it says so", []Socket{only}, "10.0.0.2:80", nil, Socket{}},
		{"IPv4's takes no IPv6", []Socket{all4, one}, "[fd00::1]:80", nil, Socket{}},
		{"another port", []Socket{all6, all4, one}, "10.0.0.1:82", nil, Socket{}},
		{"connected to the sender", []Socket{one, mine, all4}, "10.0.0.1:80", nil, mine},
		{"connected to another", []Socket{others, all4}, "10.0.0.1:80", nil, all4},
		{"connected to another, and nobody else", []Socket{others}, "10.0.0.1:80", nil, Socket{}},
		{"an IPv4 address within IPv6", []Socket{all4, hears(at("[::ffff:10.0.0.1]:80"), "[::ffff:10.0.0.9]:7")}, "10.0.0.1:80", nil, hears(at("[::ffff:10.0.0.1]:80"), "[::ffff:10.0.0.9]:7")},
		{"bound to the interface", []Socket{all4, on(all4, 3)}, "10.0.0.1:80", []int{3}, on(all4, 3)},
		{"bound to another interface", []Socket{on(all4, 3), all4}, "10.0.0.1:80", []int{4}, all4},
		{"bound to the interface's master", []Socket{all4, on(all4, 3)}, "10.0.0.1:80", []int{5, 3}, on(all4, 3)},
		{"the address goes before the interface", []Socket{on(all4, 3), one}, "10.0.0.1:80", []int{3}, one},
		{"the fullest of equals", []Socket{all4, full, all4}, "10.0.0.1:80", nil, full},
	} {
		if got, ok := For(c.list, netip.MustParseAddrPort(from), netip.MustParseAddrPort(c.to), c.dev...); got != c.want || ok != c.want.At.IsValid() {
			t.Errorf("%s: %+v, %v, want %+v", c.name, got, ok, c.want)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	one := diag("10.0.0.1", 80, 3, 128)
	f.Add(one)
	f.Add(append(one, one...))
	f.Add(one[:40])
	f.Fuzz(func(t *testing.T, b []byte) {
		list, _, err := answer(b)
		if err == nil && len(list) > len(b)/(header+diagSize) {
			t.Errorf("%d sockets in %d bytes", len(list), len(b))
		}
	})
}

func TestAnswer(t *testing.T) {
	b := diag("10.0.0.1", 80, 3, 128)
	copy(b[header+24:], []byte{10, 0, 0, 9})
	binary.BigEndian.PutUint16(b[header+6:], 7)
	binary.NativeEndian.PutUint32(b[header+40:], 5)
	b = append(b, 5, 0, 9, 0, 1, 0, 0, 0, 5, 0, only6, 0, 1, 0, 0, 0)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	list, done, err := answer(b)
	want := Socket{At: netip.MustParseAddrPort("10.0.0.1:80"), Peer: netip.MustParseAddrPort("10.0.0.9:7"), Device: 5, Only6: true, Waiting: 3, Most: 128}
	if err != nil || done || len(list) != 1 || list[0] != want {
		t.Errorf("%+v, %v, %v", list, done, err)
	}
}

func FuzzListed(f *testing.F) {
	f.Add([]byte("heading\n 0: 0100007F:0035 00000000:0000 07 00000000:00000340 00:0 0 0 0 1\n"), false)
	f.Add([]byte("heading\n 0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000003\n"), true)
	f.Fuzz(func(t *testing.T, b []byte, tcp bool) {
		list, _ := listed(bytes.NewReader(b), tcp)
		for _, s := range list {
			if !s.At.IsValid() || s.Waiting < 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}
