package rules

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/trace/netns"
)

const (
	// readBuffer is how much one recvmsg may give. The kernel fills dump messages up
	// to the largest buffer it has seen, at most 32 KB (af_netlink.c, netlink_dump).
	readBuffer = 64 << 10
	// socketBuffer is SO_RCVBUF.
	socketBuffer = 4 << 20
)

// errMoved says that the ruleset changed in the middle of a dump.
var errMoved = errors.New("the ruleset changed while it was dumped")

// nftSocket asks nf_tables of one namespace. It reads with a large buffer of its own:
// netlink.Conn sizes its buffer by each message, which keeps dumps in 4 KB pieces and
// makes 100,000 rules take 13 s.
type nftSocket struct {
	ns  *netns.Handle
	c   *netlink.Conn
	buf []byte
}

func (s *nftSocket) open() error {
	if s.c != nil {
		return nil
	}
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: s.ns.NetNS()})
	if err != nil {
		return fmt.Errorf("open a netlink socket in the namespace: %w", err)
	}
	if rc, err := c.SyscallConn(); err == nil {
		_ = rc.Control(func(fd uintptr) { // a smaller buffer is slower, not wrong
			if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer) != nil {
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer)
			}
		})
	}
	s.c = c
	if s.buf == nil {
		s.buf = make([]byte, readBuffer)
	}
	return nil
}

func (s *nftSocket) close() error {
	if s.c == nil {
		return nil
	}
	err := s.c.Close()
	s.c = nil
	return err
}

// ask sends one nf_tables request and calls each with every answer, struct nfgenmsg
// first. The bytes belong to each only while it runs.
func (s *nftSocket) ask(ctx context.Context, msg uint16, flags netlink.HeaderFlags, f model.Family, attrs []byte, each func([]byte) error) error {
	if err := s.open(); err != nil {
		return err
	}
	_ = s.c.SetReadDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = s.c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	req, err := s.c.Send(netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | msg), Flags: netlink.Request | flags},
		Data:   append([]byte{byte(f), unix.NFNETLINK_V0, 0, 0}, attrs...),
	})
	if err == nil {
		var failed error
		err = s.receive(req.Header.Sequence, flags&netlink.Dump != 0, func(b []byte) {
			if failed == nil {
				failed = each(b)
			}
		})
		if err == nil {
			return failed
		}
	}
	if errno := unix.Errno(0); errors.Is(err, errMoved) || errors.As(err, &errno) && errno != unix.EBUSY && ctx.Err() == nil {
		return err
	}
	_ = s.close() // an answer half read must not be taken for the next one's
	return errors.Join(ctx.Err(), err)
}

// receive reads until the answer to seq is whole.
func (s *nftSocket) receive(seq uint32, dump bool, each func([]byte)) error {
	rc, err := s.c.SyscallConn()
	if err != nil {
		return err
	}
	moved := false
	for {
		var n int
		var rerr error
		err := rc.Read(func(fd uintptr) bool {
			n, _, rerr = unix.Recvfrom(int(fd), s.buf, unix.MSG_TRUNC)
			return rerr != unix.EAGAIN && rerr != unix.EINTR
		})
		switch {
		case err != nil:
			return fmt.Errorf("read nf_tables: %w", err)
		case rerr != nil:
			return fmt.Errorf("read nf_tables: %w", rerr)
		case n > len(s.buf):
			return fmt.Errorf("read nf_tables: a message of %d bytes, more than %d", n, len(s.buf))
		}
		for b := s.buf[:n]; len(b) > 0; {
			h, body, rest, err := splitMessage(b)
			if err != nil {
				return err
			}
			b = rest
			if h.Sequence != seq {
				continue
			}
			moved = moved || dump && h.Flags&netlink.DumpInterrupted != 0
			switch {
			case h.Type == netlink.Error || h.Type == netlink.Done && len(body) >= 4:
				if e := int32(binary.NativeEndian.Uint32(body)); e != 0 {
					return unix.Errno(-e)
				}
				fallthrough
			case h.Type == netlink.Done:
				if moved {
					return errMoved
				}
				return nil
			}
			each(body)
			if !dump {
				return nil
			}
		}
	}
}

// splitMessage cuts one netlink message off (linux/netlink.h, struct nlmsghdr).
func splitMessage(b []byte) (h netlink.Header, body, rest []byte, err error) {
	if len(b) < unix.NLMSG_HDRLEN {
		return h, nil, nil, errCut
	}
	h.Length = binary.NativeEndian.Uint32(b)
	h.Type = netlink.HeaderType(binary.NativeEndian.Uint16(b[4:]))
	h.Flags = netlink.HeaderFlags(binary.NativeEndian.Uint16(b[6:]))
	h.Sequence = binary.NativeEndian.Uint32(b[8:])
	h.PID = binary.NativeEndian.Uint32(b[12:])
	n := uint64(h.Length)
	if n < unix.NLMSG_HDRLEN || n > uint64(len(b)) || h.Type == netlink.Error && n < unix.NLMSG_HDRLEN+4 {
		return h, nil, nil, errCut
	}
	return h, b[unix.NLMSG_HDRLEN:n], b[min((n+3)&^3, uint64(len(b))):], nil
}

// generation is nf_tables' generation; known is false where the kernel has no nf_tables.
func (s *nftSocket) generation(ctx context.Context) (id uint32, known bool, err error) {
	err = s.ask(ctx, unix.NFT_MSG_GETGEN, 0, 0, nil, func(b []byte) (err error) {
		id, err = decodeGen(b)
		return err
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT) {
		return 0, false, nil // nfnetlink, or its subsystem nf_tables, is missing
	}
	return id, err == nil, err
}

func (s *nftSocket) tables(ctx context.Context) (list []nftTable, err error) {
	err = s.ask(ctx, unix.NFT_MSG_GETTABLE, netlink.Dump, 0, nil, func(b []byte) error {
		t, err := decodeTable(b)
		list = append(list, t)
		return err
	})
	return list, err
}

func (s *nftSocket) chains(ctx context.Context) (list []nftChain, err error) {
	err = s.ask(ctx, unix.NFT_MSG_GETCHAIN, netlink.Dump, 0, nil, func(b []byte) error {
		c, err := decodeChain(b)
		list = append(list, c)
		return err
	})
	return list, err
}

// rules dumps one chain, in order.
func (s *nftSocket) rules(ctx context.Context, f model.Family, table, chain string, into []nftRule) ([]nftRule, error) {
	a, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: attrRuleTable, Data: append([]byte(table), 0)},
		{Type: attrRuleChain, Data: append([]byte(chain), 0)},
	})
	if err != nil {
		return nil, err
	}
	err = s.ask(ctx, unix.NFT_MSG_GETRULE, netlink.Dump, f, a, func(b []byte) error {
		r, err := decodeRule(b)
		into = append(into, r)
		return err
	})
	return into, err
}
