package sockdiag

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/trace/netns"
)

// Families are those of the sockets that may take a packet of a family.
func Families(f model.Family) []uint8 {
	if f == model.FamilyIPv6 {
		return []uint8{inet6}
	}
	return []uint8{inet, inet6}
}

// Waiting lists the sockets of a family (AF_INET, AF_INET6) and a protocol that wait. Only
// those are asked for: a busy host has many others.
func Waiting(ns *netns.Handle, family uint8, proto model.Proto) (list []Socket, err error) {
	states := uint32(1 << 10) // TCP_LISTEN
	if proto != model.ProtoTCP {
		states = 1<<7 | 1<<1 // not connected, connected
	}
	err = ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		b := make([]byte, header+56)
		binary.NativeEndian.PutUint32(b, uint32(len(b)))
		binary.NativeEndian.PutUint16(b[4:], 20) // SOCK_DIAG_BY_FAMILY
		binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
		b[header], b[header+1] = family, uint8(proto)
		binary.NativeEndian.PutUint32(b[20:], states)
		if err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
		buf := make([]byte, 64<<10)
		for {
			n, _, err := unix.Recvfrom(fd, buf, 0)
			if err != nil {
				return err
			}
			more, done, err := answer(buf[:n])
			list = append(list, more...)
			if err != nil || done {
				return err
			}
		}
	})
	return list, err
}
