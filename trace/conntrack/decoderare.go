package conntrack

import (
	"nfscope/model/flow"
)

// The protocols' states by their numbers (include/uapi/linux/netfilter/nf_conntrack_tcp.h,
// _sctp.h, nf_conntrack_dccp.h).
var (
	tcpStates = [...]flow.State{flow.StateNone, flow.StateSynSent, flow.StateSynRecv, flow.StateEstablished, flow.StateFinWait,
		flow.StateCloseWait, flow.StateLastAck, flow.StateTimeWait, flow.StateClose, flow.StateSynSent2}
	sctpStates = [...]flow.State{flow.StateNone, flow.StateClosed, flow.StateCookieWait, flow.StateCookieEchoed, flow.StateEstablished,
		flow.StateShutdownSent, flow.StateShutdownRecd, flow.StateShutdownAckSent, flow.StateHeartbeatSent, flow.StateHeartbeatAcked}
	dccpStates = [...]flow.State{flow.StateNone, flow.StateRequest, flow.StateRespond, flow.StatePartOpen, flow.StateOpen,
		flow.StateCloseReq, flow.StateClosing, flow.StateTimeWaitDCCP, flow.StateIgnore, flow.StateInvalid}
)

// protoInfo reads enum ctattr_protoinfo.
func (d *decoder) protoInfo(b *flow.Batch, r *flow.Record, v []byte) error {
	a := attrs(v)
	for {
		typ, v, ok, err := a.next()
		if err != nil || !ok {
			return err
		}
		switch typ {
		case 1:
			err = d.tcp(b, r, v)
		case 2:
			err = d.dccp(b, r, v)
		case 3:
			err = d.sctp(b, r, v)
		default:
			d.unknown(b, r, ctaProtoInfo, typ, v)
		}
		if err != nil {
			return err
		}
	}
}

// tcp reads enum ctattr_protoinfo_tcp.
func (d *decoder) tcp(b *flow.Batch, r *flow.Record, v []byte) error {
	a := attrs(v)
	for {
		typ, v, ok, err := a.next()
		if err != nil || !ok {
			return err
		}
		switch typ {
		case 1:
			d.state(b, r, tcpStates[:], u8(v))
		case 2:
			r.Orig.Scale = u8(v)
		case 3:
			r.Reply.Scale = u8(v)
		case 4: // struct nf_ct_tcp_flags: flags, mask
			r.Orig.Flags = u8(v)
		case 5:
			r.Reply.Flags = u8(v)
		default:
			d.unknown(b, r, ctaProtoInfo<<8|1, typ, v)
		}
	}
}

// dccp reads enum ctattr_protoinfo_dccp.
func (d *decoder) dccp(b *flow.Batch, r *flow.Record, v []byte) error {
	var note [9]byte
	err := d.each(b, r, ctaProtoInfo<<8|2, v, func(typ uint16, v []byte) bool {
		switch typ {
		case 1:
			d.state(b, r, dccpStates[:], u8(v))
		case 2:
			note[0] = u8(v)
		case 3:
			copy(note[1:], v)
		case 4: // padding
		default:
			return false
		}
		return true
	})
	if note != [9]byte{} {
		b.Note(r, flow.NoteDCCP, note[:])
	}
	return err
}

// sctp reads enum ctattr_protoinfo_sctp.
func (d *decoder) sctp(b *flow.Batch, r *flow.Record, v []byte) error {
	var note [8]byte
	err := d.each(b, r, ctaProtoInfo<<8|3, v, func(typ uint16, v []byte) bool {
		switch typ {
		case 1:
			d.state(b, r, sctpStates[:], u8(v))
		case 2:
			copy(note[:4], v)
		case 3:
			copy(note[4:], v)
		default:
			return false
		}
		return true
	})
	if note != [8]byte{} {
		b.Note(r, flow.NoteVTags, note[:])
	}
	return err
}

// state sets the state; one that is not known goes by its number.
func (d *decoder) state(b *flow.Batch, r *flow.Record, names []flow.State, n uint8) {
	if int(n) < len(names) {
		r.State = names[n]
		return
	}
	d.strange.Add(1)
	r.State = flow.StateOther
	const digits = "0123456789"
	name := append([]byte("STATE-"), digits[n/100], digits[n/10%10], digits[n%10])
	if n < 100 { // 10 states are known at least, so there are two digits
		name = append(name[:6], name[7:]...)
	}
	b.Note(r, flow.NoteState, name)
}

// rare reads what only some flows have.
func (d *decoder) rare(b *flow.Batch, r *flow.Record, typ uint16, v []byte) error {
	switch typ {
	case ctaLabels:
		b.Note(r, flow.NoteLabels, v)
	case ctaHelp:
		return d.each(b, r, uint32(typ), v, func(typ uint16, v []byte) bool {
			switch typ {
			case 1:
				b.Note(r, flow.NoteHelper, text(v))
			case 2:
				b.Note(r, flow.NoteHelperInfo, v)
			}
			return typ == 1 || typ == 2
		})
	case ctaContext:
		return d.each(b, r, uint32(typ), v, func(typ uint16, v []byte) bool {
			if typ == 1 {
				b.Note(r, flow.NoteContext, text(v))
			}
			return typ == 1
		})
	case ctaMaster:
		var e flow.End
		p, err := d.tuple(b, r, typ, v, &e)
		if err == nil {
			b.Note(r, flow.NoteMaster, flow.TupleNote(p, &e))
		}
		return err
	case ctaSeqOrig:
		return d.numbers(b, r, typ, v, flow.NoteAdjust)
	case ctaSeqReply:
		return d.numbers(b, r, typ, v, flow.NoteAdjustBack)
	case ctaSynproxy:
		return d.numbers(b, r, typ, v, flow.NoteSynproxy)
	default:
		d.unknown(b, r, 0, typ, v)
	}
	return nil
}

// numbers reads three numbers of 32 bits: enum ctattr_seqadj, ctattr_synproxy.
func (d *decoder) numbers(b *flow.Batch, r *flow.Record, nest uint16, v []byte, n flow.Note) error {
	var note [12]byte
	err := d.each(b, r, uint32(nest), v, func(typ uint16, v []byte) bool {
		if typ < 1 || typ > 3 {
			return false
		}
		copy(note[4*(typ-1):4*typ], v)
		return true
	})
	if note != [12]byte{} {
		b.Note(r, n, note[:])
	}
	return err
}
