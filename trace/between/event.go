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
	evSeat    = 24 // u32, which seat
	evCPU     = 28 // u32
	evIn      = 32 // u32, ifindex
	evOut     = 36 // u32, ifindex
	evMark    = 40 // u32
	evHeaders = 44 // u32, how many bytes of evPacket are there
	evPacket  = 48 // from the network header
	evSize    = evPacket + packetBytes

	packetBytes = 96
)

// raw is an event as a program wrote it.
type raw struct {
	Time, Skb     uint64
	Tracked       bool
	Seat, CPU     uint32
	In, Out, Mark uint32
	Packet        model.Packet
}

// decode reads an event. What a packet's headers hold may be anything: what is no header of
// IP is an error.
func decode(b []byte) (r raw, err error) {
	if len(b) < evSize {
		return r, fmt.Errorf("a sight of %d bytes, expected %d", len(b), evSize)
	}
	u32, u64 := binary.NativeEndian.Uint32, binary.NativeEndian.Uint64
	r = raw{Time: u64(b[evTime:]), Skb: u64(b[evSkb:]), Tracked: u64(b[evConn:])&^7 != 0, Seat: u32(b[evSeat:]), CPU: u32(b[evCPU:]),
		In: u32(b[evIn:]), Out: u32(b[evOut:]), Mark: u32(b[evMark:])}
	n := min(u32(b[evHeaders:]), packetBytes)
	if r.Packet, err = model.DecodePacket(0, b[evPacket:evPacket+n], nil); err != nil {
		return r, err
	}
	r.Packet.Mark = r.Mark
	return r, nil
}
