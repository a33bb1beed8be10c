package nflog

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/florianl/go-nflog/v2"

	"nfscope/model"
	"nfscope/model/journey"
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

// form is a line of testdata: what go-nflog made of a message of the kernel.
const form = "hook=%d ether=%d mark=%d in=%d out=%d physin=%d physout=%d stamp=%d seq=%d prefix=%q payload=%q"

func line(a nflog.Attribute) string {
	var stamp int64
	if a.Timestamp != nil {
		stamp = a.Timestamp.UnixNano()
	}
	return fmt.Sprintf(form, *a.Hook, *a.HwProtocol, value(a.Mark), value(a.InDev), value(a.OutDev), value(a.PhysInDev),
		value(a.PhysOutDev), stamp, value(a.Seq), *a.Prefix, hex.EncodeToString(*a.Payload))
}

func value(p *uint32) uint32 {
	if p == nil {
		return 0
	}
	return *p
}

func attribute(t testing.TB, s string) nflog.Attribute {
	t.Helper()
	var a nflog.Attribute
	var hook uint8
	var ether uint16
	var mark, in, out, physin, physout, seq uint32
	var stamp int64
	var prefix, payload string
	if _, err := fmt.Sscanf(s, form, &hook, &ether, &mark, &in, &out, &physin, &physout, &stamp, &seq, &prefix, &payload); err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	b, err := hex.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	a.Hook, a.HwProtocol, a.Seq, a.Prefix, a.Payload = &hook, &ether, &seq, &prefix, &b
	for _, f := range []struct {
		to **uint32
		v  *uint32
	}{{&a.Mark, &mark}, {&a.InDev, &in}, {&a.OutDev, &out}, {&a.PhysInDev, &physin}, {&a.PhysOutDev, &physout}} {
		if *f.v != 0 {
			*f.to = f.v
		}
	}
	if stamp != 0 {
		at := time.Unix(0, stamp)
		a.Timestamp = &at
	}
	return a
}

type captured struct {
	file string
	attr nflog.Attribute
	want string
}

// capturedMessages reads testdata/*.txt, which `go test -run TestSequences -update`
// writes from the kernel: a message, then the event behind "= ". "# " is a comment.
func capturedMessages(t testing.TB) []captured {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captured messages: %v", err)
	}
	var all []captured
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
			s := sc.Text()
			if want, ok := strings.CutPrefix(s, "= "); ok {
				all[len(all)-1].want = want
			} else if !strings.HasPrefix(s, "#") {
				all = append(all, captured{file: f, attr: attribute(t, s)})
			}
		}
	}
	return all
}

func TestDecodeCaptured(t *testing.T) {
	for _, c := range capturedMessages(t) {
		m, err := Decode(c.attr, nil)
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		e, ok := m.Event()
		if got := show(e); !ok || got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.file, got, c.want)
		}
		if e.Source != journey.SourceLegacy || !e.HasMark || e.Verdict != model.VerdictUnknown {
			t.Errorf("%s: %+v", c.file, e)
		}
	}
}

func TestDecodeOdd(t *testing.T) {
	if _, err := Decode(nflog.Attribute{}, nil); !errors.Is(err, errNoHook) {
		t.Errorf("a message without header: %v", err)
	}
	hook, ether, arp, index := uint8(2), uint16(0), uint16(0x0806), uint32(12)
	prefix, v6, junk := "TRACE: raw:PREROUTING:rule:1 ", append([]byte{0x60}, make([]byte, 39)...), []byte{0x45}
	for _, c := range []struct {
		name   string
		a      nflog.Attribute
		family model.Family
		packet bool
	}{
		{"no EtherType, IPv6 by its header", nflog.Attribute{Hook: &hook, HwProtocol: &ether, Prefix: &prefix, Payload: &v6, InDev: &index}, model.FamilyIPv6, true},
		{"header cut", nflog.Attribute{Hook: &hook, Prefix: &prefix, Payload: &junk, InDev: &index}, model.FamilyIPv4, false},
		{"ARP", nflog.Attribute{Hook: &hook, HwProtocol: &arp, Prefix: &prefix, Payload: &junk, InDev: &index}, model.FamilyUnspec, false},
		{"no payload", nflog.Attribute{Hook: &hook, Prefix: &prefix, InDev: &index}, model.FamilyUnspec, false},
	} {
		m, err := Decode(c.a, nil)
		if err != nil || m.Family != c.family || (m.Packet != nil) != c.packet || m.In != "if12" || m.Hook != model.HookForward {
			t.Errorf("%s: %+v, %v", c.name, m, err)
		}
		if _, ok := m.Event(); ok != (c.family != model.FamilyUnspec) {
			t.Errorf("%s: a trace event: %v", c.name, ok)
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
	for _, c := range capturedMessages(f) {
		f.Add(*c.attr.Hook, *c.attr.HwProtocol, *c.attr.Prefix, *c.attr.Payload)
	}
	f.Fuzz(func(t *testing.T, hook uint8, ether uint16, prefix string, payload []byte) {
		m, err := Decode(nflog.Attribute{Hook: &hook, HwProtocol: &ether, Prefix: &prefix, Payload: &payload}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if m.Prefix != prefix || !bytes.Equal(m.Payload, payload) {
			t.Errorf("not kept: %+v", m)
		}
		if e, ok := m.Event(); ok && (e.Kind == 0 || e.Num < 1 || e.Table == "" || e.Chain == "") {
			t.Errorf("%+v", e)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	all := capturedMessages(b)
	b.ReportAllocs()
	for i := range b.N {
		m, err := Decode(all[i%len(all)].attr, nil)
		if _, ok := m.Event(); !ok || err != nil {
			b.Fatal(m, err)
		}
	}
}
