package rules

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
	"unsafe"

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
	// patience is how often a read looks whether it is still wanted. The kernel has
	// answered by the time a request is sent, so that nothing waits in practice.
	patience = 200 * time.Millisecond
)

// errMoved says that the ruleset changed in the middle of a dump.
var errMoved = errors.New("the ruleset changed while it was dumped")

// nftSocket asks nf_tables of one namespace, for one goroutine. It is a plain socket
// that is read with a large buffer: 100,000 rules in 36,000 chains are 36,000 requests,
// and each must cost no more than its system calls.
type nftSocket struct {
	ns   *netns.Handle
	fd   int // -1 while there is none
	seq  uint32
	buf  []byte
	out  []byte // the request
	seen []nftRule
	// join and joined are what count works with.
	join   handles
	joined func([]byte) error
	// refuse stands in for the kernel in tests: an error for a type of message; nil else.
	refuse func(msg uint16) error
}

func (s *nftSocket) open() error {
	if s.fd >= 0 {
		return nil
	}
	err := s.ns.Do(func() (err error) {
		s.fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
		return err
	})
	if err == nil {
		err = unix.Bind(s.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}
	if err == nil {
		wait := unix.NsecToTimeval(patience.Nanoseconds())
		err = unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait)
	}
	if err != nil {
		_ = s.close()
		return fmt.Errorf("open a netlink socket in the namespace: %w", err)
	}
	if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer) != nil {
		_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer) // a smaller one is slower, not wrong
	}
	if s.buf == nil {
		s.buf = make([]byte, readBuffer)
	}
	return nil
}

func (s *nftSocket) close() error {
	if s.fd < 0 {
		return nil
	}
	err := unix.Close(s.fd)
	s.fd = -1
	return err
}

// begin starts a request of its own in s.out; text and number add its attributes.
func (s *nftSocket) begin() { s.out = s.out[:0] }

// request adds a nf_tables message to s.out: struct nlmsghdr and struct nfgenmsg.
// The attributes up to the next request are its own.
func (s *nftSocket) request(msg, flags uint16, f model.Family) (at int) {
	s.seq++
	at = len(s.out)
	s.out = append(s.out, 0, 0, 0, 0)
	s.out = binary.NativeEndian.AppendUint16(s.out, unix.NFNL_SUBSYS_NFTABLES<<8|msg)
	s.out = binary.NativeEndian.AppendUint16(s.out, unix.NLM_F_REQUEST|flags)
	s.out = binary.NativeEndian.AppendUint32(s.out, s.seq)
	s.out = append(s.out, 0, 0, 0, 0, byte(f), unix.NFNETLINK_V0, 0, 0)
	return at
}

// text adds an attribute with a string.
func (s *nftSocket) text(typ uint16, v string) {
	s.out = binary.NativeEndian.AppendUint16(s.out, uint16(4+len(v)+1))
	s.out = binary.NativeEndian.AppendUint16(s.out, typ)
	s.out = append(append(s.out, v...), 0)
	for len(s.out)&3 != 0 {
		s.out = append(s.out, 0)
	}
}

// number adds an attribute with a big-endian number.
func (s *nftSocket) number(typ uint16, v uint64) {
	s.out = binary.NativeEndian.AppendUint16(s.out, 12)
	s.out = binary.NativeEndian.AppendUint16(s.out, typ)
	s.out = binary.BigEndian.AppendUint64(s.out, v)
}

// end closes the request that begins at at.
func (s *nftSocket) end(at int) { binary.NativeEndian.PutUint32(s.out[at:], uint32(len(s.out)-at)) }

// ask sends the one request in s.out and calls each with every answer, struct nfgenmsg
// first. The bytes belong to each only while it runs.
func (s *nftSocket) ask(ctx context.Context, each func([]byte) error) error {
	if err := s.open(); err != nil {
		return err
	}
	if s.refuse != nil {
		if err := s.refuse(uint16(s.out[4])); err != nil {
			return err
		}
	}
	dump := binary.NativeEndian.Uint16(s.out[6:])&unix.NLM_F_DUMP == unix.NLM_F_DUMP
	err := s.send()
	if err == nil {
		err = s.receive(ctx, s.seq, dump, each)
	}
	if err == nil {
		return nil
	}
	return s.after(ctx, err)
}

// answered is an error that the kernel answered with.
type answered struct{ unix.Errno }

func (a answered) Unwrap() error { return a.Errno }

// after closes the socket where an answer may have been read in part: it must not be
// taken for the next one's.
func (s *nftSocket) after(ctx context.Context, err error) error {
	if a := (answered{}); errors.Is(err, errMoved) || errors.As(err, &a) && a.Errno != unix.EBUSY {
		return err
	}
	_ = s.close()
	return errors.Join(ctx.Err(), err)
}

func (s *nftSocket) send() error {
	for {
		n, err := unix.Write(s.fd, s.out)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return fmt.Errorf("ask nf_tables: %w", err)
		case n < len(s.out):
			return fmt.Errorf("ask nf_tables: %d of %d bytes were sent", n, len(s.out))
		default:
			return nil
		}
	}
}

// read gives what one recvmsg brings.
func (s *nftSocket) read(ctx context.Context) ([]byte, error) {
	for {
		n, _, e := unix.Syscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&s.buf[0])), uintptr(len(s.buf)), unix.MSG_TRUNC, 0, 0)
		switch {
		case e == unix.EINTR || e == unix.EAGAIN:
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
		case e != 0:
			return nil, fmt.Errorf("read nf_tables: %w", e)
		case int(n) > len(s.buf):
			return nil, fmt.Errorf("read nf_tables: a message of %d bytes, more than %d", n, len(s.buf))
		default:
			return s.buf[:n], nil
		}
	}
}

// receive reads until the answer to seq is whole, also after each has failed.
func (s *nftSocket) receive(ctx context.Context, seq uint32, dump bool, each func([]byte) error) error {
	moved := false
	var failed error
	for {
		b, err := s.read(ctx)
		if err != nil {
			return err
		}
		for len(b) > 0 {
			h, body, rest, err := splitMessage(b)
			if err != nil {
				return err
			}
			b = rest
			if h.seq != seq {
				continue
			}
			moved = moved || dump && h.flags&unix.NLM_F_DUMP_INTR != 0
			if h.typ == unix.NLMSG_ERROR || h.typ == unix.NLMSG_DONE {
				if err := h.failed(body); err != nil {
					return err
				}
				if moved {
					return errMoved
				}
				return failed
			}
			if failed == nil {
				failed = each(body)
			}
			if !dump {
				return failed
			}
		}
	}
}

// header is what is used of struct nlmsghdr.
type header struct {
	typ, flags uint16
	seq        uint32
}

// failed is the error that an NLMSG_ERROR or NLMSG_DONE tells of, nil where there is none.
func (h header) failed(body []byte) error {
	if len(body) < 4 {
		return nil
	}
	if e := int32(binary.NativeEndian.Uint32(body)); e < 0 {
		return answered{unix.Errno(-e)}
	}
	return nil
}

// splitMessage cuts one netlink message off (linux/netlink.h, struct nlmsghdr).
func splitMessage(b []byte) (h header, body, rest []byte, err error) {
	if len(b) < unix.NLMSG_HDRLEN {
		return h, nil, nil, errCut
	}
	h.typ = binary.NativeEndian.Uint16(b[4:])
	h.flags = binary.NativeEndian.Uint16(b[6:])
	h.seq = binary.NativeEndian.Uint32(b[8:])
	n := uint64(binary.NativeEndian.Uint32(b))
	if n < unix.NLMSG_HDRLEN || n > uint64(len(b)) || h.typ == unix.NLMSG_ERROR && n < unix.NLMSG_HDRLEN+4 {
		return h, nil, nil, errCut
	}
	return h, b[unix.NLMSG_HDRLEN:n], b[min((n+3)&^3, uint64(len(b))):], nil
}

// generation is nf_tables' generation; known is false where the kernel has no nf_tables.
func (s *nftSocket) generation(ctx context.Context) (id uint32, known bool, err error) {
	s.begin()
	s.end(s.request(unix.NFT_MSG_GETGEN, 0, 0))
	err = s.ask(ctx, func(b []byte) (err error) {
		id, err = decodeGen(b)
		return err
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT) {
		return 0, false, nil // nfnetlink, or its subsystem nf_tables, is missing
	}
	return id, err == nil, err
}

func (s *nftSocket) tables(ctx context.Context) (list []nftTable, err error) {
	s.begin()
	s.end(s.request(unix.NFT_MSG_GETTABLE, unix.NLM_F_DUMP, 0))
	err = s.ask(ctx, func(b []byte) error {
		t, err := decodeTable(b)
		list = append(list, t)
		return err
	})
	return list, err
}

func (s *nftSocket) chains(ctx context.Context, each func(nftChain)) error {
	s.begin()
	s.end(s.request(unix.NFT_MSG_GETCHAIN, unix.NLM_F_DUMP, 0))
	return s.ask(ctx, func(b []byte) error {
		c, err := decodeChain(b)
		if err == nil {
			each(c)
		}
		return err
	})
}

// namedSets reports whether a table has a set or map with a name. Their elements are not
// looked at.
func (s *nftSocket) namedSets(ctx context.Context, k tableKey) (named bool, err error) {
	s.begin()
	at := s.request(unix.NFT_MSG_GETSET, unix.NLM_F_DUMP, k.family)
	s.text(attrSetTable, k.name)
	s.end(at)
	err = s.ask(ctx, func(b []byte) error {
		n, err := decodeNamed(b)
		named = named || n
		return err
	})
	return named, err
}

// chain asks for one chain.
func (s *nftSocket) chain(ctx context.Context, f model.Family, table, chain string) (c nftChain, err error) {
	s.begin()
	at := s.request(unix.NFT_MSG_GETCHAIN, 0, f)
	s.text(attrChainTable, table)
	s.text(attrChainName, chain)
	s.end(at)
	err = s.ask(ctx, func(b []byte) (err error) {
		c, err = decodeChain(b)
		return err
	})
	return c, err
}

// dump begins the request for all rules of one chain.
func (s *nftSocket) dump(f model.Family, table, chain string) {
	s.begin()
	at := s.request(unix.NFT_MSG_GETRULE, unix.NLM_F_DUMP, f)
	s.text(attrRuleTable, table)
	s.text(attrRuleChain, chain)
	s.end(at)
}

// rules dumps one chain, in order.
func (s *nftSocket) rules(ctx context.Context, f model.Family, table, chain string) (list []nftRule, err error) {
	s.dump(f, table, chain)
	s.seen = s.seen[:0]
	err = s.ask(ctx, func(b []byte) error {
		r, err := decodeRule(b)
		s.seen = append(s.seen, r)
		return err
	})
	return append(list, s.seen...), err
}

// count dumps one chain's counters into into, which has a place for every rule of c.
// It tells how many rules the kernel does not have under their handle.
func (s *nftSocket) count(ctx context.Context, t *model.Table, c *model.Chain, into []model.Counters) (missing int, err error) {
	s.dump(t.Family, t.Name, c.Name)
	s.join = handles{rules: c.Rules, into: into}
	if s.joined == nil {
		s.joined = s.join.add // made once: 36,000 chains are 36,000 calls
	}
	err = s.ask(ctx, s.joined)
	found := s.join.found
	s.join = handles{} // else it keeps a ruleset that is over, and its counters, until it counts again
	if err != nil {
		return 0, err
	}
	return len(c.Rules) - found, nil
}

// pick asks for single rules of a chain with one request, by their place in it.
func (s *nftSocket) pick(ctx context.Context, t *model.Table, c *model.Chain, places []int) ([]model.Counters, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	s.begin()
	first := s.seq + 1
	for _, p := range places {
		at := s.request(unix.NFT_MSG_GETRULE, 0, t.Family)
		s.text(attrRuleTable, t.Name)
		s.text(attrRuleChain, c.Name)
		s.number(attrRuleHandle, c.Rules[p].Handle)
		s.end(at)
	}
	into := make([]model.Counters, len(places))
	err := s.send()
	for i := 0; err == nil && i < len(places); i++ {
		err = s.receive(ctx, first+uint32(i), false, func(b []byte) (err error) {
			_, into[i], err = ruleCounter(b)
			return err
		})
	}
	if err != nil {
		_ = s.close() // the answers to the rest are under way
		return nil, errors.Join(ctx.Err(), err)
	}
	return into, nil
}

// handles joins a chain's rules with the kernel's, by handle. Both are in the same order.
type handles struct {
	rules       []model.Rule
	into        []model.Counters
	next, found int
}

func (j *handles) add(b []byte) error {
	handle, n, err := ruleCounter(b)
	if err != nil {
		return err
	}
	for i := j.next; i < len(j.rules); i++ {
		if j.rules[i].Handle == handle {
			j.into[i] = n
			j.next = i + 1
			j.found++
			return nil
		}
	}
	return nil // one that the text does not have
}
