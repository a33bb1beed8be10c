package connections

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/model/snapshot"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// The inspector shows what only some flows have, and groups total what is in the list.
func TestRareAndGroups(t *testing.T) {
	f := frame(theme.Options{}, 200, 60)
	l := f.Snap.Flows.Table.List()
	l[0].Labels, l[0].Master, l[0].Unknown = []byte{0xab}, l[1].Orig.Tuple, []flow.Attribute{{Type: 99, Data: []byte{7}}}
	l[0].Orig.Adjust.After, l[0].Synproxy = -5, flow.Synproxy{ISN: 123456, ITS: 7}
	mask := model.Tuple{Src: netip.MustParseAddr("0.0.0.0"), Dst: netip.MustParseAddr("255.255.255.255"), DPort: 0xffff}
	tab := flow.TableOf(l...)
	tab.SetTimeouts(flow.Timeouts{"tcp_timeout_established": 432000})
	tab.SetExpectations([]flow.Expectation{{Master: l[0].Orig.Tuple, Tuple: l[2].Orig.Tuple, Mask: mask, Timeout: time.Minute, Helper: "ftp", ZoneKnown: true},
		{Master: l[0].Orig.Tuple, Tuple: l[3].Orig.Tuple, Mask: mask, Timeout: time.Minute, Helper: "sip"}})
	f.Snap = &snapshot.Snapshot{Version: 43, Time: uitest.Now(), ConntrackInUse: true,
		Flows: snapshot.Flows{Table: tab, Ready: true, Accounting: true, Timeouts: flow.Timeouts{"tcp_timeout_established": 432000}}}
	p := New()
	got := strings.Join(strings.Fields(text(p, f)), " ")
	for _, want := range []string{"of 432000 s", "labels", "ab", "expected it because of tcp", "tcp from anyone to", "60 s, by helper ftp", "by helper sip (perhaps that of a", "zone: which one was not told)", "moved: original -5",
		"answered for the server", "numbers from 123456", "attribute 99: 07"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not shown:\n%s", want, text(p, f))
		}
	}
	if strings.Count(got, "(perhaps") != 1 {
		t.Errorf("what is known to be its own is said to be perhaps another's:\n%s", text(p, f))
	}
	p.Do("group", f)
	total := 0
	for _, g := range p.order.groups {
		total += g.Flows
	}
	if total != tab.Live() || len(p.order.groups) < 3 || !strings.Contains(text(p, f), "by source") {
		t.Errorf("%d flows in %d groups, %d live:\n%s", total, len(p.order.groups), tab.Live(), text(p, f))
	}
	n := p.order.groups[0].Flows
	p.Do("open", f)
	if p.len() < n || p.Selected() == nil {
		t.Errorf("%d flows in a group of %d", p.len(), n)
	}
	p.Do("back", f)
	if p.Do("back", f); p.Deep() || p.len() != len(l) {
		t.Errorf("back leads to %d flows", p.len())
	}
}

// Each kind of group leads to its flows, has all that live, and its name stands before them once.
func TestEveryKindOfGroup(t *testing.T) {
	f := frame(theme.Options{}, 200, 60)
	tab := f.Snap.Flows.Table
	p := New()
	p.sync(f)
	for k := flow.NoGroups + 1; k < flow.Kinds; k++ {
		p.Do("group", f)
		heads := text(p, f)
		if p.order.made.kind != k || !strings.Contains(heads, "by "+k.String()) || !strings.Contains(heads, "unreplied") {
			t.Fatalf("b shows groups by %s, expected %s:\n%s", p.order.made.kind, k, heads)
		}
		total := 0
		for _, g := range p.order.groups {
			total += g.Flows
			if !strings.Contains(heads, g.Key.String()) {
				t.Errorf("%s %s is not shown:\n%s", k, g.Key, heads)
			}
		}
		if total != tab.Live() {
			t.Errorf("by %s: %d of %d flows", k, total, tab.Live())
		}
		if !p.Deep() {
			t.Error("esc would clear the filter")
		}
		p.Do("sort", f)
		g := p.order.groups[p.groups.Index()]
		p.Do("open", f)
		if p.order.made.by != flow.ByAge || p.order.made.down {
			t.Errorf("in a group they are %s", p.order.made.words())
		}
		got, twice := text(p, f), k.String()+" "+k.String()+" "
		if !strings.Contains(got, k.String()+" "+strings.TrimPrefix(g.Key.String(), k.String()+" ")) || strings.Contains(got+p.order.made.words(), twice) {
			t.Errorf("in %s %s:\n%s", k, g.Key, got)
		}
		list := p.listed()()
		for _, fl := range list {
			if l := fl.Look(); k.Of(&l) != g.Key {
				t.Errorf("%s is not in %s %s", fl.Line(), k, g.Key)
			}
		}
		if len(list) < g.Flows {
			t.Errorf("%d flows in %s %s, a group of %d", len(list), k, g.Key, g.Flows)
		}
		f.Filter = "src port 1 and " + strings.ToLower(list[0].Orig.Tuple.Proto.String())
		if p.sync(f); p.len() != 0 {
			t.Errorf("in %s %s the filter leaves %d flows", k, g.Key, p.len())
		}
		f.Filter = ""
		p.sync(f)
		p.Do("back", f)
	}
	if p.Do("group", f); p.order.made.kind != flow.NoGroups || p.Deep() {
		t.Errorf("behind the last kind b groups by %s", p.order.made.kind)
	}
	if p.Do("group-back", f); p.order.made.kind != flow.Kinds-1 {
		t.Errorf("B groups by %s, not by the last kind", p.order.made.kind)
	}
	if p.Do("group-back", f); p.order.made.kind != flow.Kinds-2 {
		t.Errorf("B groups by %s, not by the kind before", p.order.made.kind)
	}
}

// What has no ports says what it has instead.
func TestTold(t *testing.T) {
	for _, c := range []struct {
		f    flow.Flow
		want string
	}{
		{flow.Flow{Orig: flow.Side{Tuple: model.Tuple{Proto: model.ProtoICMP, SPort: 77, DPort: 8 << 8}}}, "type 8, code 0, identifier 77"},
		{flow.Flow{Orig: flow.Side{Tuple: model.Tuple{Proto: model.ProtoGRE, DPort: 0x1234}}}, "call identifiers of PPTP: 0x0 of the client, 0x1234 of the server"},
		{flow.Flow{Orig: flow.Side{Tuple: model.Tuple{Proto: model.ProtoGRE}}}, ""},
		{flow.Flow{Orig: flow.Side{Tuple: model.Tuple{Proto: model.ProtoSCTP}, VTag: 1}, Reply: flow.Side{VTag: 2}}, "verification tags 0x1, back 0x2"},
		{flow.Flow{Orig: flow.Side{Tuple: model.Tuple{Proto: model.ProtoTCP, SPort: 1, DPort: 2}}}, ""},
	} {
		if got := told(&c.f); got != c.want {
			t.Errorf("%q, expected %q", got, c.want)
		}
	}
}
