package conntrack

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"nfscope/model"
	"nfscope/model/flow"
)

// The subsystems and messages of nfnetlink (include/uapi/linux/netfilter/nfnetlink.h,
// nfnetlink_conntrack.h), and netlink's flags of a message that makes something.
const (
	subFlow    = 1
	subExpect  = 2
	msgNew     = 0
	msgDelete  = 2
	flagCreate = 0x400
	genHeader  = 4 // struct nfgenmsg
)

// The attributes of a flow (enum ctattr_type).
const (
	ctaOrig = iota + 1
	ctaReply
	ctaStatus
	ctaProtoInfo
	ctaHelp
	_ // CTA_NAT_SRC goes to the kernel only
	ctaTimeout
	ctaMark
	ctaCountOrig
	ctaCountReply
	ctaUse
	ctaID
	_ // CTA_NAT_DST
	ctaMaster
	ctaSeqOrig
	ctaSeqReply
	_ // CTA_SECMARK is not sent any more
	ctaZone
	ctaContext
	ctaTimes
	_ // CTA_MARK_MASK
	ctaLabels
	_ // CTA_LABELS_MASK
	ctaSynproxy
	_ // CTA_FILTER
	_ // CTA_STATUS_MASK
	ctaEventTime
)

// decoder reads messages of conntrack into Batches. It makes nothing for a flow but its
// Record, and notes for what only some flows have. It is safe for concurrent use.
type decoder struct {
	// strange counts the attributes that it has no word for.
	strange atomic.Uint64
	// zones are those that flows are in.
	zones zones
}

// kind is what a message says; 0 for one that is about no flow.
func kind(m message) flow.EventType {
	switch {
	case m.Type>>8 != subFlow:
		return 0
	case m.Type&0xff == msgDelete:
		return flow.EventDestroy
	case m.Type&0xff != msgNew:
		return 0
	case m.Flags&flagCreate != 0:
		return flow.EventNew
	}
	return flow.EventUpdate
}

// add reads a message about a flow into a Record of b. Where it cannot be read b is as it
// was before.
func (d *decoder) add(b *flow.Batch, m message, typ flow.EventType) error {
	r := b.Add()
	r.Type, r.Seen = typ, b.Time.UnixNano()
	if err := d.record(b, r, m.Data); err != nil {
		b.Undo()
		return fmt.Errorf("conntrack: flow %d: %w", r.ID, err)
	}
	return nil
}

func (d *decoder) record(b *flow.Batch, r *flow.Record, data []byte) error {
	if len(data) < genHeader {
		return errCut
	}
	a := attrs(data[genHeader:])
	for {
		typ, v, ok, err := a.next()
		switch {
		case err != nil:
			return err
		case !ok:
			return whole(r)
		}
		switch typ {
		case ctaOrig:
			r.Proto, err = d.tuple(b, r, typ, v, &r.Orig)
		case ctaReply:
			_, err = d.tuple(b, r, typ, v, &r.Reply)
		case ctaStatus:
			r.Status = flow.Status(u32(v))
		case ctaTimeout:
			r.Timeout = u32(v)
		case ctaMark:
			r.Mark = u32(v)
		case ctaUse:
			r.Use = u32(v)
		case ctaID:
			r.ID = u32(v)
		case ctaZone:
			r.Zone = u16(v)
			d.zones.add(r.Zone)
		case ctaCountOrig:
			r.Counted = true
			err = d.counters(b, r, typ, v, &r.Orig)
		case ctaCountReply:
			r.CountedBack = true
			err = d.counters(b, r, typ, v, &r.Reply)
		case ctaProtoInfo:
			err = d.protoInfo(b, r, v)
		case ctaTimes:
			err = d.times(b, r, v)
		case ctaEventTime:
			r.Seen = int64(u64(v))
		default:
			err = d.rare(b, r, typ, v)
		}
		if err != nil {
			return err
		}
	}
}

// whole refuses a flow that has not both tuples.
func whole(r *flow.Record) error {
	for _, e := range [...]*flow.End{&r.Orig, &r.Reply} {
		if e.SrcKind == flow.NoAddr || e.SrcKind != e.DstKind {
			return fmt.Errorf("it has no whole tuple")
		}
	}
	r.Family = model.FamilyIPv4
	if r.Orig.SrcKind == flow.IPv6 {
		r.Family = model.FamilyIPv6
	}
	return nil
}

// unknown keeps an attribute that there is no word for as it is; nest is where it stands.
func (d *decoder) unknown(b *flow.Batch, r *flow.Record, nest uint32, typ uint16, v []byte) {
	d.strange.Add(1)
	kept := make([]byte, 4, 4+len(v))
	binary.BigEndian.PutUint32(kept, nest<<8|uint32(typ))
	b.Note(r, flow.NoteUnknown, append(kept, v...))
}

// each reads a nest; fn gives false for what it does not know.
func (d *decoder) each(b *flow.Batch, r *flow.Record, nest uint32, v []byte, fn func(typ uint16, v []byte) bool) error {
	a := attrs(v)
	for {
		typ, v, ok, err := a.next()
		if err != nil || !ok {
			return err
		}
		if !fn(typ, v) {
			d.unknown(b, r, nest, typ, v)
		}
	}
}

// tuple reads one direction: CTA_TUPLE_IP, CTA_TUPLE_PROTO, CTA_TUPLE_ZONE.
func (d *decoder) tuple(b *flow.Batch, r *flow.Record, nest uint16, v []byte, e *flow.End) (p model.Proto, err error) {
	a := attrs(v)
	for {
		typ, v, ok, err := a.next()
		if err != nil || !ok {
			return p, err
		}
		switch typ {
		case 1:
			err = d.addresses(b, r, nest, v, e)
		case 2:
			p, err = d.ports(b, r, nest, v, e)
		case 3:
			e.Zone = u16(v)
			d.zones.add(e.Zone)
		default:
			d.unknown(b, r, uint32(nest), typ, v)
		}
		if err != nil {
			return p, err
		}
	}
}

// addresses reads CTA_IP_V4_SRC, CTA_IP_V4_DST, CTA_IP_V6_SRC, CTA_IP_V6_DST.
func (d *decoder) addresses(b *flow.Batch, r *flow.Record, nest uint16, v []byte, e *flow.End) error {
	a := attrs(v)
	for {
		typ, v, ok, err := a.next()
		if err != nil || !ok {
			return err
		}
		switch {
		case typ == 1 && len(v) == 4:
			copy(e.Src[:], v)
			e.SrcKind = flow.IPv4
		case typ == 2 && len(v) == 4:
			copy(e.Dst[:], v)
			e.DstKind = flow.IPv4
		case typ == 3 && len(v) == 16:
			copy(e.Src[:], v)
			e.SrcKind = flow.IPv6
		case typ == 4 && len(v) == 16:
			copy(e.Dst[:], v)
			e.DstKind = flow.IPv6
		default:
			d.unknown(b, r, uint32(nest)<<8|1, typ, v)
		}
	}
}

// ports reads enum ctattr_l4proto. What stands in for ports where there are none is told
// by model.Tuple.
func (d *decoder) ports(b *flow.Batch, r *flow.Record, nest uint16, v []byte, e *flow.End) (p model.Proto, err error) {
	a := attrs(v)
	for {
		typ, v, ok, err := a.next()
		if err != nil || !ok {
			return p, err
		}
		switch typ {
		case 1:
			p = model.Proto(u8(v))
		case 2, 4, 7: // the source port, the ICMP or ICMPv6 identifier
			e.SPort = u16(v)
		case 3:
			e.DPort = u16(v)
		case 5, 8:
			e.DPort |= uint16(u8(v)) << 8
		case 6, 9:
			e.DPort |= uint16(u8(v))
		default:
			d.unknown(b, r, uint32(nest)<<8|2, typ, v)
		}
	}
}

// counters reads CTA_COUNTERS_PACKETS, CTA_COUNTERS_BYTES and what kernels before 2.6.26
// sent in 32 bits.
func (d *decoder) counters(b *flow.Batch, r *flow.Record, nest uint16, v []byte, e *flow.End) error {
	a := attrs(v)
	for {
		typ, v, ok, err := a.next()
		if err != nil || !ok {
			return err
		}
		switch typ {
		case 1:
			e.Packets = u64(v)
		case 2:
			e.Bytes = u64(v)
		case 3:
			e.Packets = uint64(u32(v))
		case 4:
			e.Bytes = uint64(u32(v))
		case 5: // padding
		default:
			d.unknown(b, r, uint32(nest), typ, v)
		}
	}
}

// times reads CTA_TIMESTAMP_START and CTA_TIMESTAMP_STOP.
func (d *decoder) times(b *flow.Batch, r *flow.Record, v []byte) error {
	a := attrs(v)
	for {
		typ, v, ok, err := a.next()
		if err != nil || !ok {
			return err
		}
		switch {
		case typ == 1:
			r.Start = int64(u64(v))
		case typ == 2 && len(v) == 8:
			b.Note(r, flow.NoteStop, v)
		case typ == 3: // padding
		default:
			d.unknown(b, r, ctaTimes, typ, v)
		}
	}
}
