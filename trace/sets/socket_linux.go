package sets

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// readBuffer is how much one recvmsg may give. The kernel fills dump messages up
	// to the largest buffer it has seen, at most 32 KB (af_netlink.c, netlink_dump).
	readBuffer = 64 << 10
	// shortBuffer is enough for one answer, which the kernel makes in a page.
	shortBuffer = 16 << 10
	// patience is how often a read looks whether it is still wanted. The kernel makes
	// a dump while it is read, so that nothing waits in practice.
	patience = 200 * time.Millisecond
)

var (
	// errEnough ends a dump of which nothing more is wanted.
	errEnough = errors.New("enough")
	// errMoved says that the ruleset was changed in the middle of a dump.
	errMoved = errors.New("the ruleset changed while it was dumped")
)

// ask sends one request on a socket of its own, and calls each with every answer, struct
// nfgenmsg first, until the answers end or each gives an error. Closing the socket ends
// the dump, and frees the set that it held. The bytes belong to each while it runs. A dump
// that the ruleset changed under ends with errMoved: at once, or, with bear, after all
// that could be read all the same.
func (r *Reader) ask(ctx context.Context, q request, bear bool, each func([]byte) error) error {
	fd := -1
	err := r.ns.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
		return err
	})
	if err != nil {
		return fmt.Errorf("open a netlink socket: %w", err)
	}
	defer unix.Close(fd)
	wait := unix.NsecToTimeval(patience.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return fmt.Errorf("set up a netlink socket: %w", err)
	}
	const seq = 1
	b := q.done(seq)
	dump := binary.NativeEndian.Uint16(q[6:])&flagDump == flagDump
	if err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	return r.receive(ctx, fd, seq, dump, bear, each)
}

func (r *Reader) receive(ctx context.Context, fd int, seq uint32, dump, bear bool, each func([]byte) error) error {
	buf := make([]byte, shortBuffer)
	if dump {
		buf = make([]byte, readBuffer)
	}
	moved, first := false, true
	var generation uint16
	for {
		n, _, err := r.recv(fd, buf, unix.MSG_TRUNC)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == unix.EINTR || err == unix.EAGAIN:
			continue
		case err != nil:
			return err
		case n > len(buf):
			return fmt.Errorf("a netlink message of %d bytes, more than %d", n, len(buf))
		}
		for b := buf[:n]; len(b) > 0; {
			h, body, rest, err := splitMessage(b)
			if err != nil {
				return err
			}
			b = rest
			if h.seq != seq {
				continue
			}
			moved = moved || dump && h.flags&flagIntr != 0
			if h.typ != msgError && h.typ != msgDone && len(body) >= 4 {
				// nf_tables does not set the flag in dumps of elements, but all its
				// messages have the generation in nfgenmsg's res_id; ipset's have 0.
				now := binary.BigEndian.Uint16(body[2:])
				moved = moved || !first && now != generation
				generation, first = now, false
			}
			if h.typ == msgError || h.typ == msgDone {
				if e := errno(body); e != 0 {
					return unix.Errno(e)
				}
				if moved {
					return errMoved
				}
				return nil
			}
			if moved && !bear {
				return errMoved
			}
			switch err := each(body); {
			case err != nil && moved:
				return errors.Join(err, errMoved)
			case err != nil || !dump:
				return err
			}
		}
	}
}
