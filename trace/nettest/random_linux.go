package nettest

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// RandomPacket makes the bytes of an IP packet from one of some addresses to one of others,
// and a mark for it. All it has is of so few values that random rules meet it: TCP, UDP,
// ICMP or GRE, and now and then a fragment that is not the first.
func RandomPacket(r *rand.Rand, from, to []string) (b []byte, mark uint32) {
	src, dst := netip.MustParseAddr(from[r.IntN(len(from))]), netip.MustParseAddr(to[r.IntN(len(to))])
	proto := []byte{unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_ICMP, unix.IPPROTO_GRE}[r.IntN(4)]
	if src.Is6() && proto == unix.IPPROTO_ICMP {
		proto = unix.IPPROTO_ICMPV6
	}
	body := make([]byte, 20+r.IntN(40))
	switch proto {
	case unix.IPPROTO_TCP, unix.IPPROTO_UDP:
		binary.BigEndian.PutUint16(body, uint16(r.IntN(6)))
		binary.BigEndian.PutUint16(body[2:], uint16(r.IntN(6)))
		if proto == unix.IPPROTO_TCP {
			body[12], body[13] = 0x50, []byte{0x02, 0x10, 0x12, 0x18, 0x00, 0xc2, 0x42}[r.IntN(7)]
		} else {
			binary.BigEndian.PutUint16(body[4:], uint16(len(body)))
		}
	case unix.IPPROTO_ICMP:
		body[0], body[1], body[5], body[7] = []byte{8, 0, 3}[r.IntN(3)], byte(r.IntN(2)), byte(r.IntN(4)), byte(r.IntN(4))
	case unix.IPPROTO_ICMPV6:
		body[0], body[1], body[5], body[7] = []byte{128, 129, 1, 2}[r.IntN(4)], byte(r.IntN(2)*4), byte(r.IntN(4)), byte(r.IntN(4))
	}
	tos, ttl, later := []byte{0, 0x10, 0xb8, 0x11, 1}[r.IntN(5)], byte(62+r.IntN(4)), r.IntN(8) == 0
	mark = uint32(r.IntN(4))
	if src.Is4() {
		h := make([]byte, 20)
		h[0], h[1], h[8], h[9] = 0x45, tos, ttl, proto
		binary.BigEndian.PutUint16(h[2:], uint16(20+len(body)))
		binary.BigEndian.PutUint16(h[4:], uint16(1+r.IntN(60000)))
		if later {
			binary.BigEndian.PutUint16(h[6:], 5)
		}
		copy(h[12:], src.AsSlice())
		copy(h[16:], dst.AsSlice())
		return append(h, body...), mark
	}
	if later {
		frag := make([]byte, 8)
		frag[0] = proto
		binary.BigEndian.PutUint16(frag[2:], 5<<3)
		body, proto = append(frag, body...), unix.IPPROTO_FRAGMENT
	}
	h := make([]byte, 40)
	binary.BigEndian.PutUint32(h, 6<<28|uint32(tos)<<20)
	binary.BigEndian.PutUint16(h[4:], uint16(len(body)))
	h[6], h[7] = proto, ttl
	copy(h[8:], src.AsSlice())
	copy(h[24:], dst.AsSlice())
	return append(h, body...), mark
}

// SendIP puts a whole IP packet on its way out of a namespace.
func SendIP(t testing.TB, ns *netns.Handle, b []byte, mark uint32) {
	t.Helper()
	Do(t, ns, func() error {
		af, to := unix.AF_INET6, unix.Sockaddr(nil)
		if b[0]>>4 == 6 {
			to = &unix.SockaddrInet6{Addr: [16]byte(b[24:])}
		} else {
			af, to = unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte(b[16:])}
		}
		fd, err := unix.Socket(af, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(mark)); err != nil {
			return err
		}
		return unix.Sendto(fd, b, 0, to)
	})
}
