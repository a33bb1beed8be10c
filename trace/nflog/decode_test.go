package nflog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

func show(e journey.Event) string {
	kind := map[journey.EventKind]string{journey.EventRule: "rule", journey.EventPolicy: "policy", journey.EventReturn: "return"}[e.Kind]
	s := fmt.Sprintf("%s %s:%s:%s:%d %s", e.Family, e.Table, e.Chain, kind, e.Num, e.Hook)
	for _, f := range []struct{ word, value string }{{"in", e.In}, {"out", e.Out}, {"physin", e.PhysIn}, {"physout", e.PhysOut}} {
		if f.value != "" {
			s += " " + f.word + " " + f.value
		}
	}
	if e.Mark != 0 {
		s += fmt.Sprintf(" mark %d", e.Mark)
	}
	if !e.Stamp.IsZero() {
		s += " stamped"
	}
	return s + " | " + e.Packet.String()
}

// decodeEvent decodes a message that is a trace event.
func decodeEvent(d *Decoder, payload []byte) (journey.Event, error) {
	var r raw
	if err := d.attributes(&r, payload); err != nil {
		return journey.Event{}, err
	}
	b := journey.NewBatch(1)
	if !d.event(&r, b) {
		return journey.Event{}, errors.New("no trace event")
	}
	return b.Events()[0], nil
}

// made puts a message together.
func made(family uint8, attrs ...[]byte) []byte {
	b := []byte{family, 0, 0, 0}
	for _, a := range attrs {
		b = append(b, a...)
	}
	return b
}

func attr(typ uint16, v ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(v)))
	b = append(binary.NativeEndian.AppendUint16(b, typ), v...)
	return append(b, make([]byte, (4-len(v)%4)%4)...)
}

func TestDecodeCaptured(t *testing.T) {
	for _, c := range nettest.CapturedMessages(t) {
		e, err := decodeEvent(&Decoder{}, c.Payload)
		if err != nil {
			t.Errorf("%s: %v", c.File, err)
			continue
		}
		if got := show(e); got != c.Want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.File, got, c.Want)
		}
		if e.Source != journey.SourceLegacy || !e.HasMark || e.Verdict != model.VerdictUnknown {
			t.Errorf("%s: %+v", c.File, e)
		}
		var d Decoder
		m, err := d.Decode(c.Payload)
		if err != nil || m.Hook != e.Hook || m.Family != e.Family || m.In != e.In || m.Out != e.Out || !m.Stamp.Equal(e.Stamp) || *m.Packet != *e.Packet {
			t.Errorf("%s: as any message %+v, as a trace event %+v, %v", c.File, m, e, err)
		}
	}
}

// TestDecodeCut: a message that ends anywhere is an error, or one that has less to say.
func TestDecodeCut(t *testing.T) {
	whole := nettest.CapturedMessages(t)[0].Payload
	bad := 0
	for n := range whole {
		var d Decoder
		if _, err := d.Decode(whole[:n]); err != nil {
			if !strings.HasPrefix(err.Error(), "nflog: message ") {
				t.Errorf("%d bytes: %v", n, err)
			}
			bad++
		}
	}
	if bad < len(whole)/2 {
		t.Errorf("%d of %d beginnings are no messages", bad, len(whole))
	}
}

func TestDecodeOdd(t *testing.T) {
	var d Decoder
	if _, err := d.Decode(made(2)); !errors.Is(err, errNoHook) {
		t.Errorf("a message without header: %v", err)
	}
	prefix, index := attr(attrPrefix, []byte("TRACE: raw:PREROUTING:rule:1 \x00")...), attr(attrInDev, 0, 0, 0, 12)
	v6, junk := attr(attrPayload, append([]byte{0x60}, make([]byte, 39)...)...), attr(attrPayload, 0x45)
	for _, c := range []struct {
		name   string
		b      []byte
		family model.Family
		packet bool
		hook   model.Hook
	}{
		{"no EtherType, IPv6 by its header", made(10, attr(attrPacketHdr, 0, 0, 2, 0), prefix, v6, index), model.FamilyIPv6, true, model.HookForward},
		{"header cut", made(2, attr(attrPacketHdr, 0, 0, 2, 0), prefix, junk, index), model.FamilyIPv4, false, model.HookForward},
		{"ARP", made(3, attr(attrPacketHdr, 8, 6, 1, 0), prefix, junk, index), model.FamilyUnspec, false, model.HookOutput},
		{"no payload", made(2, attr(attrPacketHdr, 0, 0, 2, 0), prefix, index), model.FamilyUnspec, false, model.HookForward},
		{"a device's chain", made(5, attr(attrPacketHdr, 0x86, 0xdd, 0, 0), prefix, v6, index), model.FamilyIPv6, true, model.HookIngress},
		{"an inet chain at a device", made(1, attr(attrPacketHdr, 0x86, 0xdd, 5, 0), prefix, v6, index), model.FamilyIPv6, true, model.HookIngress},
	} {
		m, err := d.Decode(c.b)
		if err != nil || m.Family != c.family || (m.Packet != nil) != c.packet || m.In != "if12" || m.Hook != c.hook {
			t.Errorf("%s: %+v, %v", c.name, m, err)
		}
		if _, err := decodeEvent(&d, c.b); (err == nil) != (c.family != model.FamilyUnspec) {
			t.Errorf("%s: a trace event: %v", c.name, err)
		}
	}
}

func TestSequence(t *testing.T) {
	var s sequence
	for i, c := range []struct {
		seq     uint32
		counted uint64 // 0: a message arrives
		full    uint64
		lost    uint64
	}{
		{seq: 0, full: 0},
		{seq: 1, full: 1},
		{seq: 5, full: 5, lost: 3},
		{counted: 3},          // the counter knows no more than the hole
		{counted: 7, lost: 4}, // four more, and no message after them yet
		{counted: 7},
		{seq: 12, full: 12, lost: 2}, // six are missing, four are told
		{counted: 9},
		{seq: 13, full: 13},
	} {
		var full, lost uint64
		if c.counted > 0 {
			lost = s.counted(c.counted)
		} else {
			full, lost = s.arrived(c.seq)
		}
		if full != c.full || lost != c.lost {
			t.Errorf("step %d: number %d and %d lost, want %d and %d", i, full, lost, c.full, c.lost)
		}
	}
	s = sequence{next: 1<<32 - 1}
	if full, lost := s.arrived(1<<32 - 1); full != 1<<32-1 || lost != 0 {
		t.Errorf("before the overflow: %d, %d", full, lost)
	}
	if full, lost := s.arrived(1); full != 1<<32+1 || lost != 1 {
		t.Errorf("behind the overflow: %d, %d", full, lost)
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range nettest.CapturedMessages(f) {
		f.Add(c.Payload)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var d Decoder
		m, err := d.Decode(payload)
		e, eerr := decodeEvent(&d, payload)
		if err != nil && eerr == nil {
			t.Errorf("an event of what is no message: %+v", e)
		}
		if eerr == nil && (e.Kind == 0 || e.Num < 1 || e.Table == "" || e.Chain == "" || e.Hook != m.Hook) {
			t.Errorf("%+v", e)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	all := nettest.CapturedMessages(b)
	var d Decoder
	batch := journey.NewBatch(1)
	b.ReportAllocs()
	for i := range b.N {
		var r raw
		batch.Reset()
		if err := d.attributes(&r, all[i%len(all)].Payload); err != nil || !d.event(&r, batch) {
			b.Fatal(err)
		}
	}
}

// TestOwner: an event has the owner that the kernel told with it, whole, and not that of the
// event before.
func TestOwner(t *testing.T) {
	head := made(2, attr(attrPacketHdr, 8, 0, 3, 0), attr(attrPrefix, []byte("TRACE: raw:OUTPUT:rule:1 \x00")...), attr(attrPayload, 0x45))
	id := func(typ uint16, v byte) []byte { return attr(typ, 0, 0, 0, v) }
	var d Decoder
	for _, c := range []struct {
		name     string
		uid, gid []byte
		want     *journey.Owner
	}{
		{"a process", id(attrUID, 1), id(attrGID, 2), &journey.Owner{UID: 1, GID: 2}},
		{"the same", id(attrUID, 1), id(attrGID, 2), &journey.Owner{UID: 1, GID: 2}},
		{"another user", id(attrUID, 3), id(attrGID, 2), &journey.Owner{UID: 3, GID: 2}},
		{"another group", id(attrUID, 3), id(attrGID, 4), &journey.Owner{UID: 3, GID: 4}},
		{"no group", id(attrUID, 3), nil, nil},
		{"no user", nil, id(attrGID, 4), nil},
		{"nobody", nil, nil, nil},
		{"root", id(attrUID, 0), id(attrGID, 0), &journey.Owner{}},
	} {
		e, err := decodeEvent(&d, slices.Concat(head, c.uid, c.gid))
		if err != nil || (e.Owner == nil) != (c.want == nil) || c.want != nil && *e.Owner != *c.want {
			t.Errorf("%s: %+v, %v", c.name, e.Owner, err)
		}
	}
}
