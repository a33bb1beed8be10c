package conntrack

import (
	"encoding/binary"
	"fmt"
)

// headerLen is the size of struct nlmsghdr (include/uapi/linux/netlink.h).
const headerLen = 16

// message is one netlink message; Data is borrowed from the buffer it was read into.
type message struct {
	Type, Flags uint16
	Seq         uint32
	Data        []byte
}

// split takes the first message off a datagram and gives the rest of it.
func split(b []byte) (m message, rest []byte, err error) {
	if len(b) < headerLen {
		return m, nil, fmt.Errorf("conntrack: message cut short: %d bytes where a netlink header has %d", len(b), headerLen)
	}
	n := binary.NativeEndian.Uint32(b)
	if n < headerLen || uint64(n) > uint64(len(b)) {
		return m, nil, fmt.Errorf("conntrack: message cut short: its header says %d bytes, %d came", n, len(b))
	}
	m = message{Type: binary.NativeEndian.Uint16(b[4:]), Flags: binary.NativeEndian.Uint16(b[6:]),
		Seq: binary.NativeEndian.Uint32(b[8:]), Data: b[headerLen:n]}
	return m, b[min((int(n)+3)&^3, len(b)):], nil
}
