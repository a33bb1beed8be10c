package flow

import (
	"encoding/binary"
	"time"

	"nfscope/model"
)

// Note says what a note about a flow is. Notes are what only some flows have: each is a
// byte that says which, two for its length, and its bytes.
type Note uint8

// The notes. Numbers in them are in big-endian order, as the kernel sends them.
const (
	NoteLabels Note = iota + 1
	NoteHelper
	NoteHelperInfo
	NoteStop       // nanoseconds since 1970, 8 bytes
	NoteMaster     // as Record.Tuple writes it
	NoteSynproxy   // ISN, ITS, offset, 4 bytes each
	NoteDCCP       // role, 1 byte; sequence, 8 bytes
	NoteContext    // the security context
	NoteAdjust     // position, before, after of the original direction, 4 bytes each
	NoteAdjustBack // and of the reply's
	NoteVTags      // of the original direction and of the reply's, 4 bytes each
	NoteState      // the name of StateOther
	NoteUnknown    // type, 4 bytes; data. It may come many times
)

// notes are the notes about one flow.
type notes []byte

// Note writes something down about r, which is the Batch's last Record. Of what is longer
// than 65535 bytes the rest is left out: no attribute of netlink is.
func (b *Batch) Note(r *Record, n Note, data []byte) {
	if r.rare == 0 {
		r.rare = uint32(len(b.notes)) + 1
	}
	b.notes = appendNote(b.notes, n, data)
	r.until = uint32(len(b.notes))
}

func appendNote(to []byte, n Note, data []byte) []byte {
	data = data[:min(len(data), 1<<16-1)]
	to = append(to, byte(n), byte(len(data)>>8), byte(len(data)))
	return append(to, data...)
}

// next takes the first note off.
func (l notes) next() (n Note, data []byte, rest notes, ok bool) {
	if len(l) < 3 {
		return 0, nil, nil, false
	}
	end := 3 + int(binary.BigEndian.Uint16(l[1:]))
	if end > len(l) {
		return 0, nil, nil, false
	}
	return Note(l[0]), l[3:end], l[end:], true
}

// find gives one note, nil where there is none.
func (l notes) find(want Note) []byte {
	for n, data, rest, ok := l.next(); ok; n, data, rest, ok = rest.next() {
		if n == want {
			return data
		}
	}
	return nil
}

// over appends to scratch what l says, and of older what l is silent about.
func (l notes) over(older notes, scratch []byte) notes {
	scratch = append(scratch, l...)
	for n, data, rest, ok := older.next(); ok; n, data, rest, ok = rest.next() {
		if l.find(n) == nil {
			scratch = appendNote(scratch, n, data)
		}
	}
	return scratch
}

// TupleNote is a tuple as NoteMaster has it.
func TupleNote(p model.Proto, e *End) []byte {
	b := make([]byte, 0, 39)
	b = append(b, byte(p), byte(e.SrcKind), byte(e.DstKind))
	b = append(append(b, e.Src[:]...), e.Dst[:]...)
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, e.SPort), e.DPort)
}

func noteTuple(b []byte) (t model.Tuple) {
	if len(b) < 39 {
		return t
	}
	e := End{SrcKind: AddrKind(b[1]), DstKind: AddrKind(b[2]), Src: [16]byte(b[3:]), Dst: [16]byte(b[19:]),
		SPort: binary.BigEndian.Uint16(b[35:]), DPort: binary.BigEndian.Uint16(b[37:])}
	return e.tuple(model.Proto(b[0]))
}

// words puts the notes into a flow. The bytes are copied.
func (l notes) words(f *Flow) {
	u32 := func(b []byte, i int) uint32 {
		if len(b) < 4*i+4 {
			return 0
		}
		return binary.BigEndian.Uint32(b[4*i:])
	}
	move := func(b []byte) SeqMove { return SeqMove{u32(b, 0), int32(u32(b, 1)), int32(u32(b, 2))} }
	for n, b, rest, ok := l.next(); ok; n, b, rest, ok = rest.next() {
		switch n {
		case NoteLabels:
			f.Labels = append([]byte{}, b...)
		case NoteHelper:
			f.Helper = string(b)
		case NoteHelperInfo:
			f.HelperInfo = append([]byte{}, b...)
		case NoteStop:
			if len(b) >= 8 {
				f.Stop = time.Unix(0, int64(binary.BigEndian.Uint64(b)))
			}
		case NoteMaster:
			f.Master = noteTuple(b)
		case NoteSynproxy:
			f.Synproxy = Synproxy{u32(b, 0), u32(b, 1), u32(b, 2)}
		case NoteDCCP:
			if len(b) >= 9 {
				f.DCCP = DCCP{b[0], binary.BigEndian.Uint64(b[1:])}
			}
		case NoteContext:
			f.Context = string(b)
		case NoteAdjust:
			f.Orig.Adjust = move(b)
		case NoteAdjustBack:
			f.Reply.Adjust = move(b)
		case NoteVTags:
			f.Orig.VTag, f.Reply.VTag = u32(b, 0), u32(b, 1)
		case NoteState:
			if f.State == "" { // else it is the name of a state before
				f.State = string(b)
			}
		case NoteUnknown:
			if len(b) >= 4 {
				f.Unknown = append(f.Unknown, Attribute{u32(b, 0), append([]byte(nil), b[4:]...)})
			}
		}
	}
}
