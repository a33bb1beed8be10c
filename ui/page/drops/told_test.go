package drops

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/snapshot"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// seen is a datagram to port 4000 that the kernel dropped.
func seen(change func(*drop.Drop)) *drop.Drop {
	d := &drop.Drop{Source: drop.StepBPF, Reason: "NO_SOCKET", Station: drop.StationSocket, Place: "__udp4_lib_rcv", In: "eth7", Count: 1, Packet: model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP,
		Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("192.0.2.2"), SPort: 3000, DPort: 4000, Transport: true, Length: 33, TTL: 61}}
	change(d)
	return d
}

// rows are of one drop each, numbered from 1.
func rows(list ...*drop.Drop) (out []*drop.Row) {
	for i, d := range list {
		out = append(out, &drop.Row{Number: uint64(i + 1), Key: drop.KeyOf(d), Last: d, Count: d.Count})
	}
	return out
}

// TestTold: what is known of one drop stands in its row or in the inspector.
func TestTold(t *testing.T) {
	tuple := func(src string) model.Tuple {
		return model.Tuple{Proto: model.ProtoUDP, Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr("192.0.2.2"), SPort: 3000, DPort: 4000}
	}
	for want, change := range map[string]func(*drop.Drop){
		"33 bytes, TTL 61 place":            func(*drop.Drop) {},
		"33 bytes, TTL 61, mark 0x17 place": func(d *drop.Drop) { d.Packet.Mark = 0x17 },
		"connection udp 192.0.2.1:3000 > 192.0.2.2:4000, reply udp 192.0.2.3:3000 > 192.0.2.2:4000, new, zone 5 place": func(d *drop.Drop) {
			d.Orig, d.Reply, d.State, d.Zone = tuple("192.0.2.1"), tuple("192.0.2.3"), "NEW", 5
		},
		"connection invalid place":                        func(d *drop.Drop) { d.State = "INVALID" },
		"eth7 arp who-has 192.0.2.9":                      func(d *drop.Drop) { d.Packet, d.ARP = model.Packet{}, "arp who-has 192.0.2.9" },
		"(whole host)":                                    func(d *drop.Drop) { d.Packet, d.Source = model.Packet{}, drop.StepPerf },
		"kernel, as on every healthy host":                func(d *drop.Drop) { d.Reason, d.Place = "NOT_SPECIFIED", "ip6_mc_input" },
		"nf_conntrack drop conntrack":                     func(d *drop.Drop) { d.Packet, d.Source, d.Reason = model.Packet{}, drop.StepProc, "nf_conntrack drop" },
		"IpOutDiscards netfilter or the kern":             func(d *drop.Drop) { d.Packet, d.Source, d.Reason = model.Packet{}, drop.StepProc, "IpOutDiscards" },
		"not seen no eBPF: refused; ask the host's owner": func(*drop.Drop) {},
	} {
		f := frame(theme.Options{}, 120, 60)
		f.Snap = &snapshot.Snapshot{Drops: snapshot.Drops{Rows: rows(seen(change)), Watch: drop.Watch{Step: drop.StepPerf, Lift: []drop.Lift{{Step: drop.StepBPF, Why: "refused", Fix: "ask the host's owner"}}}}}
		p := New()
		p.usual = true
		if got := strings.Join(strings.Fields(text(p, f)), " "); !strings.Contains(got, want) {
			t.Errorf("%q is not there:\n%s", want, text(p, f))
		}
	}
}

// TestRow: how long ago the last one came, and the colour of who did it.
func TestRow(t *testing.T) {
	f := frame(theme.Options{Color: true, Dark: true}, 160, 40)
	p, th := New(), f.Theme
	cell := func(i int, d *drop.Drop, selected bool, ago time.Duration) (string, string) {
		r := rows(d)[0]
		r.Seen = f.Snap.Time.Add(-ago)
		c := p.draw(f, r, selected).Cells[i]
		return c.Text, c.Style.Render("x")
	}
	for want, ago := range map[string]time.Duration{"now": 999 * time.Millisecond, "1 s": time.Second} {
		if got, _ := cell(7, seen(func(*drop.Drop) {}), false, ago); got != want {
			t.Errorf("%v ago is %q, want %q", ago, got, want)
		}
	}
	usual := seen(func(d *drop.Drop) { d.Reason, d.Place = "NOT_SPECIFIED", "ip6_mc_input" })
	for _, c := range []struct {
		name     string
		d        *drop.Drop
		selected bool
		want     string
	}{
		{"the kernel", seen(func(*drop.Drop) {}), false, th.Bad.Bold(false).Render("x")},
		{"netfilter", seen(func(d *drop.Drop) { d.Reason = "NETFILTER_DROP" }), false, th.Warn.Render("x")},
		{"usual", usual, false, th.Dim.Render("x")},
		{"usual, selected", usual, true, th.Text.Render("x")},
	} {
		if _, got := cell(3, c.d, c.selected, 0); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	f.Snap = &snapshot.Snapshot{Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepBPF, Merged: 5}}}
	if got := p.View(f); !strings.Contains(got, th.Bad.Render("lost 5")) {
		t.Errorf("a loss is no warning: %q", got)
	}
}

// TestNone: why nothing is listed.
func TestNone(t *testing.T) {
	f := frame(theme.Options{}, 120, 24)
	usual := seen(func(d *drop.Drop) { d.Reason, d.Place = "NOT_SPECIFIED", "ip6_mc_input" })
	f.Snap = &snapshot.Snapshot{Drops: snapshot.Drops{Rows: rows(usual), Watch: drop.Watch{Step: drop.StepBPF}}}
	for filter, want := range map[string]string{"": "nothing but what happens on every healthy host: * shows 1 row of that", "no such thing": `nothing dropped is found by "no such thing" (esc clears the filter)`} {
		f.Filter = filter
		if got := text(New(), f); !strings.Contains(got, want) {
			t.Errorf("%q: %q is not said:\n%s", filter, want, got)
		}
	}
	f.Filter = ""
	p := New()
	for _, want := range []string{"also what happens on every healthy host", "without what happens on every healthy host"} {
		if s, ok := p.Do(keys.Usual, f)().(page.Say); !ok || s.Text != want {
			t.Errorf("said %q, want %q", s.Text, want)
		}
	}
}

// TestFind: what is no filter for drops is looked for as text in all that a row tells.
func TestFind(t *testing.T) {
	p := New()
	row := rows(seen(func(*drop.Drop) {}))[0]
	chain := rows(seen(func(d *drop.Drop) { d.Place = "chain X" }))[0]
	for _, c := range []struct {
		text string
		row  *drop.Row
		want bool
	}{
		{"no_SOCK", row, true}, {"2.0.2.2:40", row, true}, {"udp4_lib", row, true}, {"th7", row, true}, {"Nobody listens", row, true}, {"no such thing", row, false},
		{"chain X", row, false}, {"chain X", chain, true}, // as a filter it is one for traced packets
	} {
		if got := match(c.text, p.words, nil)(c.row); got != c.want {
			t.Errorf("%q: %v", c.text, got)
		}
	}
}

// TestGo: the keys go as far as they say, a click on a head nowhere; rows that are alike stay in the
// order of their numbers, and what did not change is not ordered again.
func TestGo(t *testing.T) {
	f := frame(theme.Options{}, 100, 16)
	p := New()
	p.View(f)
	last := len(p.order.list) - 1
	for _, c := range []struct {
		key  keys.Action
		want int
	}{{keys.Bottom, last}, {keys.Top, 0}, {keys.PageDown, p.height - 1}, {keys.PageUp, 0}, {keys.Down, 1}} {
		if p.Do(c.key, f); p.cursor.Index() != c.want {
			t.Errorf("%v leads to row %d, want %d", c.key, p.cursor.Index(), c.want)
		}
	}
	if p.Click(0, 1, f); p.cursor.Index() != 1 {
		t.Errorf("a click on the head leads to row %d", p.cursor.Index())
	}
	version := p.order.version
	if p.sync(f); p.order.version != version {
		t.Error("the list is made again")
	}
	same := func(port uint16) *drop.Drop { return seen(func(d *drop.Drop) { d.Packet.DPort = port }) }
	list := rows(same(1), same(2), same(3))
	slices.Reverse(list)
	f.Snap = &snapshot.Snapshot{Version: f.Snap.Version + 1, Drops: snapshot.Drops{Rows: list}}
	p.sync(f)
	for i, r := range p.order.list {
		if r.Number != uint64(i+1) {
			t.Errorf("row %d stands at %d", r.Number, i)
		}
	}
}
