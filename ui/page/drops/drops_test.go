package drops

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
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
		p.Do(keys.Down, f)
		uitest.Golden(t, "drops-"+name, p.View(f))
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

// TestUsual: what happens on every host is left out and counted, until it is asked for.
func TestUsual(t *testing.T) {
	f := frame(theme.Options{}, 160, 40)
	p := New()
	if got := text(p, f); strings.Contains(got, "ff02::16") || !strings.Contains(got, "1 usual (*)") {
		t.Errorf("%s", got)
	}
	p.Do(keys.Usual, f)
	if got := text(p, f); !strings.Contains(got, "ff02::16") || strings.Contains(got, "usual (*)") {
		t.Errorf("%s", got)
	}
}

// TestCounters: what counters say is not added to the packets that were seen, which may be
// the same ones.
func TestCounters(t *testing.T) {
	row := func(s drop.Step, reason string, n uint64) *drop.Row {
		d := &drop.Drop{Source: s, Reason: reason, Count: n}
		return &drop.Row{Key: drop.KeyOf(d), Last: d, Count: n}
	}
	event, a, b := row(drop.StepBPF, "NETFILTER_DROP", 5), row(drop.StepProc, "nf_conntrack drop", 5), row(drop.StepProc, "nf_conntrack insert_failed", 5)
	f := frame(theme.Options{}, 160, 40)
	for want, rows := range map[string][]*drop.Row{
		"5 packets dropped, 2 counters rose  by": {event, a, b}, "1 counter rose  by": {a}, "5 packets dropped  by": {event}, "0 packets dropped  by": nil} {
		f.Snap = &snapshot.Snapshot{Drops: snapshot.Drops{Rows: rows}}
		if got := text(New(), f); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %.200s", want, got)
		}
	}
}

// TestRowsInSight: where not all rows fit it says which are there.
func TestRowsInSight(t *testing.T) {
	p := New()
	f := frame(theme.Options{}, 100, 16)
	n := len(f.Snap.Drops.Rows) - 1 // one is usual
	p.Do(keys.Bottom, f)
	if got, want := text(p, f), fmt.Sprintf("  %d-%d of %d  ", n-p.height+1, n, n); p.height >= n || !strings.Contains(got, want) {
		t.Errorf("%d rows fit, want %q:\n%s", p.height, want, got)
	}
	if got := text(p, frame(theme.Options{}, 160, 40)); strings.Contains(strings.SplitN(got, "\n", 2)[0], " of ") {
		t.Errorf("all fit:\n%s", got)
	}
}

func TestSelectionFollowsTheRow(t *testing.T) {
	f := frame(theme.Options{}, 160, 40)
	p := New()
	p.Do(keys.Down, f)
	p.Do(keys.Down, f)
	want := p.Selected().Number
	for range int(columns) {
		p.Do(keys.Sort, f)
		if got := p.Selected().Number; got != want {
			t.Fatalf("ordered by %s, row %d is selected, not %d", p.order.by, got, want)
		}
	}
	s := *f.Snap
	s.Version++
	s.Drops.Rows = slices.DeleteFunc(slices.Clone(s.Drops.Rows), func(r *drop.Row) bool { return r.Number == want-1 })
	f.Snap = &s
	p.View(f)
	if got := p.Selected().Number; got != want {
		t.Errorf("after a row went, %d is selected", got)
	}
}

func TestOrder(t *testing.T) {
	f := frame(theme.Options{}, 160, 40)
	p := New()
	p.sync(f)
	last := uint64(1 << 63)
	for _, r := range p.order.list {
		if r.Count > last {
			t.Fatal("packets are not ordered, highest first")
		}
		last = r.Count
	}
	p.Do(keys.SortBack, f)
	if p.order.list[0].Count != last {
		t.Error("S does not turn the order round")
	}
}

// TestOrders: each column orders the rows by what it shows; amounts and times begin with the highest.
func TestOrders(t *testing.T) {
	f := frame(theme.Options{}, 160, 40)
	p := New()
	p.usual = true
	p.sync(f)
	for name, less := range map[string]func(a, b *drop.Row) int{
		"packets, highest first":   func(a, b *drop.Row) int { return cmp.Compare(b.Count, a.Count) },
		"rate, highest first":      func(a, b *drop.Row) int { return cmp.Compare(b.Rate, a.Rate) },
		"last seen, highest first": func(a, b *drop.Row) int { return b.Seen.Compare(a.Seen) },
		"reason":                   func(a, b *drop.Row) int { return cmp.Compare(a.Key.Reason, b.Key.Reason) },
		"flow":                     func(a, b *drop.Row) int { return cmp.Compare(a.Key.Flow.String(), b.Key.Flow.String()) },
	} {
		said := ""
		for range columns {
			if said = p.Do(keys.Sort, f)().(page.Say).Text; said == "ordered by "+name {
				break
			}
		}
		if said != "ordered by "+name || !slices.IsSortedFunc(p.order.list, less) {
			t.Errorf("%s is %s", name, said)
		}
	}
}

// TestInto: enter leads into a row and back out of it, where there is one; a click selects the row
// under the mouse.
func TestInto(t *testing.T) {
	f := frame(theme.Options{}, 160, 40)
	p := New()
	p.View(f)
	if p.Do(keys.Enter, f); !p.Deep() {
		t.Error("enter leads nowhere")
	}
	if p.Do(keys.Back, f); p.Deep() {
		t.Error("back leads nowhere")
	}
	if p.Click(0, 3, f); p.Selected() != p.order.list[1] {
		t.Errorf("row %d is selected", p.Selected().Number)
	}
	f.Filter = "no such thing"
	if p.Do(keys.Enter, f); p.Deep() {
		t.Error("enter leads into no row")
	}
}

func TestFilter(t *testing.T) {
	f := frame(theme.Options{}, 160, 40)
	p := New()
	for want, n := range map[string]int{"reason IP_RPFILTER": 1, "reason ip_rpfilter": 1, "tcp": 3, "not tcp": 2, "in eth0": 4, "dnat": 1, "reverse path": 1, "no such thing": 0, "reason TcpExtListenOverflows": 1, "host 203.0.113.1": 2} {
		f.Filter = want
		p.sync(f)
		if len(p.order.list) != n {
			t.Errorf("%q finds %d rows, want %d", want, len(p.order.list), n)
		}
	}
}

// TestInspector: the words, the facts, and what to do, of each kind.
func TestInspector(t *testing.T) {
	f := frame(theme.Options{}, 120, 60)
	for filter, want := range map[string][]string{
		"reason IP_RPFILTER":           {"no rule did it: the kernel", "reverse path filter, strict", "net.ipv4.conf.eth0.rp_filter is 1", "the way back to 10.2.0.77 is 10.2.0.77 dev eth2", "02:00:00:00:00:07"},
		"reason NETFILTER_DROP":        {"NETFILTER_DROP  netfilter", "in forward dropped it", "nfscope trace tcp and src host 198.51.100.7", "203.0.113.1:80", "new"},
		"reason NO_SOCKET and tcp":     {"the port is bound to 127.0.0.1:3306 only"},
		"reason TcpExtListenOverflows": {"queue of finished connections is full", "ss -ltn"},
		"reason NEIGH_FAILED":          {"the next hop 10.2.0.99 on eth2 does not answer ARP", "FAILED", "out eth2"},
	} {
		f.Filter = filter
		got := strings.Join(strings.Fields(text(New(), f)), " ")
		for _, w := range want {
			if !strings.Contains(got, strings.Join(strings.Fields(w), " ")) {
				t.Errorf("%s: %q is not there:\n%s", filter, w, text(New(), f))
			}
		}
	}
}

// TestRule: the rule that a traced packet met stands in the place of the kernel's words,
// which name none.
func TestRule(t *testing.T) {
	f := frame(theme.Options{}, 120, 60)
	s := *f.Snap
	f.Snap, f.Filter = &s, "reason NETFILTER_DROP"
	i := slices.IndexFunc(s.Drops.Rows, func(r *drop.Row) bool { return r.Key.Reason == "NETFILTER_DROP" })
	d := s.Drops.Rows[i].Last
	const rule = "dropped by rule 9 of filter/FORWARD (iptables-legacy): -A FORWARD -j DROP"
	j := &journey.Journey{Number: 77, Start: d.Time, Packet: d.Packet, Outcome: journey.Outcome{Verdict: journey.Dropped, By: journey.Culprit{Kind: "rule", Rule: 9}, Sentence: rule}}
	s.Journeys = append(slices.Clone(s.Journeys), j)
	p := New()
	got := strings.Join(strings.Fields(text(p, f)), " ")
	if !strings.Contains(got, rule) || !strings.Contains(got, "traced #77") || strings.Contains(got, "nfscope trace") {
		t.Errorf("%s", text(p, f))
	}
	if c, ok := p.Do(keys.Copy, f)().(page.CopyRequest); !ok || !strings.HasPrefix(c.Text, "NETFILTER_DROP tcp ") || !strings.HasSuffix(c.Text, "> 203.0.113.10:8080 SYN: "+rule) {
		t.Errorf("copied: %+v", c)
	}
	s.Journeys[len(s.Journeys)-1] = nil // lists never change: that a frame looks again would be a panic
	text(p, f)
	s.Journeys = s.Journeys[:len(s.Journeys)-1]
	if got := text(p, f); strings.Contains(got, "#77") {
		t.Errorf("it is in the list no more: %s", got)
	}
	later := *d
	s.Journeys = []*journey.Journey{j}
	by := func(list []*journey.Journey, d *drop.Drop) *journey.Journey {
		found, _ := p.ruled.by(list, d)
		return found
	}
	if by(s.Journeys, d) != j || by(nil, d) != nil || by(s.Journeys, &later) != j {
		t.Error("another list, and another drop, are asked for")
	}
	later.Count = 2
	if other := later; by(s.Journeys, &other) != nil {
		t.Error("another drop has the answer of the one before")
	}
	// One that comes later and is not traced: what is known of the flow stays, marked as that.
	next := *d
	next.Time, next.Packet.IPID = d.Time.Add(time.Hour), d.Packet.IPID+1
	j.Steps = []journey.Step{{Hook: d.Hook}}
	row := *s.Drops.Rows[i]
	row.Last = &next
	s.Drops.Rows = []*drop.Row{&row}
	s.Version++
	got = strings.Join(strings.Fields(text(New(), f)), " ")
	if !strings.Contains(got, "one like it, #77 at "+j.Start.Format("15:04:05")+", was "+rule) || !strings.Contains(got, "a rule or a policy of netfilter in forward dropped it") || strings.Contains(got, "traced #77") {
		t.Errorf("%s", text(New(), f))
	}
}

// TestTrace: what is armed for a drop is a filter that catches such a packet.
func TestTrace(t *testing.T) {
	f := frame(theme.Options{}, 160, 40)
	for _, r := range f.Snap.Drops.Rows {
		if !r.Last.HasPacket() {
			continue
		}
		text := r.Last.Filter()
		flt, err := filter.Parse(text)
		if err != nil || flt.Check(filter.Packets) != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if flt.Packet(&r.Last.Packet, "", "") != filter.Yes {
			t.Errorf("%q does not catch %s", text, r.Last.What())
		}
		p := New()
		p.usual = true
		f.Filter = ""
		p.sync(f)
		p.cursor.Select(r.Number, p.at)
		if a, ok := p.Do(keys.TraceThis, f)().(page.ArmRequest); !ok || a.Filter != text || a.Both {
			t.Errorf("%+v, want %q", a, text)
		}
		if a, ok := p.Do(keys.Why, f)().(page.WhyRequest); !ok || a.Filter != text {
			t.Errorf("%+v, want %q", a, text)
		}
	}
	f.Filter = "reason TcpExtListenOverflows"
	if s, ok := New().Do(keys.TraceThis, f)().(page.Say); !ok || !s.Bad {
		t.Error("a counter can be traced")
	}
	if s, ok := New().Do(keys.Why, f)().(page.Say); !ok || !s.Bad {
		t.Error("a counter can be looked for")
	}
}

// TestSteps: a lower step is said, with what would lift it.
func TestSteps(t *testing.T) {
	f := frame(theme.Options{}, 100, 24)
	refused := []drop.Lift{{Step: drop.StepBPF, Why: "in a user namespace the kernel refuses it to everybody", Fix: "run nfscope on the host"}}
	for want, s := range map[string]*snapshot.Snapshot{
		"looking at what the kernel":   {Source: "live"},
		"nobody watched":               {Source: "recording x"},
		"nothing was thrown away yet":  {Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepBPF}}},
		"refuses it to everybody; run": {Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepProc, Lift: refused}}},
		"  6 in rows that made room":   {Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepBPF}, Forgotten: 6}},
		"no eBPF: in a user namespace": {Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepProc, Lift: refused}}},
		"counters only: no eBPF":       {Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepProc, Lift: refused}}},
		"reasons of the whole host":    {Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepPerf, Lift: refused}}},
		"7 of an unknown namespace":    {Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepBPF, Homeless: 7}}},
		"  2 told to nobody":           {Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepBPF, Missed: 2}}},
		"7 of an unknown namespace, 2": {Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepBPF, Homeless: 7, Missed: 2}}},
		"host: no eBPF, lost 5":        {Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepPerf, Lift: refused, Lost: 5, Merged: 5}}},
		"4 counted without headers":    {Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepBPF, Held: 3, Lost: 1}}},
		"lost 5":                       {Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepBPF, Merged: 5}}},
	} {
		f.Snap = s
		p := New()
		for _, a := range []keys.Action{keys.Down, keys.Enter, keys.TraceThis, keys.Copy, keys.Back, keys.Sort, keys.Usual, keys.Usual} {
			p.Do(a, f)
		}
		if got := text(p, f); !strings.Contains(got, want) {
			t.Errorf("%q is not said:\n%s", want, got)
		}
	}
}
