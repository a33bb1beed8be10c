package connections

import (
	"flag"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"nfscope/model"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/health"
	"nfscope/model/snapshot"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

var _ = flag.Bool("update", false, "write the golden files anew")

func frame(o theme.Options, w, h int) *page.Frame { return uitest.Frame(o, w, h, 0) }

func text(p *Page, f *page.Frame) string { return ansi.Strip(p.View(f)) }

func TestGolden(t *testing.T) {
	uitest.Looks(t, func(t *testing.T, name string, o theme.Options, w, h int) {
		f := frame(o, w, h-5)
		p := New()
		for range 4 {
			p.Do(keys.Down, f)
		}
		uitest.Golden(t, "connections-"+name, p.View(f))
	})
}

func TestEverySizeIsExact(t *testing.T) {
	p := New()
	for w := 1; w <= 220; w += 11 {
		for h := 1; h <= 70; h += 6 {
			for _, zoom := range []bool{false, true} {
				f := frame(theme.Options{Color: true, Dark: true}, w, h)
				f.Zoomed = zoom
				p.Do(keys.Down, f)
				if w%2 == 0 {
					p.Do(keys.Enter, f)
				}
				uitest.Exact(t, p.View(f), w, h)
			}
		}
	}
}

func TestWithoutAccountingThereIsNoZero(t *testing.T) {
	f := frame(theme.Options{}, 200, 40)
	s := *f.Snap
	s.Flows.Accounting = false
	var l []*flow.Flow
	for fl := range f.Snap.Flows.Table.All() {
		fl.Orig.Count, fl.Reply.Count = model.Counters{}, model.Counters{}
		l = append(l, fl)
	}
	s.Flows.Table = flow.TableOf(l...)
	f.Snap = &s
	p := New()
	got := text(p, f)
	if n := strings.Count(got, "n/a"); n != 2*p.len()+1 || !strings.Contains(got, "counters  n/a: sysctl -w") || !strings.Contains(got, "no counters: sysctl net.netfilter.nf_conntrack_acct=1") ||
		!strings.Contains(got, "switches them on for new connections") || strings.Contains(got, "0 B") {
		t.Errorf("without accounting, %d of %d connections:\n%s", n, p.len(), got)
	}
	p.Do(keys.Group, f)
	if got := text(p, f); strings.Count(got, "n/a") != 3*len(p.order.groups) {
		t.Errorf("groups without accounting:\n%s", got)
	}
}

func TestSelectionFollowsTheFlow(t *testing.T) {
	f := frame(theme.Options{}, 160, 40)
	p := New()
	for range 5 {
		p.Do(keys.Down, f)
	}
	want := p.Selected().Key()
	for range int(flow.Columns) {
		p.Do(keys.Sort, f)
		if got := p.Selected().Key(); got != want {
			t.Fatalf("ordered by %s, %v is selected", p.order.made.name(), got)
		}
	}
	s := *f.Snap
	s.Version++
	s.Flows.Table = flow.TableOf(s.Flows.Table.List()[3:]...)
	f.Snap = &s
	p.View(f)
	if got := p.Selected().Key(); got != want {
		t.Errorf("after flows went, %v is selected", got)
	}
}

// listed are the flows of the list.
func listed(p *Page) []*flow.Flow {
	return p.order.made.table.Rows(p.order.view, 0, p.order.view.Len())
}

func TestOrder(t *testing.T) {
	f := frame(theme.Options{}, 160, 40)
	p := New()
	p.sync(f)
	for p.order.made.by != flow.ByBytes {
		p.Do(keys.Sort, f)
	}
	last := uint64(1 << 63)
	for _, fl := range listed(p) {
		if total(fl) > last {
			t.Fatalf("bytes are not ordered, highest first")
		}
		last = total(fl)
	}
	p.Do(keys.SortBack, f)
	if total(listed(p)[0]) != last {
		t.Error("S does not turn the order round")
	}
}

func TestFilter(t *testing.T) {
	f := frame(theme.Options{}, 160, 40)
	p := New()
	for want, n := range map[string]int{"udp": 2, "hairpin": 1, "10.2.0.2:8443": 4, "TIME_WAIT": 1, "no such thing": 0} {
		f.Filter = want
		p.sync(f)
		if p.len() != n {
			t.Errorf("%q finds %d flows, want %d", want, p.len(), n)
		}
	}
}

func TestTraceOfAFlowCatchesBothDirections(t *testing.T) {
	f := frame(theme.Options{}, 160, 40)
	for fl := range f.Snap.Flows.Table.All() {
		s := filter.ForFlow(fl)
		flt, err := filter.Parse(s)
		if err != nil || flt.Check(filter.Packets) != nil {
			t.Fatalf("%q: %v", s, err)
		}
		for _, tp := range []model.Tuple{fl.Orig.Tuple, fl.Reply.Tuple} {
			pk := &model.Packet{Family: fl.Family, Proto: tp.Proto, Src: tp.Src, Dst: tp.Dst, SPort: tp.SPort, DPort: tp.DPort, Transport: true}
			if flt.Packet(pk, "", "") != filter.Yes {
				t.Errorf("%q does not catch %s", s, tp)
			}
		}
		other := &model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoTCP, Src: fl.Orig.Tuple.Dst, Dst: fl.Orig.Tuple.Dst, SPort: 1, DPort: 2, Transport: true}
		if flt.Packet(other, "", "") == filter.Yes {
			t.Errorf("%q catches %s", s, other)
		}
	}
}

func TestRateNeedsTwoLooks(t *testing.T) {
	f := frame(theme.Options{}, 200, 40)
	p := New()
	if strings.Contains(text(p, f), "B/s") {
		t.Error("a rate is shown after one look")
	}
	s := *f.Snap
	s.Version++
	grown := s.Flows.Table.List()[0]
	grown.Seen = grown.Seen.Add(2e9)
	grown.Reply.Count.Bytes += 68 << 10
	s.Flows.Table.Apply(flow.Event{Type: flow.EventDump, Time: grown.Seen, Flow: grown})
	f.Snap = &s
	if got := text(p, f); !strings.Contains(got, "34 kB/s") {
		t.Errorf("no rate:\n%s", got)
	}
}

func TestNothingYet(t *testing.T) {
	f := frame(theme.Options{}, 80, 20)
	for want, s := range map[string]*snapshot.Snapshot{
		"reading the connections": {},
		"conntrack is not in use": {Flows: snapshot.Flows{Ready: true}},
		"no connections":          {Flows: snapshot.Flows{Ready: true}, ConntrackInUse: true},
	} {
		f.Snap = s
		p := New()
		for _, a := range []keys.Action{keys.Down, keys.Enter, keys.TraceThis, keys.Copy, keys.Back} {
			p.Do(a, f)
		}
		if got := text(p, f); !strings.Contains(got, want) {
			t.Errorf("want %q:\n%s", want, got)
		}
	}
}

// Where there is little room the title says less, and cuts nothing in the middle.
func TestTitleNarrow(t *testing.T) {
	f := frame(theme.Options{}, 80, 24)
	s := *f.Snap
	s.Flows.Accounting = false
	s.Health = new(health.Follower).Next(&health.Reading{Time: s.Time, Count: 7, Max: 262144})
	f.Snap = &s
	head, _, _ := strings.Cut(text(New(), f), "\n")
	if !strings.Contains(head, "] 7 of 262144") || !strings.Contains(head, "no counters") || strings.Contains(head, "…") {
		t.Errorf("%q", head)
	}
}
