package nflog

import (
	"encoding/binary"
	"fmt"
	"time"
)

// The attributes of a message (enum nfulnl_attr_type, linux/netfilter/nfnetlink_log.h).
const (
	attrPacketHdr = iota + 1
	attrMark
	attrTimestamp
	attrInDev
	attrOutDev
	attrPhysInDev
	attrPhysOutDev
	attrHwAddr
	attrPayload
	attrPrefix
	attrUID
	attrSeq
	attrSeqGlobal
	attrGID
	attrHwType
	attrHwHeader
	attrHwLen
	attrCT
	attrCTInfo
	attrVLAN
	attrL2Hdr
)

// raw is a message's attributes, not yet understood.
type raw struct {
	family          uint8 // of whoever logged: NFPROTO_*
	hook            uint8
	ether           uint16
	word            [attrGID + 1]uint32 // those of 32 bits, by attribute
	stamp           time.Time
	prefix, payload []byte
	seen            uint32 // a bit for each attribute
}

func (r *raw) has(a int) bool { return r.seen&(1<<a) != 0 }

// size is the least number of bytes that an attribute has of those that are read.
func size(typ int) int {
	switch typ {
	case attrPacketHdr, attrMark, attrInDev, attrOutDev, attrPhysInDev, attrPhysOutDev, attrUID, attrGID, attrSeq:
		return 4
	case attrTimestamp:
		return 16
	}
	return 0
}

// attributes reads a message, from the nfgenmsg on. All numbers are in network byte order.
func (d *Decoder) attributes(r *raw, b []byte) error {
	if len(b) < 4 {
		return fmt.Errorf("nflog: message cut short: %d bytes, the nfgenmsg header has 4", len(b))
	}
	r.family = b[0]
	for b = b[4:]; len(b) > 0; {
		if len(b) < 4 {
			return fmt.Errorf("nflog: message cut short: %d bytes where an attribute's header has 4", len(b))
		}
		n, typ := int(binary.NativeEndian.Uint16(b)), int(binary.NativeEndian.Uint16(b[2:])&0x3fff)
		if n < 4 || n > len(b) || n-4 < size(typ) {
			return fmt.Errorf("nflog: message cut short: attribute %d has %d bytes, %d are left", typ, n, len(b))
		}
		v := b[4:n]
		b = b[min((n+3)&^3, len(b)):]
		switch typ {
		case attrPacketHdr: // struct nfulnl_msg_packet_hdr
			r.ether, r.hook = binary.BigEndian.Uint16(v), v[2]
		case attrTimestamp: // struct nfulnl_msg_packet_timestamp: seconds and microseconds
			r.stamp = time.Unix(int64(binary.BigEndian.Uint64(v)), int64(binary.BigEndian.Uint64(v[8:]))*1000)
		case attrPayload:
			r.payload = v
		case attrPrefix:
			r.prefix = v
		case attrMark, attrInDev, attrOutDev, attrPhysInDev, attrPhysOutDev, attrUID, attrGID, attrSeq:
			r.word[typ] = binary.BigEndian.Uint32(v)
		case attrHwAddr, attrSeqGlobal, attrHwType, attrHwHeader, attrHwLen, attrCT, attrCTInfo, attrVLAN, attrL2Hdr:
		default:
			d.Unknown++
			continue
		}
		r.seen |= 1 << typ
	}
	if !r.has(attrPacketHdr) {
		return errNoHook
	}
	if n := len(r.prefix); n > 0 && r.prefix[n-1] == 0 {
		r.prefix = r.prefix[:n-1]
	}
	return nil
}
