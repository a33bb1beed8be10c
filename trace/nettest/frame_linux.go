package nettest

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// Frame is a frame to be built; what is zero is as a healthy sender would have it.
type Frame struct {
	Src, Dst     string
	Proto        uint8  // unix.IPPROTO_UDP if 0
	SPort, DPort uint16 // 40000 and 9 if both are 0
	TTL          uint8  // 64 if 0
	TCPFlags     uint8
	ICMPType     uint8 // an echo if 0
	Size         int   // of the payload
	DF           bool
	// BadIP and BadL4 have the header's, or the transport's, checksum wrong.
	BadIP, BadL4 bool
	// ToMAC is the Ethernet destination.
	ToMAC string
}

func checksum(b []byte, sum uint32) uint16 {
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// Bytes is the packet from its network header.
func (c Frame) Bytes() []byte {
	src, dst := netip.MustParseAddr(c.Src), netip.MustParseAddr(c.Dst)
	if c.Proto == 0 {
		c.Proto = unix.IPPROTO_UDP
	}
	if c.TTL == 0 {
		c.TTL = 64
	}
	if c.SPort == 0 && c.DPort == 0 {
		c.SPort, c.DPort = 40000, 9
	}
	var l4 []byte
	at := 6
	switch c.Proto {
	case unix.IPPROTO_UDP:
		l4 = make([]byte, 8+c.Size)
		binary.BigEndian.PutUint16(l4[4:], uint16(len(l4)))
	case unix.IPPROTO_TCP:
		l4 = make([]byte, 20+c.Size)
		l4[12], l4[13] = 5<<4, c.TCPFlags
		l4[7] = 1
		binary.BigEndian.PutUint16(l4[14:], 1024)
		at = 16
	default: // an ICMP echo
		l4 = make([]byte, 8+c.Size)
		l4[0], at = 8, 2
		if src.Is6() {
			l4[0] = 128
		}
		if c.ICMPType != 0 {
			l4[0] = c.ICMPType
		}
	}
	if c.Proto == unix.IPPROTO_UDP || c.Proto == unix.IPPROTO_TCP {
		binary.BigEndian.PutUint16(l4, c.SPort)
		binary.BigEndian.PutUint16(l4[2:], c.DPort)
	}
	var pseudo uint32
	if c.Proto != unix.IPPROTO_ICMP {
		ends := append(src.AsSlice(), dst.AsSlice()...)
		pseudo = uint32(^checksum(ends, uint32(c.Proto)+uint32(len(l4))))
	}
	sum := checksum(l4, pseudo)
	if c.BadL4 {
		sum ^= 0x1234
	}
	binary.BigEndian.PutUint16(l4[at:], sum)
	if src.Is6() {
		b := make([]byte, 40)
		b[0] = 0x60
		binary.BigEndian.PutUint16(b[4:], uint16(len(l4)))
		b[6], b[7] = c.Proto, c.TTL
		copy(b[8:], src.AsSlice())
		copy(b[24:], dst.AsSlice())
		return append(b, l4...)
	}
	b := make([]byte, 20)
	b[0] = 0x45
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(l4)))
	binary.BigEndian.PutUint16(b[4:], 0x77)
	if c.DF {
		b[6] = 0x40
	}
	b[8], b[9] = c.TTL, c.Proto
	copy(b[12:], src.AsSlice())
	copy(b[16:], dst.AsSlice())
	sum = checksum(b, 0)
	if c.BadIP {
		sum ^= 0x1111
	}
	binary.BigEndian.PutUint16(b[10:], sum)
	return append(b, l4...)
}

// SendFrame sends it out of an interface as it is.
func SendFrame(t testing.TB, ns *netns.Handle, dev string, c Frame) {
	t.Helper()
	p := c.Bytes()
	ether := uint16(unix.ETH_P_IP)
	if p[0]>>4 == 6 {
		ether = unix.ETH_P_IPV6
	}
	Do(t, ns, func() error {
		link, err := net.InterfaceByName(dev)
		if err != nil {
			return err
		}
		to, err := net.ParseMAC(c.ToMAC)
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		frame := append(append(append([]byte{}, to...), link.HardwareAddr...), byte(ether>>8), byte(ether))
		return unix.Sendto(fd, append(frame, p...), 0, &unix.SockaddrLinklayer{Ifindex: link.Index, Protocol: ether>>8 | ether<<8})
	})
}

// MAC is an interface's address.
func MAC(t testing.TB, ns *netns.Handle, dev string) (mac string) {
	t.Helper()
	Do(t, ns, func() error {
		link, err := net.InterfaceByName(dev)
		if err == nil {
			mac = link.HardwareAddr.String()
		}
		return err
	})
	return mac
}
