package sockdiag

import (
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

// TestFor: the socket that is bound to the address goes before one for all, and that
// before one of IPv6 for all; another port is none.
func TestFor(t *testing.T) {
	all4, one, all6 := netip.MustParseAddrPort("0.0.0.0:80"), netip.MustParseAddrPort("10.0.0.1:80"), netip.MustParseAddrPort("[::]:80")
	list := []Socket{{At: all6}, {At: all4}, {At: one}, {At: netip.MustParseAddrPort("10.0.0.1:81")}}
	for _, c := range []struct {
		list []Socket
		to   string
		want netip.AddrPort
	}{
		{list, "10.0.0.1:80", one}, {list, "10.0.0.2:80", all4}, {list[:1], "10.0.0.2:80", all6}, {list, "[fd00::1]:80", all6},
		{list[1:], "[fd00::1]:80", netip.AddrPort{}}, {list, "10.0.0.1:82", netip.AddrPort{}},
	} {
		if got, ok := For(c.list, netip.MustParseAddrPort(c.to)); got.At != c.want || ok != c.want.IsValid() {
			t.Errorf("%s: %v, %v, want %v", c.to, got.At, ok, c.want)
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
	list, done, err := answer(diag("10.0.0.1", 80, 3, 128))
	if err != nil || done || len(list) != 1 || list[0] != (Socket{netip.MustParseAddrPort("10.0.0.1:80"), 3, 128}) {
		t.Errorf("%+v, %v, %v", list, done, err)
	}
}
