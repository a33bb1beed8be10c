package between

import (
	"encoding/binary"
	"fmt"

	"nfscope/model"
)

// The event that a program writes: offsets in bytes, in the machine's byte order.
const (
	evTime    = 0  // u64, CLOCK_MONOTONIC
	evSkb     = 8  // u64
	evConn    = 16 // u64, skb->_nfct: a connection where more than the lowest three bits are set
	evFollow  = 24 // u64, the packet's number
	evSeat    = 32 // u32, which seat
	evCPU     = 36 // u32
	evIn      = 40 // u32, ifindex
	evOut     = 44 // u32, ifindex
	evMark    = 48 // u32
	evHeaders = 52 // u32, how many bytes of evPacket are there
	evID      = 56 // u32, nf_tables' id of the packet, 0 where it told none
	evTurn    = 60 // u32, which message of that id was the packet's last before it came
	evNew     = 64 // u32, 1 where the packet is followed from here
	evPacket  = 72 // from the network header
	evSize    = evPacket + packetBytes

	packetBytes = 96
)

// The event that a tap writes: which followed packet a legacy tracer's message is of.
const (
	lineFollow = 0  // u64
	lineSeq    = 8  // u32, NFULA_SEQ as the message has it
	lineSeat   = 12 // u32
	lineID     = 16 // u32, nf_tables' id of the packet
	lineTurn   = 20 // u32
	lineSize   = 24
)

// raw is an event as a program wrote it.
type raw struct {
	Time, Skb, Follow uint64
	Tracked, New      bool
	Seat, CPU         uint32
	ID, Turn          uint32
	In, Out, Mark     uint32
	Packet            model.Packet
}

// decode reads an event. What a packet's headers hold may be anything: what is no header of
// IP is an error.
func decode(b []byte) (r raw, err error) {
	if len(b) < evSize {
		return r, fmt.Errorf("a sight of %d bytes, expected %d", len(b), evSize)
	}
	u32, u64 := binary.NativeEndian.Uint32, binary.NativeEndian.Uint64
	r = raw{Time: u64(b[evTime:]), Skb: u64(b[evSkb:]), Follow: u64(b[evFollow:]), Tracked: u64(b[evConn:])&^7 != 0, New: u32(b[evNew:]) != 0,
		Seat: u32(b[evSeat:]), CPU: u32(b[evCPU:]), ID: binary.BigEndian.Uint32(b[evID:]), Turn: u32(b[evTurn:]),
		In: u32(b[evIn:]), Out: u32(b[evOut:]), Mark: u32(b[evMark:])}
	n := min(u32(b[evHeaders:]), packetBytes)
	if r.Packet, err = model.DecodePacket(0, b[evPacket:evPacket+n], nil); err != nil {
		return r, err
	}
	r.Packet.Mark = r.Mark
	return r, nil
}

// line is a tap's event.
type line struct {
	follow         uint64
	seat, id, turn uint32
}

// decodeLine reads a tap's event, and the number of the message that it is of.
func decodeLine(b []byte) (seq uint32, l line, err error) {
	if len(b) < lineSize {
		return 0, l, fmt.Errorf("a line of %d bytes, expected %d", len(b), lineSize)
	}
	seq = binary.BigEndian.Uint32(b[lineSeq:])
	u32 := binary.NativeEndian.Uint32
	return seq, line{binary.NativeEndian.Uint64(b), u32(b[lineSeat:]), binary.BigEndian.Uint32(b[lineID:]), u32(b[lineTurn:])}, nil
}
