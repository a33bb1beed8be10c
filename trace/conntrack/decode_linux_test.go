package conntrack

import (
	"encoding/binary"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/flow"
)

// attr encodes the tuples of a flow as the kernel sends them, and what more is asked for.
func attributes(t testing.TB, proto byte, more func(*netlink.AttributeEncoder)) []byte {
	t.Helper()
	e := netlink.NewAttributeEncoder()
	e.ByteOrder = binary.BigEndian
	for i, ends := range [][2][]byte{{{10, 0, 0, 1}, {10, 0, 0, 2}}, {{10, 0, 0, 2}, {10, 0, 0, 1}}} {
		e.Nested(uint16(1+i), func(e *netlink.AttributeEncoder) error {
			e.Nested(1, func(e *netlink.AttributeEncoder) error {
				e.Bytes(1, ends[0])
				e.Bytes(2, ends[1])
				return nil
			})
			e.Nested(2, func(e *netlink.AttributeEncoder) error {
				e.Uint8(1, proto)
				if model.Proto(proto).Ports() {
					e.Uint16(2, 1000)
					e.Uint16(3, 80)
				}
				return nil
			})
			return nil
		})
	}
	e.Uint32(12, 77)
	e.Uint32(3, uint32(flow.Assured|1<<20))
	e.Uint32(7, 30)
	if more != nil {
		more(e)
	}
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte{unix.AF_INET, 0, 0, 0}, b...)
}

const ctNew = unix.NFNL_SUBSYS_CTNETLINK << 8

func TestDecode(t *testing.T) {
	now := time.Unix(5, 0)
	protoInfo := func(kind uint16, state byte) func(*netlink.AttributeEncoder) {
		return func(e *netlink.AttributeEncoder) {
			e.Nested(4, func(e *netlink.AttributeEncoder) error {
				e.Nested(kind, func(e *netlink.AttributeEncoder) error { e.Uint8(1, state); return nil })
				return nil
			})
		}
	}
	for _, c := range []struct {
		proto       byte
		kind        uint16
		state       byte
		want        string
		typ, flags  uint16
		event       flow.EventType
		sport       uint16
		description string
	}{
		{6, 1, 3, "ESTABLISHED", ctNew, uint16(netlink.Create | netlink.Excl), flow.EventNew, 1000, "tcp"},
		{6, 1, 9, "SYN_SENT2", ctNew, 0, flow.EventUpdate, 1000, "tcp"},
		{132, 3, 2, "COOKIE_WAIT", ctNew, 0, flow.EventUpdate, 1000, "sctp"},
		{33, 2, 4, "OPEN", ctNew | 2, 0, flow.EventDestroy, 1000, "dccp"},
		{6, 1, 99, "STATE-99", ctNew, 0, flow.EventUpdate, 1000, "a state that is not known"},
		{47, 0, 0, "", ctNew, 0, flow.EventUpdate, 0, "gre"},
		{253, 0, 0, "", ctNew, 0, flow.EventUpdate, 0, "a protocol that is not known"},
	} {
		var more func(*netlink.AttributeEncoder)
		if c.kind != 0 {
			more = protoInfo(c.kind, c.state)
		}
		e, err := decode(message{Type: c.typ, Flags: c.flags, Data: attributes(t, c.proto, more)}, now)
		if err != nil {
			t.Errorf("%s: %v", c.description, err)
			continue
		}
		f := e.Flow
		if e.Type != c.event || f.State != c.want || f.ID != 77 || f.Orig.Tuple.SPort != c.sport || uint8(f.Orig.Tuple.Proto) != c.proto ||
			f.Status != flow.Assured|1<<20 || f.Timeout != 30*time.Second || f.Family != model.FamilyIPv4 || f.Orig.Count.Valid || !e.Time.Equal(now) {
			t.Errorf("%s: %v %+v", c.description, e.Type, f)
		}
	}
	// The expectation subsystem is no flow; rubbish and half a flow are errors.
	for _, c := range [][]byte{nil, {2, 0, 0, 0}, {2, 0, 0, 0, 9}, {2, 0, 0, 0, 8, 0, 12, 0, 0, 0, 0, 1}} {
		if e, err := decode(message{Type: ctNew, Data: c}, now); err == nil {
			t.Errorf("%x was read as the flow %+v", c, e.Flow)
		}
	}
	if k := kind(message{Type: unix.NFNL_SUBSYS_CTNETLINK_EXP << 8}); k != 0 {
		t.Errorf("an expectation is a %v", k)
	}
}

// decode reads one message.
func decode(m message, now time.Time) (flow.Event, error) {
	var d decoder
	b := &flow.Batch{Time: now}
	if err := d.add(b, m, kind(m)); err != nil {
		if len(b.Records) != 0 {
			return flow.Event{}, nil
		}
		return flow.Event{}, err
	}
	return b.Event(0), nil
}

// TestUnknownAttributes: what a newer kernel may say of a flow, at any place, is kept as it came
// and counted; all else of the flow is read, and the dump goes on behind it.
func TestUnknownAttributes(t *testing.T) {
	nest := func(typ uint16, in ...[]byte) []byte { return attr(typ|unix.NLA_F_NESTED, slices.Concat(in...)) }
	news := attr(99, []byte{7, 8, 9})
	for _, c := range []struct {
		at   uint32 // the nest
		data []byte
	}{
		{0, news},
		{2, nest(2, news)},
		{2<<8 | 1, nest(2, nest(1, news))},
		{2<<8 | 2, nest(2, nest(2, news))},
		{4, nest(4, news)},
		{4<<8 | 1, nest(4, nest(1, news))},
		{4<<8 | 2, nest(4, nest(2, news))},
		{4<<8 | 3, nest(4, nest(3, news))},
		{5, nest(5, news)},
		{9, nest(9, news)},
		{14, nest(14, news)},
		{15, nest(15, news)},
		{19, nest(19, news)},
		{20, nest(20, news)},
		{24, nest(24, news)},
	} {
		r := newReader()
		var flows []*flow.Flow
		d := dumping{reader: r, emit: func(i feed.Item) {
			i.Split(func(i feed.Item) { flows = append(flows, i.Flow.Flow) })
		}}
		plain := attributes(t, 17, nil)
		if err := d.datagram(slices.Concat(packed(t, ctNew, append(slices.Clone(plain), c.data...)), packed(t, ctNew, plain), packed(t, unix.NLMSG_DONE, make([]byte, 4)))); err != nil || !d.done || len(flows) != 2 {
			t.Errorf("in %#x: %v, done %v, %d flows", c.at, err, d.done, len(flows))
			continue
		}
		got := flows[0]
		if want := []flow.Attribute{{Type: c.at<<8 | 99, Data: []byte{7, 8, 9}}}; !reflect.DeepEqual(got.Unknown, want) || r.decoder.strange.Load() != 1 {
			t.Errorf("in %#x: %+v, want %+v; %d counted", c.at, got.Unknown, want, r.decoder.strange.Load())
		}
		if plain := flows[1]; got.Orig.Tuple != plain.Orig.Tuple || got.Reply.Tuple != plain.Reply.Tuple || got.ID != 77 || got.Status != plain.Status || got.Timeout != plain.Timeout {
			t.Errorf("in %#x: %+v, without it %+v", c.at, got, plain)
		}
	}
}

// TestEveryAttribute: what stands in which attribute is what the kernel's header says
// (nfnetlink_conntrack.h); these are those that conntrack(8) does not print, and forms that
// this kernel does not send.
func TestEveryAttribute(t *testing.T) {
	nest := func(typ uint16, in ...[]byte) []byte { return attr(typ|unix.NLA_F_NESTED, slices.Concat(in...)) }
	u32 := func(typ uint16, n uint32) []byte { return attr(typ, binary.BigEndian.AppendUint32(nil, n)) }
	u64 := func(typ uint16, n uint64) []byte { return attr(typ, binary.BigEndian.AppendUint64(nil, n)) }
	state := func(kind uint16, n byte, in ...[]byte) []byte {
		return nest(ctaProtoInfo, nest(kind, append(in, attr(1, []byte{n}))...))
	}
	pad := attr(5, make([]byte, 8))
	for name, c := range map[string]struct {
		proto byte
		more  []byte
		want  func(f *flow.Flow)
	}{
		"TCP's windows and flags": {6, state(1, 3, attr(2, []byte{7}), attr(3, []byte{9}), attr(4, []byte{0x23, 0xff}), attr(5, []byte{0x33, 0xff})), func(f *flow.Flow) {
			f.State, f.Orig.TCP, f.Reply.TCP = "ESTABLISHED", flow.TCPSide{Scale: 7, Flags: 0x23}, flow.TCPSide{Scale: 9, Flags: 0x33}
		}},
		"DCCP": {33, state(2, 3, attr(2, []byte{1}), u64(3, 0x123456789a), attr(4, nil)), func(f *flow.Flow) {
			f.State, f.DCCP = "PARTOPEN", flow.DCCP{Role: 1, Sequence: 0x123456789a}
		}},
		"counters": {17, slices.Concat(nest(ctaCountOrig, u64(1, 5), u64(2, 600), pad), nest(ctaCountReply, u64(1, 7), u64(2, 800))), func(f *flow.Flow) {
			f.Orig.Count, f.Reply.Count = model.Counters{Packets: 5, Bytes: 600, Valid: true}, model.Counters{Packets: 7, Bytes: 800, Valid: true}
		}},
		"counters of old kernels": {17, slices.Concat(nest(ctaCountOrig, u32(3, 5), u32(4, 600)), nest(ctaCountReply, u32(3, 7), u32(4, 800))), func(f *flow.Flow) {
			f.Orig.Count, f.Reply.Count = model.Counters{Packets: 5, Bytes: 600, Valid: true}, model.Counters{Packets: 7, Bytes: 800, Valid: true}
		}},
		"times": {17, slices.Concat(nest(ctaTimes, u64(1, 3e9), u64(2, 4e9), attr(3, make([]byte, 8))), u64(ctaEventTime, 45e8)), func(f *flow.Flow) {
			f.Start, f.Stop, f.Seen = time.Unix(3, 0), time.Unix(4, 0), time.Unix(4, 5e8)
		}},
		"a helper's own words": {17, nest(ctaHelp, attr(1, []byte("sip\x00")), attr(2, []byte{1, 2})), func(f *flow.Flow) {
			f.Helper, f.HelperInfo = "sip", []byte{1, 2}
		}},
		"the security context":    {17, nest(ctaContext, attr(1, []byte("system_u:x\x00"))), func(f *flow.Flow) { f.Context = "system_u:x" }},
		"a state of three digits": {6, state(1, 200), func(f *flow.Flow) { f.State = "STATE-200" }},
	} {
		plain := attributes(t, c.proto, nil)
		now := time.Unix(5, 0)
		want, err := decode(message{Type: ctNew, Data: plain}, now)
		if err != nil {
			t.Fatal(err)
		}
		c.want(want.Flow)
		got, err := decode(message{Type: ctNew, Data: append(plain, c.more...)}, now)
		if err != nil || !reflect.DeepEqual(got.Flow, want.Flow) {
			t.Errorf("%s: %v\n%+v\nexpected\n%+v", name, err, got.Flow, want.Flow)
		}
	}
	for kind, names := range map[uint16]string{
		1: "NONE SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE SYN_SENT2",
		2: "NONE REQUEST RESPOND PARTOPEN OPEN CLOSEREQ CLOSING TIMEWAIT IGNORE INVALID",
		3: "NONE CLOSED COOKIE_WAIT COOKIE_ECHOED ESTABLISHED SHUTDOWN_SENT SHUTDOWN_RECD SHUTDOWN_ACK_SENT HEARTBEAT_SENT HEARTBEAT_ACKED",
	} {
		for n, name := range strings.Fields(names) {
			e, err := decode(message{Type: ctNew, Data: append(attributes(t, 6, nil), state(kind, byte(n))...)}, time.Unix(5, 0))
			if err != nil || e.Flow.State != name {
				t.Errorf("protocol %d, state %d: %v %v, expected %s", kind, n, e.Flow, err, name)
			}
		}
	}
}

// attr is a netlink attribute.
func attr(typ uint16, data []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(data)))
	b = append(binary.NativeEndian.AppendUint16(b, typ), data...)
	return append(b, make([]byte, -len(b)&3)...)
}

// TestUnreadableMessageIsCounted: a message that cannot be read is told once in words, counted
// each time, and does not end the reading.
func TestUnreadableMessageIsCounted(t *testing.T) {
	bad := packed(t, ctNew, attributes(t, 6, func(e *netlink.AttributeEncoder) {
		e.Nested(1, func(e *netlink.AttributeEncoder) error { e.Bytes(1, []byte{200, 0, 1}); return nil }) // says that it is longer
	}))
	good := packed(t, ctNew, attributes(t, 6, nil))
	r := newReader()
	var problems, gaps, flows int
	r.events([][]byte{append(append([]byte{}, bad...), bad...), good}, func(i feed.Item) {
		switch {
		case i.Problem != "":
			problems++
		case i.Flows != nil:
			flows += len(i.Flows.Records)
		case i.Flow.Type == flow.EventGap:
			gaps += int(i.Flow.Lost)
		}
	})
	if problems != 1 || gaps != 2 || flows != 1 {
		t.Errorf("%d problems, %d lost, %d flows; expected 1, 2, 1", problems, gaps, flows)
	}
	r.events([][]byte{good[:len(good)-8]}, func(i feed.Item) { problems++ })
	if problems != 3 {
		t.Error("a datagram cut short was taken in silence")
	}
}

func packed(t testing.TB, typ uint16, data []byte) []byte {
	t.Helper()
	m := netlink.Message{Header: netlink.Header{Length: uint32(headerLen + len(data)), Type: netlink.HeaderType(typ)}, Data: data}
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzDatagram(f *testing.F) {
	f.Add(packed(f, ctNew, attributes(f, 6, nil)))
	f.Add(packed(f, unix.NLMSG_DONE, []byte{0xff, 0xff, 0xff, 0xff}))
	f.Add(append(packed(f, ctNew, attributes(f, 253, nil)), packed(f, ctNew|2, attributes(f, 1, nil))...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newReader()
		var tab flow.Table
		said := 0
		emit := func(i feed.Item) {
			said++
			i.Split(func(i feed.Item) {
				if i.Flow != nil {
					if _, err := i.Flow.MarshalJSON(); err != nil && i.Flow.Flow.Start.IsZero() {
						t.Fatal(err)
					}
				}
			})
			if i.Flows != nil {
				tab.ApplyBatch(i.Flows)
				i.Flows.Release()
			}
		}
		r.events([][]byte{b, b}, emit)
		if len(b) > 0 && len(b) < headerLen && said == 0 {
			t.Fatal("half a message was taken in silence")
		}
		d := dumping{reader: r, emit: emit}
		_ = d.datagram(b)
		for _, x := range tab.List() {
			x.Explain()
		}
	})
}
