package sockdiag

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/trace/kmod"
	"nfscope/trace/netns"
)

// Families are those of the sockets that may take a packet of a family.
func Families(f model.Family) []uint8 {
	if f == model.FamilyIPv6 {
		return []uint8{inet6}
	}
	return []uint8{inet, inet6}
}

// patience is how long one datagram of an answer is waited for. The kernel makes it when it is
// read, so that nothing waits in practice.
const patience = time.Second

// Waiting lists the sockets of a family (AF_INET, AF_INET6) and a protocol that wait. Only
// those are asked for: a busy host has many others. Where /proc/net is asked, a socket at
// [::] that takes IPv6 alone looks like one that takes IPv4 too, and is Unsure6.
func Waiting(ns *netns.Handle, family uint8, proto model.Proto) ([]Socket, error) {
	return waiting(ns, family, proto, kmod.Kernel{})
}

// waiting lists them by what the kernel has.
func waiting(ns *netns.Handle, family uint8, proto model.Proto, k kmod.Kernel) (list []Socket, err error) {
	name, ok := map[model.Proto]string{model.ProtoTCP: "tcp", model.ProtoUDP: "udp", model.ProtoUDPLite: "udp"}[proto]
	if !ok {
		return nil, fmt.Errorf("sockets of %s cannot be asked for", proto)
	}
	// The kernel's names are not searched: this may be asked fifty times a second.
	diag := k.Has(name+"_diag", "")
	err = ns.Do(func() (err error) {
		if diag {
			list, err = dump(family, proto)
			return err
		}
		list, err = read("/proc/thread-self/net", family, proto)
		return err
	})
	return list, err
}

// read reads the sockets from a directory as /proc/net. A kernel without IPv6 has no files
// of it, and no sockets.
func read(dir string, family uint8, proto model.Proto) ([]Socket, error) {
	name := proto.String()
	if family == inet6 {
		name += "6"
	}
	f, err := os.Open(filepath.Join(dir, name))
	if family == inet6 && errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return listed(f, proto == model.ProtoTCP)
}

// dump asks sock_diag, in the namespace of the calling thread.
func dump(family uint8, proto model.Proto) (list []Socket, err error) {
	states := uint32(1 << listens)
	if proto != model.ProtoTCP {
		states = 1<<closed | 1<<established
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	wait := unix.NsecToTimeval(patience.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return nil, fmt.Errorf("set up a netlink socket: %w", err)
	}
	b := make([]byte, header+56)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], 20) // SOCK_DIAG_BY_FAMILY
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b[header], b[header+1] = family, uint8(proto)
	binary.NativeEndian.PutUint32(b[20:], states)
	if err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	buf := make([]byte, 64<<10)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return list, err
		}
		more, done, err := answer(buf[:n])
		list = append(list, more...)
		if err != nil || done {
			return list, err
		}
	}
}

// Devices are the indexes of an interface and of its master, none where they are not known.
func Devices(ns *netns.Handle, name string) (list []int) {
	conn, err := ns.Rtnetlink()
	if err != nil {
		return nil
	}
	defer conn.Close()
	link, err := conn.LinkByName(name)
	if err != nil {
		return nil
	}
	list = append(list, link.Attrs().Index)
	if m := link.Attrs().MasterIndex; m != 0 {
		list = append(list, m)
	}
	return list
}
