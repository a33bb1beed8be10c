package flow

import (
	"encoding/binary"
	"time"

	"nfscope/model"
)

// Put adds an event about a flow to the Batch.
func (b *Batch) Put(e *Event) {
	f := e.Flow
	r := b.Add()
	r.Type, r.Family, r.Proto, r.State = e.Type, f.Family, f.Orig.Tuple.Proto, ParseState(f.State)
	r.Orig, r.Reply = packSide(&f.Orig), packSide(&f.Reply)
	r.Counted, r.CountedBack = f.Orig.Count.Valid, f.Reply.Count.Valid
	r.Classes, r.Classified = Set(f.NAT.Class...), f.NAT.Client != ""
	r.Zone, r.Status, r.ID, r.Mark, r.Use = f.Zone, f.Status, f.ID, f.Mark, f.Use
	r.Timeout = uint32(min(max(0, f.Timeout/time.Second), 1<<32-1))
	r.Seen, r.Start, r.Gone = nanos(f.Seen), nanos(f.Start), nanos(f.Gone)
	b.packNotes(r, f)
}

func packSide(s *Side) End {
	e := endOf(s.Tuple)
	e.Scale, e.Flags, e.Zone = s.TCP.Scale, s.TCP.Flags, s.Zone
	if s.Count.Valid {
		e.Packets, e.Bytes = s.Count.Packets, s.Count.Bytes
	}
	return e
}

func (b *Batch) packNotes(r *Record, f *Flow) {
	u32 := func(n ...uint32) (out []byte) {
		for _, x := range n {
			out = binary.BigEndian.AppendUint32(out, x)
		}
		return out
	}
	note := func(n Note, there bool, data func() []byte) {
		if there {
			b.Note(r, n, data())
		}
	}
	note(NoteState, r.State == StateOther, func() []byte { return []byte(f.State) })
	note(NoteLabels, f.Labels != nil, func() []byte { return f.Labels })
	note(NoteHelper, f.Helper != "", func() []byte { return []byte(f.Helper) })
	note(NoteHelperInfo, f.HelperInfo != nil, func() []byte { return f.HelperInfo })
	note(NoteStop, !f.Stop.IsZero(), func() []byte { return binary.BigEndian.AppendUint64(nil, uint64(f.Stop.UnixNano())) })
	note(NoteMaster, f.Master != model.Tuple{}, func() []byte { e := endOf(f.Master); return TupleNote(f.Master.Proto, &e) })
	note(NoteSynproxy, f.Synproxy != Synproxy{}, func() []byte { return u32(f.Synproxy.ISN, f.Synproxy.ITS, f.Synproxy.Offset) })
	note(NoteDCCP, f.DCCP != DCCP{}, func() []byte { return binary.BigEndian.AppendUint64([]byte{f.DCCP.Role}, f.DCCP.Sequence) })
	note(NoteContext, f.Context != "", func() []byte { return []byte(f.Context) })
	for i, m := range []SeqMove{f.Orig.Adjust, f.Reply.Adjust} {
		note(NoteAdjust+Note(i), m != SeqMove{}, func() []byte { return u32(m.Position, uint32(m.Before), uint32(m.After)) })
	}
	note(NoteVTags, f.Orig.VTag|f.Reply.VTag != 0, func() []byte { return u32(f.Orig.VTag, f.Reply.VTag) })
	for _, a := range f.Unknown {
		b.Note(r, NoteUnknown, append(u32(a.Type), a.Data...))
	}
}

// nanos is a time as a Record has it.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func timeOf(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}

// flow makes the flow of a Record and the notes about it.
func (r *Record) flow(l notes) *Flow {
	f := &Flow{ID: r.ID, Family: r.Family, State: r.State.String(), Status: r.Status, Timeout: time.Duration(r.Timeout) * time.Second,
		Mark: r.Mark, Zone: r.Zone, Use: r.Use, Seen: timeOf(r.Seen), Start: timeOf(r.Start), Gone: timeOf(r.Gone), Rate: -1}
	f.Orig, f.Reply = r.Orig.side(r.Proto, r.Counted), r.Reply.side(r.Proto, r.CountedBack)
	if r.Classified {
		f.NAT = nat(f, r.Classes)
	}
	l.words(f)
	return f
}

func (e *End) side(p model.Proto, counted bool) Side {
	s := Side{Tuple: e.tuple(p), Zone: e.Zone, TCP: TCPSide{e.Scale, e.Flags}}
	if counted {
		s.Count = model.Counters{Packets: e.Packets, Bytes: e.Bytes, Valid: true}
	}
	return s
}

// nat is the NAT of a flow of these classes.
func nat(f *Flow, c Classes) NAT {
	return NAT{Class: c.List(), Client: f.Orig.Tuple.SrcString(), Service: f.Orig.Tuple.DstString(), Backend: f.Reply.Tuple.SrcString()}
}
