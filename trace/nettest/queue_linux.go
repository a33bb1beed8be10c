package nettest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// Verdict is what a listener decides of a queued packet (NF_* of linux/netfilter.h).
type Verdict uint32

// The verdicts of a listener.
const (
	QueueDrop   Verdict = 0
	QueueAccept Verdict = 1
	// QueueRepeat has the packet go through the chains of the hook once more.
	QueueRepeat Verdict = 4
)

// Messages and attributes of nfnetlink_queue (linux/netfilter/nfnetlink_queue.h).
const (
	queuePacket  = unix.NFNL_SUBSYS_QUEUE << 8
	queueVerdict = unix.NFNL_SUBSYS_QUEUE<<8 | 1
	queueConfig  = unix.NFNL_SUBSYS_QUEUE<<8 | 2

	queueCommand    = 1 // NFQA_CFG_CMD
	queueParams     = 2 // NFQA_CFG_PARAMS
	queueHeader     = 1 // NFQA_PACKET_HDR
	queueVerdictHdr = 2 // NFQA_VERDICT_HDR
	queueMark       = 3 // NFQA_MARK
	queuePayload    = 10
	queueBind       = 1   // NFQNL_CFG_CMD_BIND
	queueCopyPacket = 2   // NFQNL_COPY_PACKET
	queueCopyRange  = 256 // bytes of a packet
)

// Queued is a packet that waits for its verdict.
type Queued struct {
	Payload []byte // from the network header on
	Mark    uint32
}

// Queue listens on a NFQUEUE queue of a namespace until the test ends; decide says, on a
// goroutine of its own, what becomes of each packet, and which mark it gets: 0 leaves it.
func Queue(t testing.TB, ns *netns.Handle, number uint16, decide func(Queued) (v Verdict, mark uint32)) {
	t.Helper()
	var c *os.File
	Do(t, ns, func() error {
		// Not mdlayher/netlink's: it panics where a message's length is not a multiple of 4.
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_NETFILTER)
		if err == nil {
			c = os.NewFile(uintptr(fd), fmt.Sprintf("queue %d", number))
		}
		return err
	})
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = c.Close()
		<-done
	})
	bound := make(chan error, 2)
	go func() {
		defer close(done)
		buf := make([]byte, 1<<16)
		for {
			n, err := c.Read(buf)
			if err != nil {
				if !errors.Is(err, os.ErrClosed) {
					t.Errorf("%s: %v", c.Name(), err)
				}
				return
			}
			if err := answer(c, buf[:n], number, bound, decide); err != nil {
				t.Errorf("%s: %v", c.Name(), err)
			}
		}
	}()
	params := append(binary.BigEndian.AppendUint32(nil, queueCopyRange), queueCopyPacket)
	for _, a := range []netlink.Attribute{{Type: queueCommand, Data: []byte{queueBind, 0, 0, 0}}, {Type: queueParams, Data: params}} {
		_, err := c.Write(queueMessage(queueConfig, netlink.Request|netlink.Acknowledge, number, a))
		if err == nil {
			err = <-bound
		}
		if err != nil {
			t.Fatalf("listen on queue %d in %s: %v", number, ns.Name(), err)
		}
	}
}

// answer reads a datagram: what the kernel says to a command, or a packet.
func answer(c *os.File, b []byte, number uint16, bound chan<- error, decide func(Queued) (Verdict, uint32)) error {
	if len(b) < unix.NLMSG_HDRLEN+4 {
		return fmt.Errorf("a message of %d bytes", len(b))
	}
	kind, data := binary.NativeEndian.Uint16(b[4:]), b[unix.NLMSG_HDRLEN:]
	switch kind {
	case unix.NLMSG_ERROR:
		var err error
		if n := int32(binary.NativeEndian.Uint32(data)); n != 0 {
			err = unix.Errno(-n)
		}
		bound <- err
		return nil
	case queuePacket:
	default:
		return fmt.Errorf("a message of type %#x", kind)
	}
	id, q, err := queued(data)
	if err != nil {
		return err
	}
	v, mark := decide(q)
	attrs := []netlink.Attribute{{Type: queueVerdictHdr, Data: binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(v)), id)}}
	if mark != 0 {
		attrs = append(attrs, netlink.Attribute{Type: queueMark, Data: binary.BigEndian.AppendUint32(nil, mark)})
	}
	_, err = c.Write(queueMessage(queueVerdict, netlink.Request, number, attrs...))
	return err
}

// queueMessage is a message to a queue.
func queueMessage(kind netlink.HeaderType, flags netlink.HeaderFlags, number uint16, attrs ...netlink.Attribute) []byte {
	data, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		panic(err) // attributes of our own
	}
	data = append(binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0}, number), data...)
	m := netlink.Message{Header: netlink.Header{Type: kind, Flags: flags, Length: uint32(unix.NLMSG_HDRLEN + len(data))}, Data: data}
	b, err := m.MarshalBinary()
	if err != nil {
		panic(err)
	}
	return b
}

// queued reads the message of a packet.
func queued(b []byte) (id uint32, q Queued, err error) {
	if len(b) < 4 {
		return 0, q, errors.New("a message without header")
	}
	ad, err := netlink.NewAttributeDecoder(b[4:])
	if err != nil {
		return 0, q, err
	}
	ad.ByteOrder = binary.BigEndian
	for ad.Next() {
		switch ad.Type() {
		case queueHeader:
			if h := ad.Bytes(); len(h) >= 4 {
				id = binary.BigEndian.Uint32(h)
			}
		case queueMark:
			q.Mark = ad.Uint32()
		case queuePayload:
			q.Payload = ad.Bytes()
		}
	}
	return id, q, ad.Err()
}
