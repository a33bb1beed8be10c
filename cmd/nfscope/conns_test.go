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
)

// TestFollowTellsOnce reads the table three times around a flow's life: what did not
// change is told once, and what a reading found gone is told as destroyed.
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
	tell(flow.EventDumpBegin, nil, 0)
	tell(flow.EventDump, one(1, "ESTABLISHED"), 0)
	tell(flow.EventDump, one(3, "ESTABLISHED"), 0)
	tell(flow.EventDumpEnd, nil, 2)
	if p.err != nil {
		t.Fatal(p.err)
	}
	var got []string
	for _, l := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		w := strings.Fields(l)
		got = append(got, w[0]+" "+w[3])
	}
	want := "dump 10.0.0.1:1, dump 10.0.0.1:2, new 10.0.0.1:3, destroy 10.0.0.1:2"
	if strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
}
