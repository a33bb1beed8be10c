package main

import (
	"bufio"
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/snapshot"
)

// TestFollowTellsOnce reads the table around flows' lives: what did not change is told once,
// and so is what ended, by its event or by the reading that found it gone.
func TestFollowTellsOnce(t *testing.T) {
	t.Parallel()
	every, err := filter.Parse("")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p := &connPrinter{out: bufio.NewWriter(&out), follow: true, wanted: every.Look, say: func(string) {}}
	one := func(id uint32, state string) *flow.Flow {
		tu := model.Tuple{Proto: model.ProtoTCP, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), SPort: uint16(id), DPort: 80}
		return &flow.Flow{ID: id, Family: model.FamilyIPv4, Orig: flow.Side{Tuple: tu}, Reply: flow.Side{Tuple: tu.Reverse()}, State: state}
	}
	at := time.Unix(1000, 0)
	tell := func(typ flow.EventType, f *flow.Flow, flows int) {
		at = at.Add(time.Second)
		p.item(feed.Item{Time: at, Flow: &flow.Event{Type: typ, Time: at, Flow: f, Flows: flows}}, nil)
	}
	tell(flow.EventDumpBegin, nil, 0)
	tell(flow.EventDump, one(1, "ESTABLISHED"), 0)
	tell(flow.EventDump, one(2, "ESTABLISHED"), 0)
	tell(flow.EventDumpEnd, nil, 2)
	tell(flow.EventNew, one(3, "SYN_SENT"), 0)
	tell(flow.EventDestroy, one(1, "CLOSE"), 0)
	read := func() {
		tell(flow.EventDumpBegin, nil, 0)
		tell(flow.EventDump, one(3, "ESTABLISHED"), 0)
		tell(flow.EventDumpEnd, nil, 1)
	}
	read()
	at = at.Add(2 * flow.Linger)
	if read(); len(p.table.Gone()) > 0 {
		t.Errorf("%v are kept for ever", p.table.Gone())
	}
	if p.err != nil {
		t.Fatal(p.err)
	}
	var got []string
	for _, l := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		w := strings.Fields(l)
		got = append(got, w[0]+" "+w[3])
	}
	want := "dump 10.0.0.1:1, dump 10.0.0.1:2, new 10.0.0.1:3, destroy 10.0.0.1:1, destroy 10.0.0.1:2"
	if strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
}

// TestConnText: the line of a connection, with counters or without; that nothing is counted
// is said with the sysctl, once, where a line would have told it.
func TestConnText(t *testing.T) {
	t.Parallel()
	counted := &flow.Flow{ID: 1, Family: model.FamilyIPv4, State: "ESTABLISHED", Timeout: 90 * time.Second}
	counted.Orig.Tuple = model.Tuple{Proto: model.ProtoTCP, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), SPort: 1000, DPort: 80}
	counted.Reply.Tuple = counted.Orig.Tuple.Reverse()
	bare := *counted
	counted.Orig.Count = model.Counters{Packets: 3, Bytes: 180, Valid: true}
	counted.Reply.Count = model.Counters{Packets: 2, Bytes: 120, Valid: true}
	zoned, half := *counted, *counted
	zoned.Zone, zoned.Mark, half.Orig.Zone, half.Reply.Zone = 7, 0x55, 8, 9
	one := func(typ flow.EventType, f *flow.Flow) feed.Item {
		return feed.Item{Flow: &flow.Event{Type: typ, Flow: f}}
	}
	read := func(accounting bool) feed.Item { return feed.Item{Table: &snapshot.Flows{Accounting: accounting}} }
	const line = "update  tcp     ESTABLISHED 10.0.0.1:1000 -> 10.0.0.2:80    90s  "
	for _, c := range []struct {
		name  string
		json  bool
		items []feed.Item
		want  string
		said  string
		stats stats
	}{
		{"counted", false, []feed.Item{read(false), one(flow.EventUpdate, counted)}, line + "5 packets 300 bytes\n", "", stats{events: 1}},
		{"in a zone, with a mark", false, []feed.Item{read(false), one(flow.EventUpdate, &zoned)}, line + "5 packets 300 bytes  zone 7  mark 0x55\n", "", stats{events: 1}},
		{"a zone for each direction", false, []feed.Item{read(false), one(flow.EventUpdate, &half)}, line + "5 packets 300 bytes  orig zone 8  reply zone 9\n", "", stats{events: 1}},
		{"not counted", false, []feed.Item{read(false), one(flow.EventUpdate, &bare), one(flow.EventUpdate, &bare)}, line + "n/a\n" + line + "n/a\n", uncounted, stats{events: 2}},
		{"told later that it is not", false, []feed.Item{one(flow.EventUpdate, &bare), read(false)}, line + "n/a\n", uncounted, stats{events: 1}},
		{"begun before it was counted", false, []feed.Item{read(true), one(flow.EventUpdate, &bare)}, line + "n/a\n", "", stats{events: 1}},
		{"lost", false, []feed.Item{{Flow: &flow.Event{Type: flow.EventGap, Lost: 7}}, {Flow: &flow.Event{Type: flow.EventGap}}},
			"lost 7 conntrack events\nlost an unknown number of conntrack events\n", "", stats{lost: 7, gaps: 1}},
		{"lost, as JSON", true, []feed.Item{{Flow: &flow.Event{Type: flow.EventGap, Lost: 7}}}, `{"schema":"nfscope/flow/1","event":"gap","lost":7}` + "\n", "", stats{lost: 7}},
		{"what does not work", true, []feed.Item{{Problem: "no"}, {Problem: "no"}}, "", "no", stats{}},
	} {
		var out, errs bytes.Buffer
		p := &connPrinter{out: bufio.NewWriter(&out), json: c.json, follow: true, wanted: func(*flow.Look) bool { return true }, say: (&app{err: &errs}).sayer()}
		for _, it := range c.items {
			p.item(it, nil)
		}
		if c.said != "" {
			c.said = "nfscope: " + c.said + "\n"
		}
		if out.String() != c.want || errs.String() != c.said || p.stats != c.stats {
			t.Errorf("%s: %q, %+v\n%s\nexpected %q, %+v\n%s", c.name, errs.String(), p.stats, out.String(), c.said, c.stats, c.want)
		}
	}
}

// TestConnTable: what --top and --pools lost is counted, what does not work is said, and a
// reading is waited for; what is over is forgotten.
func TestConnTable(t *testing.T) {
	t.Parallel()
	said := ""
	c := &connTable{ready: make(chan struct{}), say: func(s string) { said += s }}
	for _, e := range []flow.Event{{Type: flow.EventDumpBegin}, {Type: flow.EventGap, Lost: 7}, {Type: flow.EventGap}} {
		c.item(feed.Item{Flow: &e})
	}
	c.item(feed.Item{Problem: "no"})
	select {
	case <-c.ready:
		t.Error("it was read before its end")
	default:
	}
	for range 2 { // it is read again and again
		c.item(feed.Item{Flow: &flow.Event{Type: flow.EventDumpEnd}})
	}
	<-c.ready
	if (c.stats != stats{lost: 7, gaps: 1}) || said != "no" {
		t.Errorf("%+v %q", c.stats, said)
	}
	tu := model.Tuple{Proto: model.ProtoUDP, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), SPort: 1, DPort: 2}
	f, at := &flow.Flow{ID: 1, Family: model.FamilyIPv4, Orig: flow.Side{Tuple: tu}, Reply: flow.Side{Tuple: tu.Reverse()}}, time.Unix(1000, 0)
	for i, typ := range []flow.EventType{flow.EventNew, flow.EventDestroy, flow.EventDumpBegin, flow.EventDumpEnd} {
		at = at.Add(time.Duration(i) * flow.Linger)
		c.item(feed.Item{Time: at, Flow: &flow.Event{Type: typ, Time: at, Flow: f}})
	}
	if len(c.table.Gone()) > 0 {
		t.Errorf("%v are kept for ever", c.table.Gone())
	}
}
