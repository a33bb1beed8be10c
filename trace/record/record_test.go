package record

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/model/store"
)

var t0 = time.Date(2026, 11, 20, 10, 0, 0, 123456789, time.UTC)

func at(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }

// items is one of every kind, with every field set.
func items() []feed.Item {
	rs := &model.Ruleset{Netns: "r", Generation: "g1", Taken: at(0), Warnings: []string{"w"}, Terse: true, Tables: []*model.Table{
		{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "fw", Flags: "owner", Handle: 4, Extra: []string{"set s { type ipv4_addr; }"},
			Maps: []model.VerdictMap{{Name: "m", Read: 3, More: true}},
			Chains: []*model.Chain{{Name: "in", Hook: model.HookInput, Priority: -150, Type: "filter", Device: "eth0", Policy: "drop", Extra: []string{"comment \"x\""}, Handle: 9,
				Counters: model.Counters{Packets: 1, Bytes: 2, Valid: true}, Rules: []model.Rule{
					{Handle: 12, Text: "udp dport 9 jump sub comment \"a <b> & \u2028\"", Target: "jump", Jump: "sub", Comment: "a <b> & \u2028", Marked: "odd", Counters: model.Counters{Packets: 3, Bytes: 4, Valid: true}},
					{Handle: 13, Text: "goto sub", Target: "goto", Jump: "sub", Goto: true}}},
				{Name: "sub", Handle: 10}}},
		{Backend: model.BackendLegacy, Family: model.FamilyIPv6, Name: "raw", Chains: []*model.Chain{{Name: "PREROUTING", Hook: model.HookPrerouting, Priority: -300, Policy: "ACCEPT"}}},
	}}
	rs.Number()
	p := &model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoTCP, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), SPort: 1000, DPort: 80,
		Transport: true, Length: 60, Flags: model.SYN | model.ECE, Seq: 7, Ack: 8, TTL: 63, TOS: 4, IPID: 77, Mark: 5}
	p6 := &model.Packet{Family: model.FamilyIPv6, Proto: model.ProtoICMPv6, Src: netip.MustParseAddr("fd00::1"), Dst: netip.MustParseAddr("fd00::2"),
		Transport: true, ICMPType: 128, ICMPID: 3, Length: 64, Seq: 1, TTL: 64, FlowLabel: 99}
	tup := model.Tuple{Proto: model.ProtoTCP, Src: p.Src, Dst: p.Dst, SPort: 1000, DPort: 80}
	fl := &flow.Flow{ID: 42, Family: model.FamilyIPv4, State: "ESTABLISHED", Status: flow.SrcNAT | flow.Assured, Timeout: 3 * time.Second, Mark: 1, Zone: 2,
		Orig:   flow.Side{Tuple: tup, Count: model.Counters{Packets: 1, Bytes: 60, Valid: true}},
		Reply:  flow.Side{Tuple: tup.Reverse(), Count: model.Counters{Packets: 2, Bytes: 120, Valid: true}},
		Labels: []byte{1, 2}, Helper: "ftp", Start: at(-9), Seen: at(4), Gone: at(4), NAT: flow.NAT{Class: []flow.Class{flow.ClassSNAT}, Client: "a", Service: "b", Backend: "c"}}
	return []feed.Item{
		{Time: at(0), Host: &feed.Host{Name: "r", Kernel: "6.18", Local: []string{"10.0.0.1/24"}, Source: "lab x"}},
		{Time: at(0), Rules: rs},
		{Time: at(1), Counts: &model.Counts{Generation: "g1", Taken: at(1), Rules: []model.Counters{{Packets: 9, Bytes: 8, Valid: true}, {}}, Chains: []model.Counters{{}, {}, {Valid: true}}}},
		{Time: at(2), Trace: &snapshot.Trace{Armed: true, Filter: "ip or ip6", Both: true, Table: "nfscope_1_1", Until: at(99), Rate: 5, Held: 6, Method: snapshot.MethodOwner, NoLegacy: true, NoNFT: true, Notes: []string{"n"}}},
		{Time: at(3), Event: &journey.Event{Source: journey.SourceNFT, Time: at(3), Seq: 3, Family: model.FamilyInet, Table: "fw", Chain: "in", Kind: journey.EventRule, ID: 0xdeadbeef, Handle: 12,
			Verdict: model.VerdictJump, To: "sub", Packet: p, In: "eth0", Out: "eth1", PhysIn: "p0", PhysOut: "p1", Mark: 5, HasMark: true, CT: &journey.CT{ID: 42, Direction: 1, Status: 8, State: 2}}},
		{Time: at(3), Event: &journey.Event{Source: journey.SourceLegacy, Time: at(3), Seq: 4, Family: model.FamilyIPv6, Table: "raw", Chain: "PREROUTING", Kind: journey.EventPolicy,
			Hook: model.HookPrerouting, Num: 1, Stamp: at(2), Packet: p6}},
		{Time: at(3), Event: &journey.Event{Source: journey.SourceGap, Time: at(3), Lost: 11}},
		{Time: at(4), Flow: &flow.Event{Type: flow.EventDestroy, Time: at(4), Flow: fl}},
		{Time: at(4), Flow: &flow.Event{Type: flow.EventGap, Time: at(4), Lost: 2}},
		{Time: at(4), Flow: &flow.Event{Type: flow.EventDumpBegin, Time: at(4)}},
		{Time: at(4), Flow: &flow.Event{Type: flow.EventDumpEnd, Time: at(4), Flows: 3}},
		{Time: at(5), Table: &snapshot.Flows{Accounting: true, Timestamps: true, Ready: true, Count: 3, Max: 9,
			Timeouts: flow.Timeouts{"udp_timeout": 30}, Expected: []flow.Expectation{{ID: 3, Master: p.Tuple(), Tuple: p.Tuple(), Helper: "ftp", Timeout: time.Minute, Zone: 4, ZoneKnown: true}}, Unread: 1, Strange: 2}},
		{Time: at(6), Lab: &snapshot.Lab{Name: "l", Title: "t", Lesson: "# x", Net: snapshot.LabNet{Observed: "a", Hosts: []snapshot.LabHost{{Name: "a"}}}, Steps: []snapshot.LabStep{{Title: "t", Says: "s", Result: "r"}}, Current: 1}},
		{Time: at(6), Drops: &drop.Watch{Step: drop.StepProc, Lift: []drop.Lift{{Step: drop.StepBPF, Why: "w", Fix: "f"}}, Netns: 7, Told: 1, Held: 2, Lost: 3, Merged: 4, Homeless: 5, Missed: 6}},
		{Time: at(6), Drop: &drop.Drop{Time: at(5), Source: drop.StepBPF, Reason: "IP_RPFILTER", Place: "ip_rcv_finish_core", Callers: []string{"ip_rcv"}, Station: drop.StationRouting, Hook: model.HookForward, Netns: 7,
			In: "eth0", Out: "eth1", Packet: *p, ARP: "arp", Target: p6.Src, Length: 99, Kind: "host", SrcMAC: "02:00:00:00:00:01", DstMAC: "02:00:00:00:00:02", Orig: p.Tuple(), Reply: p.Tuple().Reverse(), State: "NEW", Zone: 3, Count: 2,
			Facts: &drop.Facts{Sysctls: []drop.Sysctl{{Name: "a", Value: "1"}}, To: &drop.Route{Kind: "unicast", Error: "e", Text: "t", Dev: "d", Via: p.Src, Src: p.Dst, MTU: 5}, Back: &drop.Route{Kind: "none"},
				Neighbour: &drop.Neighbour{Addr: p.Src, Dev: "d", State: "FAILED", MAC: "m"}, In: &drop.Link{Name: "l", MTU: 1, MAC: "m", Up: true, Carrier: true, Qdisc: "q", QdiscDropped: 2, Master: "br"}, Out: &drop.Link{Name: "o"},
				Listener: drop.ListenerNone, Nearby: []string{"127.0.0.1:9"}, Deaf: drop.Deaf{Addr: true, Device: true, Peer: true}, Conntrack: &drop.Conntrack{Count: 1, Max: 2, Drop: 3, InsertFailed: 4, EarlyDrop: 5, Invalid: 6}, OwnDst: true, OwnSrc: true, Queues: []int{7}, QueuesKnown: true}}},
		{Time: at(7), Problem: "a <sentence> & more"},
		{Time: at(8), Heard: &feed.Heard{Before: at(4), Behind: true}},
		{Time: at(9), Partial: &model.Partial{Generation: "g1", Taken: at(9), Rules: []model.Numbered{{ID: 1, Counters: model.Counters{Packets: 7, Bytes: 6, Valid: true}}}, Chains: []model.Numbered{{ID: 2}}}},
	}
}

func write(tb testing.TB, list []feed.Item) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, Header{Version: "v1", Created: t0, Title: "a test"}, nil, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for _, it := range list {
		w.Put(it)
	}
	if err := w.Close("done"); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// raw makes a recording of lines that nobody checked.
func raw(tb testing.TB, lines ...string) []byte {
	tb.Helper()
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	for _, l := range lines {
		if _, err := io.WriteString(gz, l+"\n"); err != nil {
			tb.Fatal(err)
		}
	}
	if err := gz.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

const header = `{"schema":"nfscope/recording/1","version":"v1"}`

// read gives all items and what ended them, nil for the end.
func read(b []byte) (list []feed.Item, err error) {
	r, err := NewReader("file", bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	for {
		it, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, it)
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	want := items()
	b := write(t, want)
	r, err := NewReader("file", bytes.NewReader(b))
	if err != nil || r.Title != "a test" || r.Version != "v1" || !r.Created.Equal(t0) {
		t.Fatalf("header %+v, %v", r, err)
	}
	got, err := read(b)
	if err != nil {
		t.Fatal(err)
	}
	// Ruleset's two private numbers come back by Number, checked by Size below.
	opts := cmp.Options{cmpopts.IgnoreUnexported(model.Ruleset{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })}
	if d := cmp.Diff(want, got, opts); d != "" {
		t.Errorf("written (-) and read (+):\n%s", d)
	}
	if c, n := got[1].Rules.Size(); c != 3 || n != 2 || got[1].Rules.Tables[0].Chains[0].Rules[1].ID != 1 {
		t.Errorf("%d chains and %d rules", c, n)
	}
}

// TestReplayIsLive: a recording folds to the very state that the live items made.
func TestReplayIsLive(t *testing.T) {
	t.Parallel()
	live := store.New(journey.Options{})
	for _, it := range items() {
		live.Tick(it.Time)
		live.Apply(&it)
	}
	live.End()
	replayed := store.New(journey.Options{})
	r, err := NewReader("file", bytes.NewReader(write(t, items())))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Play(context.Background(), NewClock(0), func(it feed.Item) { replayed.Tick(it.Time); replayed.Apply(&it) }); err != nil {
		t.Fatal(err)
	}
	replayed.End()
	opts := cmp.Options{cmpopts.IgnoreUnexported(model.Ruleset{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }), cmpopts.IgnoreFields(journey.Journey{}, "Rules"),
		cmp.Transformer("flows", (*flow.Table).List)}
	a, b := live.Snapshot(at(99)), replayed.Snapshot(at(99))
	a.Index, b.Index = nil, nil // made of the rules
	if len(a.Journeys) != 2 || a.Loss.Trace != 11 {
		t.Errorf("the live fold: %d journeys, loss %+v", len(a.Journeys), a.Loss)
	}
	if d := cmp.Diff(a, b, opts); d != "" {
		t.Errorf("live (-) and replayed (+):\n%s", d)
	}
}

// TestCutShort: a recording cut anywhere gives what was whole, and says that it is cut.
func TestCutShort(t *testing.T) {
	t.Parallel()
	b := write(t, items())
	all := len(items())
	most := 0
	for n := range b {
		list, err := read(b[:n])
		switch {
		case err == nil:
			t.Fatalf("cut at %d of %d: taken for whole", n, len(b))
		case len(list) < most:
			t.Fatalf("cut at %d: %d items, %d when it was shorter", n, len(list), most)
		case !errors.Is(err, ErrCut) && n > bytes.IndexByte(b, '\n'):
			t.Fatalf("cut at %d: %v", n, err)
		}
		most = len(list)
	}
	if most != all {
		t.Errorf("%d items of %d before the last byte", most, all)
	}
}

// TestDamaged: bytes that were changed are said, and are no other recording.
func TestDamaged(t *testing.T) {
	t.Parallel()
	b := write(t, items())
	for n := bytes.IndexByte(b, '\n') + 1; n < len(b); n++ {
		bad := bytes.Clone(b)
		bad[n] ^= 0x41
		list, err := read(bad)
		said := err != nil || len(list) > 0 && (strings.Contains(list[0].Problem, "the file is damaged at byte") || strings.Contains(list[len(list)-1].Problem, "its end cannot be read"))
		if !said {
			t.Errorf("changed at %d: %d items and no word", n, len(list))
		}
	}
}

// TestDamagedMiddle: behind a damaged place the next block is read.
func TestDamagedMiddle(t *testing.T) {
	t.Parallel()
	const blocks = 5
	var b bytes.Buffer
	ends := make(chan int, 100)
	w, err := NewWriter(writer(func(p []byte) (int, error) {
		b.Write(p)
		ends <- b.Len()
		return len(p), nil
	}), Header{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	cuts := []int{<-ends}
	for i := range blocks {
		w.Put(feed.Item{Time: at(i), Problem: fmt.Sprint(i)})
		cuts = append(cuts, <-ends)
	}
	if err := w.Close("done"); err != nil {
		t.Fatal(err)
	}
	file := b.Bytes()
	for _, c := range []struct {
		name string
		make func() []byte
	}{
		{"changed", func() []byte { bad := bytes.Clone(file); bad[cuts[2]+headSize+3] ^= 1; return bad }},
		{"its head changed", func() []byte { bad := bytes.Clone(file); bad[cuts[2]+9] ^= 1; return bad }},
		{"its head overwritten", func() []byte { bad := bytes.Clone(file); copy(bad[cuts[2]-3:], make([]byte, 40)); return bad }},
		{"bytes came in", func() []byte {
			return slices.Concat(file[:cuts[2]], magic[:], magic[:3], []byte("abc"), file[cuts[2]:])
		}},
		{"bytes are gone", func() []byte { return slices.Concat(file[:cuts[2]+5], file[cuts[3]:]) }},
	} {
		list, err := read(c.make())
		told, damage := "", 0
		for _, it := range list {
			if strings.HasPrefix(it.Problem, "file: the file is damaged at byte ") {
				damage++
			} else {
				told += it.Problem
			}
		}
		if err != nil || damage == 0 || !slices.Contains([]string{"0134", "034", "01234"}, told) {
			t.Errorf("%s: %q, damage told %d times, %v", c.name, told, damage, err)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "file is empty, or too short for an nfscope recording: expected a file made with `nfscope trace -w`"},
		{"one byte", []byte{0x1f}, "file is empty, or too short"},
		{"half a header", []byte(`{"schema":`), "file:1: no recording header"},
		{"cut in the header", []byte(`{"schema":"nfscope/recording/2","version":"1`), "file: the recording is cut short in its header: nothing of it can be read"},
		{"a header without end", []byte(`{"schema":"nfscope/recording/2",` + strings.Repeat(" ", headerLimit)), "file:1: no recording header"},
		{"another form", []byte(`{"schema":"nfscope/recording/3"}` + "\n"), `file is a recording of another form, "nfscope/recording/3"; this nfscope reads "nfscope/recording/2" and "nfscope/recording/1"`},
		{"undescribed", []byte(`{"schema":"nfscope/recording/2","root":"x"}` + "\n"), `file:1: the recording's own description: the form "x" is not described`},
		{"endless form", []byte(`{"schema":"nfscope/recording/2","root":"x","types":{"x":[["A","` + strings.Repeat("*", 20) + `x"]]}}` + "\n"), "is nested too deep"},
		{"text", []byte("hello"), "file is no nfscope recording"},
		{"no header", raw(t, "{}"), `file:1: no recording header, expected an object with "schema":"nfscope/recording/2"`},
		{"no JSON", raw(t, "hello"), "file:1: no recording header"},
		{"another form", raw(t, `{"schema":"nfscope/recording/2"}`), `file is a recording of another form, "nfscope/recording/2"; this nfscope reads "nfscope/recording/2" and "nfscope/recording/1"`},
		{"bad item", raw(t, header, `{"Event":7}`), "file:2: an item that cannot be read"},
		{"null table", raw(t, header, `{"Rules":{"Tables":[null]}}`), "file:2: an item that cannot be: table 0 is null"},
		{"null chain", raw(t, header, `{"Rules":{"Tables":[{"Name":"x","Chains":[null]}]}}`), `file:2: an item that cannot be: chain 0 of table "x" is null`},
		{"step", raw(t, header, `{"Lab":{"Current":5}}`), "file:2: an item that cannot be: step 5 of a lab that has 0"},
		{"a step before the first", raw(t, header, `{"Lab":{"Current":-1}}`), "file:2: an item that cannot be: step -1 of a lab that has 0"},
	} {
		if _, err := read(c.file); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	// What a later nfscope may write is said to be left out.
	list, err := read(raw(t, header, `{"Time":"2026-11-20T10:00:00Z","Smell":{}}`, `{"Problem":"x"}`))
	if err != nil || len(list) != 2 || !strings.Contains(list[0].Problem, "file:2: an item of a kind that this nfscope does not know") || list[1].Problem != "x" {
		t.Errorf("an unknown kind: %+v, %v", list, err)
	}
}

// endless is a line without an end.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

// TestLongLine: a small file that unpacks to a line without end is refused.
func TestLongLine(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	gz, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	_, _ = io.WriteString(gz, header+"\n{\"Problem\":\"")
	_, _ = io.CopyN(gz, endless{}, lineLimit+1)
	_ = gz.Close()
	if _, err := read(b.Bytes()); err == nil || !strings.Contains(err.Error(), "file:2: the line is longer than the 64 MB an item may have") {
		t.Errorf("%d bytes of file: %v", b.Len(), err)
	}
}

// TestWriterError: the first error ends writing and comes out of Close.
func TestWriterError(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left")
	if _, err := NewWriter(writer(func([]byte) (int, error) { return 0, full }), Header{}, nil, nil); !errors.Is(err, full) {
		t.Errorf("the header on a full disk: %v", err)
	}
	n := 0
	told := make(chan error, 10)
	w, err := NewWriter(writer(func(b []byte) (int, error) {
		if n++; n > 2 {
			return 0, full
		}
		return len(b), nil
	}), Header{}, nil, func(err error) { told <- err })
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100_000 {
		w.Put(feed.Item{Problem: fmt.Sprint(i * 7919)})
	}
	if err := <-told; !errors.Is(err, full) { // at once, not at the end
		t.Errorf("told %v", err)
	}
	if err := w.Close("done"); !errors.Is(err, full) {
		t.Errorf("Close: %v", err)
	}
	if err := w.Close("done"); err == nil {
		t.Error("closed twice")
	}
	if len(told) > 0 {
		t.Errorf("told again: %v", <-told)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

// TestFlushed: what was put is readable soon and before Close, as after a kill -9.
func TestFlushed(t *testing.T) {
	t.Parallel()
	wrote := make(chan []byte, 100)
	w, err := NewWriter(writer(func(b []byte) (int, error) {
		wrote <- bytes.Clone(b)
		return len(b), nil
	}), Header{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var file []byte
	list := items()
	for n := 1; n <= 2; n++ {
		for range 1000 {
			w.Put(list[4])
		}
		for { // each write is a block
			select {
			case b := <-wrote:
				file = append(file, b...)
			case <-time.After(time.Minute):
				t.Fatal("nothing is written")
			}
			got, err := read(file)
			if !errors.Is(err, ErrCut) {
				t.Fatalf("%d items, then %v", len(got), err)
			}
			if len(got) == n*1000 {
				break
			}
		}
	}
	if err := w.Close("done"); err != nil {
		t.Fatal(err)
	}
}

// TestSlowDisk: who puts does not wait for the disk. What the queue cannot hold is
// counted, and a gap stands where it is missing; what must arrive arrives.
func TestSlowDisk(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	stuck := make(chan struct{})
	n := 0
	w, err := NewWriter(writer(func(p []byte) (int, error) {
		if n++; n == 2 {
			<-stuck
		}
		return b.Write(p)
	}), Header{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	event := items()[4]
	const most = 2 * waiting
	for range most {
		w.Put(event)
	}
	w.Put(feed.Item{Time: at(9), Problem: "x"})
	close(stuck)
	if err := w.Close("done"); err != nil {
		t.Fatal(err)
	}
	got, err := read(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	events, lost, said := 0, uint64(0), false
	for i := range got {
		switch e := got[i].Event; {
		case e == nil:
			said = got[i].Problem == "x"
		case e.Source == journey.SourceGap:
			lost += e.Lost
		default:
			events++
		}
	}
	if !said || lost == 0 || lost != w.Dropped() || events+int(lost) != most {
		t.Errorf("%d events and %d lost of %d, %d dropped; the problem was told: %v", events, lost, most, w.Dropped(), said)
	}
}

// TestThrownAway: what came faster than it could wait is a gap where it is missing, the last of it in front
// of the End, which has the sum.
func TestThrownAway(t *testing.T) {
	t.Parallel()
	const more = waiting + 1
	list, f := all(t, write(t, []feed.Item{{Time: at(0), Flows: &flow.Batch{Time: at(0), Records: make([]flow.Record, more)}}, {Time: at(1), Problem: "x"},
		{Time: at(2), Flows: &flow.Batch{Time: at(2), Records: make([]flow.Record, more)}}}))
	gap := func(i int) uint64 {
		if e := list[i].Event; e != nil && e.Source == journey.SourceGap {
			return e.Lost
		}
		return 0
	}
	if len(list) != 3 || gap(0) != more || list[1].Problem != "x" || gap(2) != more || f.End == nil || f.End.Dropped != 2*more {
		t.Errorf("%+v, %+v", list, f.End)
	}
}

// TestSightsThrownAway: sights that could not wait are told as such, apart from all else: of no packet
// is it known then where it was seen last.
func TestSightsThrownAway(t *testing.T) {
	t.Parallel()
	w := &Writer{wake: make(chan struct{}, 1)} // nobody writes
	for range waiting + 3 {
		w.Put(feed.Item{Time: at(1), Sight: &journey.Sight{Time: at(1), Skb: 1, Follow: 1}})
	}
	w.Put(feed.Item{Time: at(1), Event: &journey.Event{Source: journey.SourceNFT, Time: at(1)}})
	w.Put(feed.Item{Time: at(2), Problem: "x"})
	want := []feed.Item{
		{Time: at(2), Sight: &journey.Sight{Time: at(2), Lost: 3}},
		{Time: at(2), Event: &journey.Event{Source: journey.SourceGap, Time: at(2), Lost: 1}},
		{Time: at(2), Problem: "x"},
	}
	if got := w.queue[waiting:]; !reflect.DeepEqual(got, want) || w.dropped != 4 {
		t.Errorf("%d thrown away, told as %+v", w.dropped, got)
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	const hour = 3_600_000 // which nobody waits here
	list := []feed.Item{{Time: at(0), Problem: "a"}, {Time: at(hour / 2), Problem: "b"}, {Time: at(hour / 3), Problem: "c"}, {Time: at(hour), Problem: "d"}}
	b := write(t, list)
	for _, c := range []struct {
		speed float64
		least time.Duration
	}{{0, 0}, {18_000, 200 * time.Millisecond}, {9_000, 400 * time.Millisecond}} {
		r, err := NewReader("file", iotest.HalfReader(bytes.NewReader(b)))
		if err != nil {
			t.Fatal(err)
		}
		clock := NewClock(c.speed)
		if !clock.Now().IsZero() {
			t.Errorf("speed %v: it is %v before the first item", c.speed, clock.Now())
		}
		start, said := time.Now(), ""
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err = r.Play(ctx, clock, func(it feed.Item) {
			said += it.Problem
			if now := clock.Now(); now.Before(it.Time) {
				t.Errorf("speed %v: %s came at %v, it is of %v", c.speed, it.Problem, now, it.Time)
			}
		})
		if took := time.Since(start); err != nil || said != "abcd" || took < c.least {
			t.Errorf("speed %v: %q in %v, %v", c.speed, said, took, err)
		}
		if now := clock.Now(); now.Before(at(hour)) {
			t.Errorf("speed %v: the clock ends at %v", c.speed, now)
		}
	}
}

// TestPlayEnds: a context ends the longest wait.
func TestPlayEnds(t *testing.T) {
	t.Parallel()
	r, err := NewReader("file", bytes.NewReader(write(t, []feed.Item{{Time: at(0), Problem: "a"}, {Time: at(3_600_000), Problem: "b"}})))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Play(ctx, NewClock(1), func(feed.Item) { stop() }) }()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Play: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Play goes on")
	}
}

// FuzzReader: whatever is in the lines, reading and folding them neither panics nor
// asks for memory without end.
func FuzzReader(f *testing.F) {
	for _, it := range items() {
		b, err := json.Marshal(it)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"Rules":{"Tables":[null]}}`))
	f.Add([]byte(`{"Lab":{"Current":-1}}`))
	var all []byte
	for _, it := range items() {
		b, _ := json.Marshal(it)
		all = append(append(all, b...), '\n')
	}
	f.Add(all)
	f.Fuzz(func(t *testing.T, lines []byte) {
		r, err := NewReader("file", bytes.NewReader(raw(t, header, string(lines))))
		if err != nil {
			t.Fatal(err)
		}
		st := store.New(journey.Options{})
		for {
			it, err := r.Next()
			if err != nil {
				break
			}
			st.Tick(it.Time)
			st.Apply(&it)
		}
		st.End()
		for _, j := range st.Snapshot(at(0)).Journeys {
			if _, err := json.Marshal(j); err != nil {
				t.Errorf("a journey without JSON: %v", err)
			}
		}
	})
}

// How far a reading was is not recorded: no nfscope, however old, stumbles over it.
func TestReadingIsLeftOut(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, Header{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Put(feed.Item{Time: at(0), Reading: &snapshot.Reading{What: "x", Outline: &model.Ruleset{}}})
	w.Put(feed.Item{Time: at(0), Solved: "p"})
	w.Put(feed.Item{Time: at(1), Problem: "p"})
	if err := w.Close("done"); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader("r", &b)
	if err != nil {
		t.Fatal(err)
	}
	if it, err := r.Next(); err != nil || it.Problem != "p" {
		t.Errorf("%+v, %v", it, err)
	}
	if it, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("%+v, %v", it, err)
	}
}

// TestDamagedHeader: a bit that was turned round in the header is said, and costs no item; it
// never makes another recording of it in silence.
func TestDamagedHeader(t *testing.T) {
	t.Parallel()
	whole := write(t, items())
	want, err := read(whole)
	if err != nil {
		t.Fatal(err)
	}
	opts := cmp.Options{cmpopts.IgnoreUnexported(model.Ruleset{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })}
	end := bytes.IndexByte(whole, '\n')
	said, lost := 0, 0
	for at := 1; at < end; at += 29 {
		b := bytes.Clone(whole)
		b[at] ^= 1 << (at % 7)
		list, err := read(b)
		if err != nil { // the sum or the name of the form itself
			lost++
			continue
		}
		if len(list) > 0 && strings.Contains(list[0].Problem, "damaged in its header") {
			list = list[1:]
			said++
		}
		if d := cmp.Diff(want, list, opts); d != "" {
			t.Fatalf("byte %d, %q: %s", at, whole[max(0, at-20):at+20], d)
		}
		// By blocks it is the same.
		if blocks, _ := all(t, b); len(blocks) < len(want) {
			t.Fatalf("byte %d: %d items by blocks, want %d", at, len(blocks), len(want))
		}
	}
	if said < end/29-6 || lost > 4 {
		t.Errorf("%d of %d were said, %d cannot be read", said, end/29, lost)
	}
	// One that another nfscope made is refused, in words.
	b := bytes.Replace(whole, []byte(`["Time","time"]`), []byte(`["Timx","time"]`), 1)
	at := bytes.Index(b, []byte(`"described":"`)) + len(`"described":"`)
	b[at] ^= 1
	if _, err := read(b); err == nil || err.Error() != "file: the recording is damaged in its header, and was made by another nfscope: nothing of it can be read" {
		t.Errorf("of another nfscope: %v", err)
	}
}

// TestBehindTheEnd: a recording that was put behind another one is not read, and not in
// silence. Of a pipe nothing is waited for.
func TestBehindTheEnd(t *testing.T) {
	t.Parallel()
	one := write(t, items())
	want := fmt.Sprintf("file: the recording ends at byte %d; what stands behind that in the file was not read", len(one))
	list, err := read(append(bytes.Clone(one), one...))
	if err != nil || list[len(list)-1].Problem != want {
		t.Errorf("in a row: %v, %q", err, list[len(list)-1].Problem)
	}
	list, f := all(t, append(bytes.Clone(one), 'x'))
	if f.End == nil || f.Cut != "" || list[len(list)-1].Problem != want {
		t.Errorf("by blocks: %q", list[len(list)-1].Problem)
	}
	if list, err = read(one); err != nil || list[len(list)-1].Problem != "" {
		t.Errorf("nothing behind it: %v, %q", err, list[len(list)-1].Problem)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close() // it stays open: reading on would never end
	if _, err := w.Write(one); err != nil {
		t.Fatal(err)
	}
	if err := r.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	rr, err := NewReader("pipe", r)
	for err == nil {
		_, err = rr.Next()
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("of a pipe: %v", err)
	}
}
