package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
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
	zoned, half, marked := *counted, *counted, *counted
	marked.Mark = 1
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
		{"the smallest mark", false, []feed.Item{read(false), one(flow.EventUpdate, &marked)}, line + "5 packets 300 bytes  mark 0x1\n", "", stats{events: 1}},
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

func newTestTable() *connTable { return &connTable{read: make(chan struct{}, 1)} }

// TestConnTable: what --top and --pools lost is counted, what does not work is said, and a
// reading is waited for; what is over is forgotten.
func TestConnTable(t *testing.T) {
	t.Parallel()
	said := ""
	c := newTestTable()
	c.say = func(s string) { said += s }
	for _, e := range []flow.Event{{Type: flow.EventDumpBegin}, {Type: flow.EventGap, Lost: 7}, {Type: flow.EventGap}} {
		c.item(feed.Item{Flow: &e})
	}
	c.item(feed.Item{Problem: "no"})
	select {
	case <-c.read:
		t.Error("it was read before its end")
	default:
	}
	for range 2 { // it is read again and again, and each time told
		for range 2 { // also where nobody has shown the one before
			c.item(feed.Item{Flow: &flow.Event{Type: flow.EventDumpEnd}})
		}
		<-c.read
	}
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

// TestConnRounds: each reading is shown when it is there, and none of the counters of the one before;
// where the next is late, events are shown without it, but never ahead of the first.
func TestConnRounds(t *testing.T) {
	t.Parallel()
	wrong := errors.New("wrong")
	start := func(every time.Duration) (c *connTable, shown chan time.Time, watch, got chan error, stop func()) {
		c, shown, watch, got = newTestTable(), make(chan time.Time), make(chan error, 1), make(chan error, 1)
		ctx, stop := context.WithCancel(t.Context())
		go func() {
			got <- c.rounds(ctx, watch, every, func(at time.Time) error {
				if shown <- at; every == 0 {
					return wrong
				}
				return nil
			})
		}()
		return c, shown, watch, got, stop
	}
	read := feed.Item{Flow: &flow.Event{Type: flow.EventDumpEnd}}
	c, shown, watch, got, stop := start(time.Hour)
	defer stop()
	for range 3 {
		c.item(read)
		<-shown
	}
	select {
	case <-shown:
		t.Error("nothing was read, and it is shown again")
	default:
	}
	watch <- wrong
	if err := <-got; err != nil || <-watch != wrong {
		t.Errorf("%v, and why it ended is not passed on", err)
	}
	c, shown, _, got, stop = start(time.Millisecond)
	c.item(read)
	for range 3 {
		<-shown
	}
	stop()
	select {
	case <-shown: // it was about to
		<-got
	case <-got:
	}
	c, shown, _, got, stop = start(0)
	defer stop()
	c.item(read)
	if <-shown; <-got != wrong {
		t.Error("it goes on though nobody can be shown anything")
	}
}
