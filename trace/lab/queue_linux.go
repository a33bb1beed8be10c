package lab

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// The bounds of a queue: more packets than that are dropped by the kernel, and of each
// one this much is looked at.
const (
	queueLen  = 1024
	queueCopy = 2048
)

// queueWorker is the user space behind -j NFQUEUE: every packet waits in the kernel until
// the worker says accept or drop. Package netlink sends, but never receives: the packets
// of nfnetlink_queue are not aligned, and its Receive panics at them (docs/facts.md).
type queueWorker struct {
	conn *netlink.Conn
	raw  syscall.RawConn
	drop []byte
	buf  []byte
	done sync.WaitGroup
}

// queues starts the worker of a service.
func (n *Network) queues(ctx context.Context, h *netns.Handle, s Service) error {
	conn, err := netns.In(h, func() (*netlink.Conn, error) { return netlink.Dial(unix.NETLINK_NETFILTER, nil) })
	if err != nil {
		return err
	}
	w := &queueWorker{conn: conn, drop: []byte(s.Drop), buf: make([]byte, 1<<16)}
	from, to, _ := splitRange(s.Queues)
	if err := w.bind(ctx, from, to); err != nil {
		_ = conn.Close()
		return err
	}
	w.done.Go(w.work)
	n.keep(w)
	return nil
}

// bind takes the queues over.
func (w *queueWorker) bind(ctx context.Context, from, to uint16) (err error) {
	if w.raw, err = w.conn.SyscallConn(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = w.conn.SetReadDeadline(time.Unix(1, 0)) })()
	for q := int(from); q <= int(to); q++ {
		bind := nfqAttribute(nfqHead(unix.AF_UNSPEC, uint16(q)), nfqaCfgCmd, nfqCmdBind, 0, 0, 0)
		look := nfqAttribute(nfqHead(unix.AF_UNSPEC, uint16(q)), nfqaCfgParams,
			append(binary.BigEndian.AppendUint32(nil, queueCopy), nfqCopyPacket)...)
		look = nfqAttribute(look, nfqaCfgMaxLen, binary.BigEndian.AppendUint32(nil, queueLen)...)
		for _, m := range [][]byte{bind, look} {
			if err := w.configure(m); err != nil {
				return refusedQueue(q, err)
			}
		}
	}
	return nil
}

// refusedQueue words why a queue cannot be had.
func refusedQueue(q int, err error) error {
	switch {
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("queue %d: the kernel has no NFQUEUE for user space; `modprobe nfnetlink_queue` as root loads it: %w", q, err)
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EPERM):
		return fmt.Errorf("queue %d: another program has it, or we may not: %w", q, err)
	}
	return fmt.Errorf("queue %d: %w", q, err)
}

// configure sends a request and waits for its acknowledgement. Packets of queues that are
// bound already may come before it.
func (w *queueWorker) configure(data []byte) error {
	sent, err := w.conn.Send(netlink.Message{
		Header: netlink.Header{Type: nfqConfig, Flags: netlink.Request | netlink.Acknowledge}, Data: data})
	if err != nil {
		return err
	}
	for {
		b, err := w.read()
		if err != nil {
			return err
		}
		if told, err := w.messages(b, sent.Header.Sequence); told {
			return err
		}
	}
}

// read waits for one datagram.
func (w *queueWorker) read() ([]byte, error) {
	var n int
	var err error
	rerr := w.raw.Read(func(fd uintptr) bool {
		n, err = unix.Read(int(fd), w.buf)
		return err != unix.EAGAIN && err != unix.EINTR
	})
	return w.buf[:max(n, 0)], errors.Join(rerr, err)
}

// messages gives the packets of a datagram their verdicts; told is true where it answers
// the request seq, with the kernel's error.
func (w *queueWorker) messages(b []byte, seq uint32) (told bool, err error) {
	for len(b) >= netlinkHeader {
		n := int(binary.NativeEndian.Uint32(b))
		if n < netlinkHeader || n > len(b) {
			return told, err
		}
		body := b[netlinkHeader:n]
		switch typ := binary.NativeEndian.Uint16(b[4:]); {
		case typ == nfqPacket:
			w.decide(body)
		case typ == unix.NLMSG_ERROR && len(body) >= 4 && binary.NativeEndian.Uint32(b[8:]) == seq:
			told = true
			if no := int32(binary.NativeEndian.Uint32(body)); no != 0 {
				err = unix.Errno(-no)
			}
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return told, err
}

// decide lets a packet go or drops it.
func (w *queueWorker) decide(body []byte) {
	q, err := decodeQueued(body)
	if err != nil {
		return // the packet stays until the queue goes
	}
	verdict := uint32(1) // NF_ACCEPT
	if len(w.drop) > 0 && bytes.Contains(q.payload, w.drop) {
		verdict = 0
	}
	hdr := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, verdict), q.id)
	_, _ = w.conn.Send(netlink.Message{
		Header: netlink.Header{Type: nfqVerdict, Flags: netlink.Request},
		Data:   nfqAttribute(nfqHead(body[0], q.queue), nfqaVerdictHdr, hdr...)})
}

// work decides until the socket is closed. What the socket had no room for (ENOBUFS) the
// kernel has dropped.
func (w *queueWorker) work() {
	for {
		b, err := w.read()
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			return
		}
		_, _ = w.messages(b, 0)
	}
}

// Close ends the worker; the kernel drops what waits in its queues.
func (w *queueWorker) Close() error {
	err := w.conn.Close()
	w.done.Wait()
	return err
}
