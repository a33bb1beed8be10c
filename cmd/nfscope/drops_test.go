package main

import (
	"bufio"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/model/filter"
)

// TestDropsSummary: the last line says what was not told one by one, and what of it is known.
func TestDropsSummary(t *testing.T) {
	for _, c := range []struct {
		w     drop.Watch
		usual uint64
		want  string
	}{
		{drop.Watch{}, 0, "lost 0"},
		{drop.Watch{Held: 3, Lost: 2}, 0, "lost 0; 5 drops above the rate were counted by reason and place"},
		{drop.Watch{Held: 3, Lost: 2, Merged: 1}, 0, "lost 1; 4 drops above the rate were counted by reason and place"},
		{drop.Watch{Step: drop.StepPerf, Lost: 2, Merged: 2}, 0, "lost 2"},
		{drop.Watch{Held: 1}, 0, "lost 0; 1 drop above the rate was counted by reason and place"},
		{drop.Watch{Homeless: 1}, 0, "lost 0; of 1 drop in the whole host nobody can tell whose it was"},
		{drop.Watch{Homeless: 2}, 0, "lost 0; of 2 drops in the whole host nobody can tell whose they were"},
		{drop.Watch{Missed: 2}, 0, "lost 0; 2 times in the whole host the kernel freed something, a packet or a socket's message, as dropped and told nobody: in an interrupt it may pass eBPF over"},
		{drop.Watch{Missed: 1}, 0, "lost 0; 1 time in the whole host the kernel freed something, a packet or a socket's message, as dropped and told nobody: in an interrupt it may pass eBPF over"},
		{drop.Watch{}, 1, "lost 0; 1 drop left out that happens on every host (--all)"},
		{drop.Watch{}, 4, "lost 0; 4 drops left out that happen on every host (--all)"},
	} {
		p := &dropPrinter{packets: 1, usual: c.usual, stats: stats{start: time.Now()}}
		if got := p.summary(c.w); !strings.HasPrefix(got, "1 packet in ") || !strings.HasSuffix(got, ", "+c.want) {
			t.Errorf("%+v: %q, want %q", c.w, got, c.want)
		}
	}
}

// dropped is a datagram that the kernel dropped at midnight.
func dropped(change func(*drop.Drop)) *drop.Drop {
	d := &drop.Drop{Source: drop.StepBPF, Reason: "NETFILTER_DROP", Station: drop.StationNetfilter, Hook: model.HookForward, Place: "nf_hook_slow", In: "r0", Count: 1, Packet: model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP,
		Src: netip.MustParseAddr("10.1.0.2"), Dst: netip.MustParseAddr("10.2.0.2"), SPort: 3000, DPort: 53, Transport: true}}
	change(d)
	return d
}

// printing is a dropPrinter, and what it has printed.
func printing(t *testing.T, expr string, o dropOptions) (p *dropPrinter, out *strings.Builder) {
	t.Helper()
	var err error
	if o.filter, err = filter.Parse(expr); err != nil {
		t.Fatal(err)
	}
	out = &strings.Builder{}
	return &dropPrinter{out: bufio.NewWriter(out), o: &o, words: drop.Meanings(), netns: "nfs-x", said: map[drop.Key]bool{}, full: func() {}}, out
}

// TestDropLine: a line tells what is known of a drop.
func TestDropLine(t *testing.T) {
	tuple := func(src, dst string) model.Tuple {
		return model.Tuple{Proto: model.ProtoUDP, Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), SPort: 3000, DPort: 53}
	}
	const flow = "00:00:00.000000  NETFILTER_DROP  udp 10.1.0.2:3000 > 10.2.0.2:53  "
	for want, change := range map[string]func(*drop.Drop){
		flow + "in r0  at forward (nf_hook_slow)":         func(*drop.Drop) {},
		flow + "in r0  out r1  at forward (nf_hook_slow)": func(d *drop.Drop) { d.Out = "r1" },
		flow + "at forward (nf_hook_slow)":                func(d *drop.Drop) { d.In = "" },
		flow + "in r0":                                    func(d *drop.Drop) { d.Hook, d.Station, d.Place = model.HookNone, drop.StationUnknown, "" },
		flow + "in r0  at forward (nf_hook_slow)  of the connection udp 10.1.0.2:3000 > 192.0.2.1:53": func(d *drop.Drop) {
			d.Orig, d.Reply = tuple("10.1.0.2", "192.0.2.1"), tuple("10.2.0.2", "10.1.0.2")
		},
		flow + "in r0  out r2  at forward (nf_hook_slow)": func(d *drop.Drop) { // nothing is translated
			d.Out, d.Orig, d.Reply = "r2", tuple("10.1.0.2", "10.2.0.2"), tuple("10.2.0.2", "10.1.0.2")
		},
		"00:00:00.000000  NETFILTER_DROP  7 packets  at forward (nf_hook_slow)": func(d *drop.Drop) { d.Packet, d.In, d.Count = model.Packet{}, "", 7 },
		"00:00:00.000000  IpInDiscards  1 packet":                               func(d *drop.Drop) { *d = drop.Drop{Source: drop.StepProc, Reason: "IpInDiscards", Count: 1} },
		"00:00:00.000000  NO_SOCKET  3 packets  at socket (tcp_v4_rcv)  in the whole host": func(d *drop.Drop) {
			*d = drop.Drop{Source: drop.StepPerf, Reason: "NO_SOCKET", Station: drop.StationSocket, Place: "tcp_v4_rcv", Count: 3}
		},
	} {
		p, out := printing(t, "", dropOptions{})
		p.item(feed.Item{Drop: dropped(change)})
		if got, _, _ := strings.Cut(out.String(), "\n"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestDropItems: what is printed, counted and left out, and when it is enough.
func TestDropItems(t *testing.T) {
	usual := func(d *drop.Drop) {
		d.Reason, d.Hook, d.Station, d.Place = "NOT_SPECIFIED", model.HookNone, drop.StationSocket, "ip6_mc_input"
		d.Count = 5
	}
	other := func(d *drop.Drop) { d.Packet.DPort = 54 }
	put := func(p *dropPrinter) {
		for _, change := range []func(*drop.Drop){func(*drop.Drop) {}, other, usual, func(d *drop.Drop) { d.Count = 2 }, func(*drop.Drop) {}} {
			p.item(feed.Item{Drop: dropped(change)})
		}
		p.item(feed.Item{})
	}
	for _, c := range []struct {
		name                   string
		o                      dropOptions
		lines, words           int
		packets, usual, events uint64
		full                   int
	}{
		{"all of the filter", dropOptions{}, 3, 1, 4, 5, 5, 0},
		{"--all", dropOptions{all: true}, 4, 2, 9, 0, 5, 0},
		{"--count", dropOptions{count: 2}, 2, 1, 3, 5, 4, 1},
		{"--json", dropOptions{json: true}, 3, 0, 4, 5, 5, 0},
	} {
		p, out := printing(t, "port 53", c.o)
		full := 0
		p.full = func() { full++ }
		put(p)
		var lines, words int
		for l := range strings.Lines(out.String()) {
			switch {
			case strings.HasPrefix(l, "    > "):
			case strings.HasPrefix(l, "    "):
				words++
			default:
				lines++
			}
			if c.o.json && !strings.Contains(l, `"netns":"nfs-x"`) {
				t.Errorf("%s: no netns: %s", c.name, l)
			}
		}
		if lines != c.lines || words != c.words || p.packets != c.packets || p.usual != c.usual || p.stats.events != c.events || full != c.full {
			t.Errorf("%s: %d lines, %d explained, %d packets, %d usual, %d events, full %d times, want %+v\n%s", c.name, lines, words, p.packets, p.usual, p.stats.events, full, c, out)
		}
	}
	for _, c := range []struct {
		json bool
		want string
	}{{true, `{"schema":"nfscope/stats/1","events":0,"journeys":0,"lost":2,"gaps":0,"missed":3,"duration_ns":`}, {}} { // what comes last
		p, out := printing(t, "", dropOptions{json: c.json})
		if err := p.end(drop.Watch{Merged: 2, Missed: 3, Held: 4}); err != nil || !strings.HasPrefix(out.String(), c.want) || c.json != (out.Len() > 0) {
			t.Errorf("--json %v: %q, %v", c.json, out, err)
		}
	}
	for expr, want := range map[string]struct { // what has no packet: a counter, and what happens on every host
		lines       int
		usual, open uint64
	}{"": {1, 5, 0}, "port 53": {0, 0, 7}, "not port 53": {0, 0, 7}, "reason InNoRoutes": {1, 0, 0}, "reason other and port 53": {0, 0, 0}} {
		p, out := printing(t, expr, dropOptions{})
		p.item(feed.Item{Drop: &drop.Drop{Source: drop.StepProc, Reason: "InNoRoutes", Count: 7}})
		p.item(feed.Item{Drop: dropped(func(d *drop.Drop) { usual(d); d.Packet = model.Packet{} })})
		if p.printed != want.lines || p.usual != want.usual || p.open != want.open {
			t.Errorf("%q: %d lines, %d usual, of %d nobody can tell, want %+v\n%s", expr, p.printed, p.usual, p.open, want, out)
		}
		if said := strings.HasSuffix(p.summary(drop.Watch{}), "; of 7 drops without a packet to look at nobody can tell whether FILTER means them"); said != (want.open > 0) {
			t.Errorf("%q: %s", expr, p.summary(drop.Watch{}))
		}
	}
	p, out := printing(t, "", dropOptions{})
	for i := range mostSaid + 1 { // what is explained is forgotten, and so told again
		p.item(feed.Item{Drop: dropped(func(d *drop.Drop) { d.In = "r" + string(rune(i)) })})
	}
	out.Reset()
	if p.item(feed.Item{Drop: dropped(func(d *drop.Drop) { d.In = "r" + string(rune(1)) })}); strings.Count(out.String(), "\n") != 3 {
		t.Errorf("not explained again: %q", out)
	}
	full := 0
	p.out, p.full = bufio.NewWriter(shut{}), func() { full++ }
	if put(p); full != 1 || p.err == nil {
		t.Errorf("nobody reads any more, and it goes on: full %d times, %v", full, p.err)
	}
}

// shut is an output that nobody reads.
type shut struct{}

func (shut) Write([]byte) (int, error) { return 0, errors.New("nobody reads") }

// TestDropLift: what is not seen, why, and what would lift it where something would.
func TestDropLift(t *testing.T) {
	for want, l := range map[string]drop.Lift{
		"no eBPF: refused; ask root": {Step: drop.StepBPF, Why: "refused", Fix: "ask root"},
		"no perf: refused":           {Step: drop.StepPerf, Why: "refused"},
	} {
		if got := liftWords(l); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
