package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// What nfnetlink_queue is made of (linux/netfilter/nfnetlink_queue.h).
const (
	nfqPacket, nfqVerdict, nfqConfig = 3 << 8, 3<<8 | 1, 3<<8 | 2

	nfqaPacketHdr, nfqaVerdictHdr, nfqaPayload      = 1, 2, 10
	nfqaCfgCmd, nfqaCfgParams, nfqaCfgMaxLen        = 1, 2, 3
	nfqCmdBind, nfqCopyPacket                  byte = 1, 2

	netlinkHeader, nfgenHeader = 16, 4
)

// queued is a packet that waits in a queue for a verdict.
type queued struct {
	queue   uint16
	id      uint32
	payload []byte // the packet from its IP header on, or its beginning
}

// decodeQueued reads the body of a message of type nfqPacket, behind the netlink header.
func decodeQueued(b []byte) (queued, error) {
	if len(b) < nfgenHeader {
		return queued{}, errors.New("a queued packet without a header")
	}
	q := queued{queue: binary.BigEndian.Uint16(b[2:])}
	found := false
	for b = b[nfgenHeader:]; len(b) >= 4; {
		n := int(binary.NativeEndian.Uint16(b))
		if n < 4 || n > len(b) {
			return q, fmt.Errorf("a queued packet with an attribute of %d bytes where %d are left", n, len(b))
		}
		data := b[4:n]
		switch binary.NativeEndian.Uint16(b[2:]) &^ (3 << 14) {
		case nfqaPacketHdr:
			if len(data) < 4 {
				return q, errors.New("a queued packet with a short id")
			}
			q.id, found = binary.BigEndian.Uint32(data), true
		case nfqaPayload:
			q.payload = data
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	if !found {
		return q, errors.New("a queued packet without an id")
	}
	return q, nil
}

// nfqAttribute appends an attribute to a message, with its padding.
func nfqAttribute(b []byte, typ uint16, data ...byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(4+len(data)))
	b = append(binary.NativeEndian.AppendUint16(b, typ), data...)
	return append(b, make([]byte, -len(data)&3)...)
}

// nfqHead is the nfgenmsg that begins a message about a queue.
func nfqHead(family byte, queue uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{family, 0}, queue)
}
