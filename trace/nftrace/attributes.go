package nftrace

import (
	"encoding/binary"
	"fmt"
)

// attributes reads the message's attributes into r. All numbers are in network byte
// order. ID and CT_ID are the kernel's own words put in unswapped; read as big
// endian they are what nft and conntrack print.
func (d *Decoder) attributes(r *raw, b []byte) error {
	for len(b) > 0 {
		typ, v, rest, err := next(b)
		if err != nil {
			return err
		}
		b = rest
		if typ == 0 || typ > attrCTState {
			d.Unknown++
			continue
		}
		if want := size(typ); len(v) < want {
			return fmt.Errorf("nftrace: message cut short: %s has %d bytes of %d", attrNames[typ], len(v), want)
		}
		r.seen |= 1 << typ
		r.set(typ, v)
	}
	return nil
}

// size is the least number of bytes an attribute has.
func size(typ int) int {
	switch typ {
	case attrType, attrID, attrIIF, attrOIF, attrMark, attrNFProto, attrPolicy, attrCTID, attrCTStatus, attrCTState:
		return 4
	case attrRuleHandle:
		return 8
	case attrIIFType:
		return 2
	case attrTable, attrChain, attrCTDirection:
		return 1
	}
	return 0
}

func (r *raw) set(typ int, v []byte) {
	switch typ {
	case attrTable:
		r.table = v
	case attrChain:
		r.chain = v
	case attrVerdict:
		r.verdict = v
	case attrNetworkHeader:
		r.network = v
	case attrLLHeader:
		r.link = v
	case attrIIFType:
		r.iiftype = binary.BigEndian.Uint16(v)
	case attrTransportHeader:
		r.transport = v
	case attrRuleHandle:
		r.handle = binary.BigEndian.Uint64(v)
	case attrCTDirection:
		r.ct.Direction = v[0]
	default:
		if to := r.word(typ); to != nil {
			*to = binary.BigEndian.Uint32(v)
		}
	}
}

// word is the place of a 32 bit attribute, nil for those that are not needed.
func (r *raw) word(typ int) *uint32 {
	switch typ {
	case attrType:
		return &r.typ
	case attrID:
		return &r.id
	case attrIIF:
		return &r.iif
	case attrOIF:
		return &r.oif
	case attrMark:
		return &r.mark
	case attrNFProto:
		return &r.nfproto
	case attrPolicy:
		return &r.policy
	case attrCTID:
		return &r.ct.ID
	case attrCTStatus:
		return &r.ct.Status
	case attrCTState:
		return &r.ct.State
	}
	return nil
}

// The attributes nested in VERDICT (enum nft_verdict_attributes).
const (
	verdictCode = iota + 1
	verdictChain
)

func (d *Decoder) verdict(b []byte) (code uint32, chain []byte, err error) {
	seen := false
	for len(b) > 0 {
		typ, v, rest, err := next(b)
		if err != nil {
			return 0, nil, fmt.Errorf("%w, in VERDICT", err)
		}
		b = rest
		switch typ {
		case verdictCode:
			if len(v) < 4 {
				return 0, nil, fmt.Errorf("nftrace: message cut short: the verdict's code has %d bytes of 4", len(v))
			}
			code, seen = binary.BigEndian.Uint32(v), true
		case verdictChain:
			chain = v
		default:
			d.Unknown++
		}
	}
	if !seen {
		return 0, nil, fmt.Errorf("nftrace: VERDICT without a code")
	}
	return code, chain, nil
}
