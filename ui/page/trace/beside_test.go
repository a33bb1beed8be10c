package trace

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/ui/component/player"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// talked is a frame with an answer to packet 14, and another packet of its kind that the
// policy dropped.
func talked(w, h int, o theme.Options) *page.Frame {
	f := uitest.Frame(o, w, h, 0)
	s := *f.Snap
	first := s.Journeys[0]
	reply := *s.Journeys[3]
	reply.Number, reply.Flow, reply.FlowBy, reply.Direction, reply.Answers = 20, first.Flow, journey.FlowByID, journey.Reply, 14
	reply.Start, reply.CTState, reply.NAT = first.Start.Add(340*time.Microsecond), "ESTABLISHED", nil
	reply.In, reply.Out, reply.Packet = "br0", "eth0", first.Packet
	reply.Packet.Src, reply.Packet.SPort, reply.Packet.Dst, reply.Packet.DPort = first.Packet.Dst, 443, first.Packet.Src, 40312
	failed := *first
	failed.Number, failed.Flow, failed.Direction, failed.Start = 21, 0, journey.Original, first.Start.Add(time.Second)
	failed.Packet.SPort = 40999
	failed.Steps = append(append([]journey.Step(nil), first.Steps[:7]...), first.Steps[7])
	failed.Steps[7].Verdict = model.VerdictDrop
	failed.Outcome = journey.Outcome{Verdict: journey.Dropped, Sentence: "dropped by the policy of filter/FORWARD (iptables-nft)"}
	s.Journeys = append(append([]*journey.Journey(nil), s.Journeys...), &reply, &failed)
	f.Snap = &s
	f.Player = player.New()
	f.Player.Feed(s.Journeys)
	return f
}

// work does the page's work, as the root would.
func work(pg *Page, f *page.Frame) {
	for run := pg.Work(f); run != nil; run = pg.Work(f) {
		pg.Done(run(), f)
	}
}

func TestBesideGolden(t *testing.T) {
	for name, o := range uitest.Themes() {
		for _, s := range uitest.Sizes() {
			f := talked(s[0], s[1], o)
			pg := New()
			pg.selected = 21
			pg.Do(keys.Compare, f)
			work(pg, f)
			uitest.Golden(t, fmt.Sprintf("compare-%s-%dx%d", name, s[0], s[1]), pg.View(f))
			pg.Do(keys.Back, f)
			pg.selected = 14
			pg.Do(keys.Talk, f)
			uitest.Golden(t, fmt.Sprintf("connection-%s-%dx%d", name, s[0], s[1]), pg.View(f))
		}
	}
}

// said is the sentence that an action gives, "" for none.
func said(pg *Page, a keys.Action, f *page.Frame) string {
	if cmd := pg.Do(a, f); cmd != nil {
		if s, ok := cmd().(page.Say); ok {
			return s.Text
		}
	}
	return ""
}

func TestCompare(t *testing.T) {
	f := talked(140, 50, theme.Options{})
	pg := New()
	pg.selected = 21
	pg.Do(keys.Compare, f)
	if pg.mode != comparers || pg.compare.with.Number != 14 {
		t.Fatalf("compared with %+v", pg.compare.with)
	}
	if v := ansi.Strip(pg.View(f)); !strings.Contains(v, "comparing #14 and #21") {
		t.Errorf("before it is done:\n%s", v)
	}
	work(pg, f)
	v := ansi.Strip(pg.View(f))
	if !strings.Contains(v, "#14 and #21 go the same way until") || !strings.Contains(v, "sport 40312 | 40999") || strings.Count(v, "◆") != 2 /* in the list, and where they part */ {
		t.Errorf("compared:\n%s", v)
	}
	// Another packet is compared with the same one.
	pg.Do(keys.Up, f)
	work(pg, f)
	if pg.compare.of[1].Number != 20 || pg.compare.of[0].Number != 14 {
		t.Errorf("compared %v", pg.compare.of)
	}
	pg.Do(keys.Compare, f)
	if pg.mode != single {
		t.Error("the key does not lead out")
	}
	// The mark goes before the kind, and stays when the packet leaves the ring.
	pg.selected = 16
	if got := said(pg, keys.Mark, f); !strings.Contains(got, "#16 is marked") {
		t.Error(got)
	}
	if got := said(pg, keys.Mark, f); got != "the mark is gone" || pg.compare.marked != nil {
		t.Errorf("a second time: %q", got)
	}
	pg.Do(keys.Mark, f)
	s := *f.Snap
	s.Journeys = s.Journeys[3:]
	f.Snap = &s
	pg.selected = 17
	pg.Do(keys.Compare, f)
	work(pg, f)
	if pg.compare.of[0].Number != 16 || pg.compare.of[1].Number != 17 {
		t.Errorf("compared %v", pg.compare.of)
	}
	pg.Do(keys.Back, f)
	if pg.mode != single || pg.selected != 17 {
		t.Error("esc does not lead back to the packet")
	}
	// One of its kind there is none of.
	pg.compare.marked = nil
	pg.selected = 19
	if got := said(pg, keys.Compare, f); !strings.Contains(got, "nothing to compare with") {
		t.Error(got)
	}
}

// Where there is little room a rule's comment goes, and the reason behind the rule stays.
func TestCompareSaysWhy(t *testing.T) {
	f := talked(80, 24, theme.Options{})
	pg := New()
	pg.selected = 21
	pg.Do(keys.Compare, f)
	work(pg, f)
	two := *pg.compare.got
	two.Sentence = "#14 and #21 go the same way until nat/PREROUTING rule 1: #14 matches (-p tcp -m comment --comment \"" + strings.Repeat("words ", 30) +
		"\" -j DNAT --to-destination 203.0.113.9:80), #21 does not: tcp dport 8081 is not 8080"
	pg.compare.got = &two
	if v := ansi.Strip(pg.View(f)); !strings.Contains(v, "#21 does not: tcp dport 8081") || strings.Contains(v, "words") {
		t.Error(v)
	}
}

func TestKin(t *testing.T) {
	base := uitest.Snapshot().Journeys[0]
	like := func(number int, change func(*journey.Journey)) *journey.Journey {
		j := *base
		j.Number = number
		change(&j)
		return &j
	}
	same := func(*journey.Journey) {}
	drop := func(j *journey.Journey) { j.Outcome.Verdict = journey.Dropped }
	for name, c := range map[string]struct {
		list []*journey.Journey
		want int
	}{
		"alone":               {nil, 0},
		"the one before":      {[]*journey.Journey{like(1, same), like(2, same), like(4, same)}, 2},
		"another end":         {[]*journey.Journey{like(1, drop), like(2, same), like(4, drop)}, 1},
		"only later":          {[]*journey.Journey{like(4, same), like(5, drop)}, 5},
		"another port":        {[]*journey.Journey{like(2, func(j *journey.Journey) { j.Packet.DPort = 1 })}, 0},
		"another direction":   {[]*journey.Journey{like(2, func(j *journey.Journey) { j.Direction = journey.Reply })}, 0},
		"sent":                {[]*journey.Journey{like(2, func(j *journey.Journey) { j.In = "" })}, 0},
		"within a connection": {[]*journey.Journey{like(2, func(j *journey.Journey) { j.Packet.Flags = model.ACK })}, 0},
	} {
		j := like(3, same)
		list := append([]*journey.Journey(nil), c.list...)
		list = append(list, j)
		slices.SortFunc(list, func(a, b *journey.Journey) int { return a.Number - b.Number })
		got := 0
		if k := kin(j, list); k != nil {
			got = k.Number
		}
		if got != c.want {
			t.Errorf("%s: #%d, want #%d", name, got, c.want)
		}
	}
}

func TestConversation(t *testing.T) {
	f := talked(140, 50, theme.Options{})
	pg := New()
	pg.selected = 20
	pg.Do(keys.Talk, f)
	v := ansi.Strip(pg.View(f))
	if len(pg.list) != 2 || !strings.Contains(v, "connection 3040: 1 packet sent, 1 came back") || !strings.Contains(v, "answers #14") {
		t.Errorf("%d packets:\n%s", len(pg.list), v)
	}
	for _, l := range strings.Split(v, "\n") { // the request stands at the left
		if i := strings.Index(l, "#14 tcp"); i >= 0 && strings.Contains(l, "│") && i > strings.Index(l, "#20 tcp") {
			t.Errorf("%q", l)
		}
	}
	if !strings.Contains(v, "+340us") {
		t.Errorf("no time since the packet before:\n%s", v)
	}
	pg.Do(keys.Talk, f)
	pg.View(f)
	if pg.mode != single || len(pg.list) != 8 {
		t.Error("the key does not lead out")
	}
	pg.selected = 15
	if got := said(pg, keys.Talk, f); !strings.Contains(got, "no connection of #15") {
		t.Error(got)
	}
}

func TestScrub(t *testing.T) {
	f := uitest.Frame(theme.Options{}, 120, 40, 5*time.Second)
	pg := New()
	pg.View(f)
	pg.Do(keys.Top, f)
	for _, want := range []int{15, 16, 17, 18, 19, 19} {
		if pg.Do(keys.ScrubOn, f); pg.selected != want {
			t.Fatalf("on to %d, want %d", pg.selected, want)
		}
	}
	if pg.Do(keys.ScrubBack, f); pg.selected != 18 {
		t.Errorf("back to %d", pg.selected)
	}
	pg.View(f)
	if pg.Click(pg.stripX, pg.stripY, f); pg.selected != 14 {
		t.Errorf("a click on the timeline's begin selects %d", pg.selected)
	}
	f.Snap = &snapshot.Snapshot{}
	pg.Do(keys.ScrubOn, f)
}

// fakeFiles takes what is written.
type fakeFiles struct {
	name string
	list []*journey.Journey
	of   *snapshot.Snapshot
	err  error
}

func (e *fakeFiles) Export(name string, list []*journey.Journey, of *snapshot.Snapshot) (string, error) {
	e.name, e.list, e.of = name, list, of
	return "wrote it", e.err
}

func TestExport(t *testing.T) {
	f := uitest.Frame(theme.Options{}, 120, 40, 5*time.Second)
	f.Filter = "dst port 443"
	to := &fakeFiles{}
	pg := NewLive(Options{Export: to})
	pg.prepare(f)
	pg.selected = 14
	r, ok := pg.Do(keys.Export, f)().(page.TypeRequest)
	if !ok || r.Text != "nfscope-packet-14.txt" {
		t.Fatalf("%+v", r)
	}
	if s, _ := pg.Take(" a.json ", f)().(page.Say); s.Text != "wrote it" || s.Bad || to.name != "a.json" || len(to.list) != 1 || to.list[0].Number != 14 || to.of != f.Snap {
		t.Errorf("%+v %+v", s, to)
	}
	pg.Do(keys.ExportAll, f)
	to.err = errors.New("there already")
	if s, _ := pg.Take("b.txt", f)().(page.Say); s.Text != "there already" || !s.Bad || len(to.list) != 2 {
		t.Errorf("%+v %d packets", s, len(to.list))
	}
	if pg.Take("again.txt", f) != nil {
		t.Error("what nobody asked for is written")
	}
	if got := said(New(), keys.Export, f); !strings.Contains(got, "nothing can be written") {
		t.Error(got)
	}
}

// TestFilterLooksOnce: a journey is held against the filter once, and one that changed again.
func TestFilterLooksOnce(t *testing.T) {
	f := uitest.Frame(theme.Options{}, 120, 40, 0)
	f.Filter = "dst port 443"
	pg := New()
	pg.prepare(f)
	s := *f.Snap
	changed := *s.Journeys[1]
	changed.Packet.DPort = 443
	s.Journeys = append([]*journey.Journey{&changed}, s.Journeys[2:]...) // 14 left the ring
	f.Snap = &s
	pg.prepare(f)
	if len(pg.list) != 2 || pg.list[0] != &changed || pg.list[1].Number != 18 {
		t.Fatalf("%v", pg.list)
	}
	if len(pg.told) != 5 || pg.told[0] != yes || pg.told[1] != no {
		t.Errorf("%v", pg.told)
	}
	pg.told[1] = yes // what is known is not asked again
	s2 := s
	s2.Journeys = append([]*journey.Journey(nil), s.Journeys...)
	f.Snap = &s2
	if pg.prepare(f); len(pg.list) != 3 {
		t.Errorf("%d packets", len(pg.list))
	}
}

// TestAFilterIsBounded: of a full ring a frame looks at the newest only, the rest is done
// beside the screen, also when packets come meanwhile.
func TestAFilterIsBounded(t *testing.T) {
	f, moved := full(t, "tcp and dst port 443")
	pg := New()
	pg.prepare(f)
	if pg.late != 1<<16-atOnce || !strings.Contains(pg.title(f), "49152 older are still looked at") {
		t.Fatalf("%d are late", pg.late)
	}
	run := pg.Work(f)
	if run == nil {
		t.Fatal("the rest is not looked at")
	}
	moved()
	pg.View(f)
	pg.Done(run(), f)
	pg.View(f)
	want := 0
	for _, j := range f.Snap.Journeys {
		if pg.filter.Journey(j) {
			want++
		}
	}
	if pg.late != 0 || len(pg.list) != want {
		t.Errorf("%d late, %d packets, want %d", pg.late, len(pg.list), want)
	}
	for i := 1; i < len(pg.list); i++ {
		if pg.list[i-1].Number >= pg.list[i].Number {
			t.Fatal("out of order")
		}
	}
	pg.looking = false
	f.Filter = "udp"
	if pg.Done(narrowed{text: "tcp and dst port 443", source: f.Snap.Journeys, told: make([]truth, 1<<16)}, f); pg.list != nil && len(pg.list) == 0 {
		t.Error("an answer to a filter that is gone was taken")
	}
}

func TestSince(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "+0", 340 * time.Microsecond: "+340us", 1500 * time.Microsecond: "+1.5ms", 12 * time.Millisecond: "+12ms",
		999_900 * time.Microsecond: "+1s", 75 * time.Second: "+75s", 3 * time.Hour: "+3h", -2 * time.Second: "-2s", 500 * 24 * time.Hour: "+500d", 5999 * time.Second: "+100m"} {
		if got := since(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}

// full is a frame with as many journeys as a trace keeps; moved gives the next snapshot.
func full(b testing.TB, text string) (f *page.Frame, moved func()) {
	b.Helper()
	f = uitest.Frame(theme.Options{Color: true}, 200, 60, 0)
	base := f.Snap.Journeys
	list := make([]*journey.Journey, 1<<16)
	for i := range list {
		j := *base[i%len(base)]
		j.Number, j.Start = i+1, j.Start.Add(time.Duration(i)*time.Millisecond)
		list[i] = &j
	}
	f.Filter = text
	s := *f.Snap
	s.Journeys = list
	f.Snap = &s
	n := len(list)
	return f, func() {
		n++
		j := *base[n%len(base)]
		j.Number, j.Start = n, j.Start.Add(time.Duration(n)*time.Millisecond)
		s := *f.Snap
		s.Journeys = append(append(make([]*journey.Journey, 0, 1<<16), s.Journeys[1:]...), &j)
		f.Snap = &s
	}
}

// BenchmarkFrame draws a frame of a full ring to which a packet has come, in all views.
func BenchmarkFrame(b *testing.B) {
	for _, c := range []struct{ name, filter string }{{"all", ""}, {"filtered", "tcp and dst port 443"}} {
		b.Run(c.name, func(b *testing.B) {
			f, moved := full(b, c.filter)
			pg := New()
			pg.View(f)
			for b.Loop() {
				moved()
				pg.View(f)
			}
		})
	}
	b.Run("connection", func(b *testing.B) {
		f, moved := full(b, "")
		pg := New()
		pg.selected = f.Snap.Journeys[0].Number
		pg.talk, pg.mode = f.Snap.Journeys[0], talking
		pg.View(f)
		for b.Loop() {
			moved()
			pg.View(f)
		}
	})
	b.Run("first-filter", func(b *testing.B) {
		f, _ := full(b, "tcp and dst port 443")
		for b.Loop() {
			New().View(f)
		}
	})
}
