package flow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
)

// grouped is a table of four flows that live and one that is gone. Of one the rate is known: 9 bytes a second.
func grouped(counted bool) *Table {
	tuple := func(src, dst string, sp, dp uint16) model.Tuple {
		return model.Tuple{Proto: model.ProtoTCP, Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), SPort: sp, DPort: dp}
	}
	side := func(t model.Tuple, packets, bytes uint64) Side {
		return Side{Tuple: t, Count: model.Counters{Packets: packets, Bytes: bytes, Valid: counted}}
	}
	at := time.Unix(1000, 0)
	t := &Table{}
	tell := func(what EventType, f Flow) {
		f.Family, f.Seen, f.Rate = model.FamilyIPv4, at, -1
		t.Apply(Event{Type: what, Time: at, Flow: &f})
	}
	for i := range uint16(3) {
		tell(EventDump, Flow{ID: uint32(i + 1), Orig: side(tuple("10.0.0.5", "203.0.113.9", 1000+i, 443), 1, 100), Reply: side(tuple("10.2.0.2", "10.2.0.1", 8443, 1000+i), 2, 200),
			Status: SrcNAT | DstNAT | SeenReply, State: "ESTABLISHED", NAT: NAT{Client: "10.0.0.5", Class: []Class{ClassDNAT, ClassMasquerade}}})
	}
	one := Flow{ID: 4, Orig: side(tuple("10.0.0.6", "203.0.113.9", 1000, 80), 49, 4991), Reply: side(tuple("203.0.113.9", "10.0.0.6", 80, 1000), 0, 0),
		State: "SYN_SENT", Mark: 7, Zone: 3}
	tell(EventDump, one)
	gone := Flow{ID: 5, Orig: side(tuple("10.0.0.7", "203.0.113.9", 1000, 80), 1, 1e6), Reply: side(tuple("203.0.113.9", "10.0.0.7", 80, 1000), 0, 0)}
	tell(EventDump, gone)
	at = at.Add(time.Second)
	one.Orig = side(one.Orig.Tuple, 50, 5000)
	tell(EventDump, one)
	tell(EventDestroy, gone)
	return t
}

// TestTop: each way of adding up has its rows, ordered by rate, then bytes, then number.
func TestTop(t *testing.T) {
	tab := grouped(true)
	for by, want := range map[Kind]string{
		OfSource:   "10.0.0.6 1 1 5000, 10.0.0.5 3 0 900",
		OfTarget:   "203.0.113.9 4 1 5900",
		OfService:  "tcp 203.0.113.9:80 1 1 5000, tcp 203.0.113.9:443 3 0 900",
		OfBackend:  "tcp 203.0.113.9:80 1 1 5000, tcp 10.2.0.2:8443 3 0 900",
		OfSNATAddr: "10.2.0.1 3 0 900",
		OfDNATAddr: "10.2.0.2 3 0 900",
		OfProto:    "tcp 4 1 5900",
		OfState:    "tcp SYN_SENT 1 1 5000, tcp ESTABLISHED 3 0 900",
		OfZone:     "zone 3 1 1 5000, zone 0 3 0 900",
		OfMark:     "mark 0x7 1 1 5000, mark 0x0 3 0 900",
		OfNATClass: "none 1 1 5000, dnat+masquerade 3 0 900",
	} {
		rows, of := tab.Top(by, nil, 10)
		var l []string
		for _, r := range rows {
			l = append(l, fmt.Sprint(r.Key, " ", r.Flows, " ", r.Unreplied, " ", r.Bytes()))
		}
		if got := strings.Join(l, ", "); got != want || of != len(rows) {
			t.Errorf("%s: %s of %d, expected %s", by, got, of, want)
		}
	}
	if rows, of := tab.Top(OfSource, nil, 1); of != 2 || len(rows) != 1 || rows[0].Rate != 9 || rows[0].Rated != 1 {
		t.Errorf("%d rows of %d", len(rows), of)
	}
	// Without a rate the bytes decide, without these the number.
	less := func(l *Look) bool { return l.Rate < 0 }
	if rows, _ := tab.Top(OfService, func() func(*Look) bool { return less }, 9); len(rows) != 1 || rows[0].Key.Port != 443 {
		t.Errorf("what is not wanted is added up")
	}
	if rows, _ := grouped(false).Top(OfSource, nil, 9); len(rows) != 2 || rows[0].Flows != 3 {
		t.Errorf("without counters the first has %d flows", rows[0].Flows)
	}
}

// TestTopOrder: the rate goes before the bytes, and these before the number of connections.
func TestTopOrder(t *testing.T) {
	tab, now := &Table{}, time.Unix(1000, 0)
	tell := func(client string, ports, bytes uint64) {
		for p := range ports {
			tu := model.Tuple{Proto: model.ProtoTCP, Src: netip.MustParseAddr(client), SPort: uint16(p + 1), Dst: netip.MustParseAddr("10.9.0.1"), DPort: 80}
			f := &Flow{ID: uint32(tu.Src.As4()[3])<<8 | uint32(p), Family: model.FamilyIPv4, Seen: now, Rate: -1, Orig: Side{Tuple: tu}, Reply: Side{Tuple: tu.Reverse()}}
			f.Orig.Count = model.Counters{Packets: 1, Bytes: bytes, Valid: true}
			tab.Apply(Event{Type: EventDump, Time: now, Flow: f})
		}
	}
	tell("10.0.0.1", 2, 15)
	tell("10.0.0.2", 1, 9000)
	tell("10.0.0.3", 1, 100)
	tell("10.0.0.4", 3, 10)
	now = now.Add(time.Second)
	tell("10.0.0.3", 1, 150)
	var got []string
	rows, _ := tab.Top(OfSource, nil, 9)
	for _, g := range rows {
		got = append(got, g.Key.String())
	}
	if want := "10.0.0.3 10.0.0.2 10.0.0.4 10.0.0.1"; strings.Join(got, " ") != want {
		t.Errorf("%v, expected %s", got, want)
	}
}

// TestGroupJSON: the fields are those that docs/cli.md tells of, and what is not known is absent.
func TestGroupJSON(t *testing.T) {
	at := time.Unix(1, 0).UTC()
	const begin = `{"schema":"nfscope/top/1","time":"1970-01-01T00:00:01.000000000Z","by":`
	for _, c := range []struct {
		counted bool
		kind    Kind
		row     int
		want    string
	}{
		{true, OfSource, 0, begin + `"client","rank":1,"name":"10.0.0.6","flows":1,"unreplied":1,"packets":50,"bytes":5000,"bytes_per_second":9}`},
		{true, OfNATClass, 1, begin + `"class","rank":2,"name":"dnat+masquerade","flows":3,"unreplied":0,"packets":9,"bytes":900}`},
		{false, OfSNATAddr, 0, begin + `"nat","rank":1,"name":"10.2.0.1","flows":3,"unreplied":0}`},
	} {
		rows, _ := grouped(c.counted).Top(c.kind, nil, 9)
		b, err := rows[c.row].JSON(at, c.row+1)
		if err != nil || string(b) != c.want || !json.Valid(b) {
			t.Errorf("%s %v, expected %s", b, err, c.want)
		}
	}
}

// TestGroupsHaveAll: the groups of every kind have all flows that live, and those with the most are first; what
// is not translated is a group too, which has no place among the most.
func TestGroupsHaveAll(t *testing.T) {
	tab := grouped(true)
	for k := NoGroups + 1; k < Kinds; k++ {
		n := 0
		l := tab.GroupsOf(Totals{By: k, Order: byFlows}).List
		for i, g := range l {
			n += g.Flows
			if g.Key.String() == "" || i > 0 && g.Flows > l[i-1].Flows {
				t.Errorf("%s: group %d of %d flows is %q", k, i, g.Flows, g.Key)
			}
		}
		if n != tab.Live() || n != 4 {
			t.Errorf("%s: %d of %d flows", k, n, tab.Live())
		}
	}
	for k, want := range map[Kind]string{OfSNATAddr: "source not translated", OfDNATAddr: "destination not translated"} {
		if l := tab.GroupsOf(Totals{By: k, Order: byFlows}).List; len(l) != 2 || l[1].Key.String() != want || !l[1].Key.Rest() || l[0].Key.Rest() {
			t.Errorf("%s: %v", k, l)
		}
	}
}

// byFlows orders groups by their flows, those with the most first.
func byFlows(a, b *Group) int {
	if a.Flows != b.Flows {
		return b.Flows - a.Flows
	}
	return a.Compare(b)
}

// TestManyGroups: of more groups than are kept those stay that come first in the order that was
// asked for, each with all of its flows; the others are counted.
func TestManyGroups(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(11, 12))
	tab := &Table{}
	for range 6000 {
		f := someFlow(r, 3000)
		f.NAT = NAT{}
		f.Orig.Count = model.Counters{Packets: 1, Bytes: uint64(r.IntN(1 << 20)), Valid: true}
		tab.Apply(Event{Type: EventNew, Time: at(0), Flow: f})
		if r.IntN(9) == 0 {
			tab.Apply(Event{Type: EventDestroy, Time: at(0), Flow: f})
		}
	}
	byBytes := func(a, b *Group) int { return cmp.Or(cmp.Compare(b.Bytes(), a.Bytes()), a.Compare(b)) }
	odd := func() func(*Look) bool { return func(l *Look) bool { return l.Mark%2 == 1 } }
	for k := NoGroups + 1; k < Kinds; k++ {
		for i, asked := range []Totals{{Order: byFlows}, {Order: byBytes}, {Order: byBytes, Want: odd}} {
			asked.By, asked.Most = k, 1<<20
			all := tab.GroupsOf(asked)
			for _, most := range []int{1, 2, 7, 100, len(all.List)} {
				asked.Most = most
				got := tab.GroupsOf(asked)
				if n := min(most, len(all.List)); !reflect.DeepEqual(got.List, all.List[:n]) {
					t.Fatalf("%v, order %d, of %d groups %d: they are others", k, i, len(all.List), most)
				}
				flows := 0
				for _, g := range all.List[len(got.List):] {
					flows += g.Flows
				}
				if got.More != len(all.List)-len(got.List) || got.MoreFlows != flows || all.More != 0 {
					t.Errorf("%v: %d groups more of %d flows, want %d of %d", k, got.More, got.MoreFlows, len(all.List)-len(got.List), flows)
				}
			}
		}
	}
}

// TestGroupNames: what has no state, and a zone of the original direction alone, which is the same zone there.
func TestGroupNames(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		look Look
		want string
	}{
		{OfState, Look{Orig: model.Tuple{Proto: model.ProtoUDP}, Status: SeenReply | Assured}, "udp ASSURED"},
		{OfState, Look{Orig: model.Tuple{Proto: model.ProtoUDP}, Status: SeenReply}, "udp REPLIED"},
		{OfState, Look{Orig: model.Tuple{Proto: model.ProtoUDP}}, "udp UNREPLIED"},
		{OfState, Look{Orig: model.Tuple{Proto: model.ProtoTCP}, State: "ESTABLISHED", Status: Assured | SeenReply | Offload}, "tcp OFFLOAD"},
		{OfState, Look{Orig: model.Tuple{Proto: model.ProtoTCP}, Status: Assured | SeenReply | Offload | HWOffload}, "tcp HW_OFFLOAD"},
		{OfState, Look{Orig: model.Tuple{Proto: model.ProtoTCP}, State: "NONE"}, "tcp NONE"},
		{OfZone, Look{Zone: 3}, "zone 3"},
		{OfZone, Look{OrigZone: 3}, "zone 3"},
		{OfZone, Look{ReplyZone: 3}, "zone 0"},
		{OfProto, Look{Orig: model.Tuple{Proto: model.ProtoICMP}}, "icmp"},
	} {
		if got := c.kind.Of(&c.look).String(); got != c.want {
			t.Errorf("%s of %+v: %q, expected %q", c.kind, c.look, got, c.want)
		}
	}
	if a, b := OfZone.Of(&Look{Zone: 3}), OfZone.Of(&Look{OrigZone: 3}); a != b {
		t.Errorf("%v and %v are two groups of one name", a, b)
	}
}

// TestParseKind: every kind has a word, and these are words that the command line had from the beginning.
func TestParseKind(t *testing.T) {
	for k := NoGroups + 1; k < Kinds; k++ {
		if p, err := ParseKind(k.Word()); err != nil || p != k || k.String() == "" {
			t.Errorf("%d %s: %v %v", k, k, p, err)
		}
	}
	for _, w := range []string{"client", "destination", "service", "backend", "nat", "proto", "state", "zone", "mark", "class"} {
		if _, err := ParseKind(w); err != nil || !slices.Contains(KindWords(), w) {
			t.Error(w, err)
		}
	}
	for _, w := range []string{"colour", "", "Client"} {
		if _, err := ParseKind(w); err == nil || !strings.Contains(err.Error(), "client, destination") {
			t.Error(w, err)
		}
	}
}
