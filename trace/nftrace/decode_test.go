package nftrace

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

// show prints an event as the expectations below have it: table, chain, kind, rule or
// verdict, and whatever the event says of the packet.
func show(e journey.Event, texts map[string]string) string {
	s := fmt.Sprintf("%s %s %s ", e.Family, e.Table, e.Chain)
	switch e.Kind {
	case journey.EventRule:
		s += "rule"
	case journey.EventPolicy:
		s += "policy"
	case journey.EventReturn:
		s += "return"
	}
	if e.Handle != 0 {
		text, ok := texts[fmt.Sprintf("%s %s %d", e.Family, e.Table, e.Handle)]
		if !ok {
			text = fmt.Sprintf("handle %d", e.Handle)
		}
		s += fmt.Sprintf(" <%s>", text)
	}
	s += " " + e.Verdict.String()
	if e.To != "" {
		s += " to " + e.To
	}
	if e.Mark != 0 {
		s += fmt.Sprintf(" mark %d", e.Mark)
	}
	if e.In != "" {
		s += " in " + e.In
	}
	if e.Out != "" {
		s += " out " + e.Out
	}
	if e.Packet != nil {
		s += " | " + e.Packet.String()
	}
	if e.CT != nil {
		s += fmt.Sprintf(" | ct dir %d state %d status %#x", e.CT.Direction, e.CT.State, e.CT.Status)
		if e.CT.ID != 0 {
			s += " id"
		}
	}
	return s
}

func TestDecodeCaptured(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		nettest.Skip(t, "the messages were captured on a little endian machine")
	}
	var d Decoder
	for _, c := range nettest.CapturedMessages(t) {
		e, err := d.Decode(MsgType, c.Payload)
		if err != nil {
			t.Errorf("%s: %v", c.File, err)
		} else if got := show(e, nil); got != c.Want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.File, got, c.Want)
		}
	}
	if d.Unknown+d.Headers > 0 {
		t.Errorf("%d unknown attributes, %d headers not read", d.Unknown, d.Headers)
	}
}

// A message cut anywhere is an error or a whole event, and no panic.
func TestDecodeCut(t *testing.T) {
	var d Decoder
	for _, c := range nettest.CapturedMessages(t) {
		for n := range len(c.Payload) {
			if _, err := d.Decode(MsgType, c.Payload[:n]); err == nil {
				continue
			} else if !strings.HasPrefix(err.Error(), "nftrace: ") {
				t.Fatalf("cut to %d bytes: %v", n, err)
			}
		}
	}
}

// attr builds an attribute.
func attr(typ int, v ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(v)))
	b = binary.NativeEndian.AppendUint16(b, uint16(typ))
	b = append(b, v...)
	return append(b, make([]byte, -len(b)&3)...)
}

func word(typ int, v uint32) []byte { return attr(typ, binary.BigEndian.AppendUint32(nil, v)...) }

// message builds an event with the attributes every event has, and more.
func message(typ uint32, more ...[]byte) []byte {
	b := []byte{2, 0, 0, 0}
	b = append(b, word(attrNFProto, 2)...)
	b = append(b, word(attrType, typ)...)
	b = append(b, word(attrID, 7)...)
	b = append(b, attr(attrTable, 't', 0)...)
	b = append(b, attr(attrChain, 'c', 0)...)
	return append(b, bytes.Join(more, nil)...)
}

func TestVerdicts(t *testing.T) {
	for code, want := range map[uint32]model.Verdict{
		0: model.VerdictDrop, 1: model.VerdictAccept, 2: model.VerdictStolen, 3: model.VerdictQueue,
		4: model.VerdictUnknown, 5: model.VerdictAccept, 6: model.VerdictUnknown,
		5<<16 | 3:          model.VerdictQueue,
		5<<16 | 0x8000 | 3: model.VerdictQueue, // --queue-bypass
		1 << 16:            model.VerdictDrop,  // NF_DROP with an errno
		0xffffffff:         model.VerdictContinue,
		0xfffffffe:         model.VerdictContinue,
		0xfffffffd:         model.VerdictJump,
		0xfffffffc:         model.VerdictGoto,
		0xfffffffb:         model.VerdictReturn,
		0xfffffffa:         model.VerdictUnknown,
		0x80000001:         model.VerdictUnknown,
	} {
		var d Decoder
		e, err := d.Decode(MsgType, message(typeRule, attr(attrVerdict|0x8000, word(verdictCode, code)...)))
		if err != nil || e.Verdict != want || e.Kind != journey.EventRule {
			t.Errorf("verdict %#x: %v, %v; want %v", code, e.Verdict, err, want)
		}
		if e.HasMark == (want == model.VerdictStolen) {
			t.Errorf("verdict %v: HasMark %v", want, e.HasMark)
		}
	}
}

func TestDecodeOldAndNew(t *testing.T) {
	var d Decoder
	cont := word(verdictCode, 0xffffffff)
	e, err := d.Decode(MsgType, message(typeReturn, attr(attrVerdict, cont...), word(99, 1), attr(1<<14-1)))
	if err != nil || e.Kind != journey.EventReturn || d.Unknown != 2 {
		t.Errorf("an old kernel's return event with attributes of a new one: %+v, %v, %d unknown", e, err, d.Unknown)
	}
	// A bridge's ARP frame: the header is no IP header.
	e, err = d.Decode(MsgType, message(typePolicy, word(attrPolicy, 1), word(attrIIF, 12), attr(attrNetworkHeader, make([]byte, 28)...)))
	if err != nil || e.Packet != nil || d.Headers != 1 || e.In != "if12" || e.Verdict != model.VerdictAccept {
		t.Errorf("an ARP frame: %+v, %v, %d headers", e, err, d.Headers)
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct {
		name    string
		payload []byte
		want    string
	}{
		{"empty", nil, "nfgenmsg"},
		{"no attributes", []byte{2, 0, 0, 0}, "without TABLE"},
		{"half an attribute", []byte{2, 0, 0, 0, 8, 0}, "2 bytes where an attribute's header has 4"},
		{"attribute longer than the message", []byte{2, 0, 0, 0, 9, 0, 1, 0, 'x'}, "TABLE has 9 bytes, 5 are left"},
		{"short number", message(typeRule, attr(attrRuleHandle, 1, 2, 3, 4)), "RULE_HANDLE has 4 bytes of 8"},
		{"no verdict", message(typeRule), "without VERDICT"},
		{"empty verdict", message(typeRule, attr(attrVerdict)), "VERDICT without a code"},
		{"no policy", message(typePolicy), "without POLICY"},
		{"type", message(9), "unknown type 9"},
	} {
		var d Decoder
		if _, err := d.Decode(MsgType, c.payload); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	var d Decoder
	if _, err := d.Decode(10<<8|15, message(typeRule)); err == nil {
		t.Error("a message of another type was decoded")
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range nettest.CapturedMessages(f) {
		f.Add(c.Payload)
	}
	f.Add(message(typePolicy, word(attrPolicy, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var d Decoder
		e, err := d.Decode(MsgType, b)
		if err != nil {
			if e.Table != "" || e.Packet != nil {
				t.Errorf("half an event beside the error %v: %+v", err, e)
			}
			return
		}
		if e.Source != journey.SourceNFT || e.Kind == 0 || strings.IndexByte(e.Table, 0) >= 0 {
			t.Errorf("%+v", e)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	all := nettest.CapturedMessages(b)
	var d Decoder
	b.ReportAllocs()
	for i := range b.N {
		if _, err := d.Decode(MsgType, all[i%len(all)].Payload); err != nil {
			b.Fatal(err)
		}
	}
}

// TestUnshown: of an IPv6 fragment behind the first the kernel shows devices and no header.
func TestUnshown(t *testing.T) {
	for _, c := range []struct {
		name string
		more [][]byte
		want bool
	}{
		{"came in", [][]byte{word(attrNFProto, 10), word(attrIIF, 12)}, true},
		{"goes out", [][]byte{word(attrNFProto, 10), word(attrOIF, 12)}, true},
		{"a later event of a chain", [][]byte{word(attrNFProto, 10)}, false},
		{"IPv4", [][]byte{word(attrIIF, 12)}, false},
	} {
		var d Decoder
		e, err := d.Decode(MsgType, message(typePolicy, append(c.more, word(attrPolicy, 1), word(attrMark, 5))...))
		if err != nil || (e.Packet != nil) != c.want || c.want && *e.Packet != (model.Packet{Family: model.FamilyIPv6, Extended: true, Unshown: true, Mark: 5}) {
			t.Errorf("%s: %+v, %v", c.name, e.Packet, err)
		}
	}
}

// TestDecodeHeaders: what one event's headers say, and that nothing of the event before is
// left: the decoder keeps names and addresses from one to the next.
func TestDecodeHeaders(t *testing.T) {
	header := append([]byte{0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 1, 0, 2, 10, 2, 0, 2}, 0, 5, 0, 9, 0, 8, 0, 0)
	network, transport := attr(attrNetworkHeader, header[:20]...), attr(attrTransportHeader, header[20:]...)
	mac := func(dst, src byte) []byte { return attr(attrLLHeader, 2, 0, 0, 0, 0, dst, 2, 0, 0, 0, 0, src, 8, 0) }
	ether := attr(attrIIFType, 0, ethernet)
	var d Decoder
	for _, c := range []struct {
		name         string
		table, chain string
		more         [][]byte
		link         string
		dport        uint16
	}{
		{"all headers", "t", "c", [][]byte{network, transport, ether, mac(1, 2)}, "02:00:00:00:00:01 02:00:00:00:00:02", 9},
		{"a longer name", "tt", "cc", [][]byte{network, transport, ether, mac(1, 2)}, "02:00:00:00:00:01 02:00:00:00:00:02", 9},
		{"a shorter name", "t", "c", [][]byte{network, transport, ether, mac(1, 2)}, "02:00:00:00:00:01 02:00:00:00:00:02", 9},
		{"another sender", "t", "c", [][]byte{network, transport, ether, mac(1, 3)}, "02:00:00:00:00:01 02:00:00:00:00:03", 9},
		{"another receiver", "t", "c", [][]byte{network, transport, ether, mac(4, 3)}, "02:00:00:00:00:04 02:00:00:00:00:03", 9},
		{"no device of Ethernet", "t", "c", [][]byte{network, transport, attr(attrIIFType, 0xff, 0xfe), mac(1, 2)}, "", 9},
		{"half a link header", "t", "c", [][]byte{network, transport, ether, attr(attrLLHeader, make([]byte, 13)...)}, "", 9},
		{"ports that were not shown", "t", "c", [][]byte{attr(attrNetworkHeader, header...)}, "", 0},
	} {
		b := append([]byte{2, 0, 0, 0}, word(attrNFProto, 2)...)
		b = append(append(b, word(attrType, typePolicy)...), word(attrID, 7)...)
		b = append(append(b, attr(attrTable, []byte(c.table+"\x00")...)...), attr(attrChain, []byte(c.chain+"\x00")...)...)
		b = append(append(append(b, word(attrPolicy, 1)...), word(attrMark, 5)...), bytes.Join(c.more, nil)...)
		e, err := d.Decode(MsgType, b)
		if err != nil || e.Packet == nil {
			t.Errorf("%s: %+v, %v", c.name, e, err)
			continue
		}
		link := ""
		if e.Link != nil {
			link = e.Link.Dst + " " + e.Link.Src
		}
		if e.Table != c.table || e.Chain != c.chain || link != c.link {
			t.Errorf("%s: %s %s, %q", c.name, e.Table, e.Chain, link)
		}
		if p := e.Packet; p.Mark != 5 || p.DPort != c.dport || p.Transport != (c.dport != 0) {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
}
