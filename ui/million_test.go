package ui

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"nfscope/model/flow"
	"nfscope/model/flow/flowtest"
	"nfscope/model/snapshot"
	"nfscope/ui/page"
	"nfscope/ui/page/connections"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

const million = 1_000_000

// BenchmarkKeysMillion is each key of the Connections page until the frame behind it, with
// a million connections of which 50,000 change in a second. What takes longer runs beside
// the screen, as in the program; that no key waits for it is what is measured: the worst
// and the median of the times from key to frame, and how long the list that was asked for
// took. No key may take more than 16 ms.
//
//	go test -run '^$' -bench KeysMillion -benchtime 1x ./ui
func BenchmarkKeysMillion(b *testing.B) {
	l := newLoop(b, flowtest.Gateway(million, false))
	type ask struct {
		name string
		keys []string
		// rest is true where the next key waits until the list is made.
		rest bool
	}
	var asks []ask
	asks = append(asks, ask{"first", []string{"j"}, true}, ask{"up-down", []string{"j", "j", "k", "j", "j", "k"}, false},
		ask{"page", []string{"pgdown", "pgdown", "pgup"}, false}, ask{"end-top", []string{"G", "g", "G", "g"}, false},
		ask{"sort", slices.Repeat([]string{"s"}, int(flow.Columns)), true}, ask{"sort-held", slices.Repeat([]string{"s", "j"}, int(flow.Columns)), false},
		ask{"turn", []string{"S", "S", "G", "S", "S"}, true}, ask{"group", slices.Repeat([]string{"b"}, int(flow.Kinds)), true},
		ask{"into-group", []string{"b", "j", "enter", "j", "G", "left", "esc"}, true},
		ask{"filter", append([]string{"/"}, append(letters("tcp and dst port 443 and mark 1"), "enter", "G", "g")...), false},
		ask{"clear", []string{"esc", "G", "g"}, true},
		ask{"text", append([]string{"/"}, append(letters("198.0.7"), "enter", "G", "g", "esc")...), false},
		ask{"inspector", []string{"enter", "j", "k", "esc"}, true}, ask{"pools", []string{"P", "j", "G", "esc"}, true})
	for _, a := range asks {
		b.Run(a.name, func(b *testing.B) {
			var each []time.Duration
			lists := time.Duration(0)
			for b.Loop() {
				for _, k := range a.keys {
					each = append(each, l.press(k))
					if a.rest {
						lists = max(lists, l.settle())
					}
				}
				lists = max(lists, l.settle())
			}
			slices.Sort(each)
			worst := each[len(each)-1]
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(ms(worst), "ms-worst")
			b.ReportMetric(ms(each[len(each)/2]), "ms-median")
			b.ReportMetric(ms(lists), "ms-list")
			b.ReportMetric(ms(l.longest()), "ms-worst-other")
			if worst > 16*time.Millisecond {
				b.Errorf("a key was answered after %v", worst)
			}
		})
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func letters(s string) (out []string) {
	for _, c := range s {
		out = append(out, string(c))
	}
	return out
}

// loop runs the screen as bubbletea does: messages one after another, commands beside.
type loop struct {
	b    *testing.B
	m    *Model
	msgs chan tea.Msg
	// running counts the commands; other is the longest that a message which is no key took.
	running int
	other   time.Duration
}

func newLoop(b *testing.B, t *flow.Table) *loop {
	m := New(Options{Pages: []page.Page{connections.New()}, Theme: theme.Options{Color: true, Dark: true}})
	m.after = func(time.Duration, tea.Msg) tea.Cmd { return nil }
	m.Update(tea.WindowSizeMsg{Width: 200, Height: 60})
	l := &loop{b: b, m: m, msgs: make(chan tea.Msg, 1024)}
	stop := make(chan struct{})
	var fed sync.WaitGroup
	fed.Add(1)
	go func() {
		defer fed.Done()
		l.feed(t, stop)
	}()
	b.Cleanup(func() {
		close(stop)
		fed.Wait()
	})
	l.settle()
	l.other = 0
	return l
}

// feed changes the Table 50,000 times a second, and has the screen see it as often as in the
// program while only connections change.
func (l *loop) feed(t *flow.Table, stop chan struct{}) {
	const every, each = 4 * time.Millisecond, 200
	r := rand.New(rand.NewPCG(5, 6))
	tick := time.NewTicker(every)
	defer tick.Stop()
	snap := *uitest.Snapshot()
	snap.Trace, snap.Journeys = snapshot.Trace{}, nil
	var made []flow.Record
	for n := 0; ; n++ {
		if now := time.Now(); n%32 == 0 {
			snap.Version++
			snap.Time, snap.Flows.Table = now, t
			s := snap
			l.msgs <- SnapshotMsg{&s}
			t.Expire(now)
		}
		b := flow.Batch{Time: time.Now()}
		for range each {
			var x flow.Record
			if k := len(made); k > 20_000 || k > 0 && r.IntN(2) == 0 {
				x, made = made[0], made[1:]
				x.Type = flow.EventDestroy
			} else {
				x = flowtest.Connection(r, million+n*each+k, false, b.Time)
				x.Type = flow.EventNew
				made = append(made, x)
			}
			*b.Add() = x
		}
		t.ApplyBatch(&b)
		select {
		case <-stop:
			return
		case <-tick.C:
		}
	}
}

// do gives the screen a message and draws the frame behind it.
func (l *loop) do(msg tea.Msg) time.Duration {
	began := time.Now()
	_, cmd := l.m.Update(msg)
	l.m.View()
	took := time.Since(began)
	l.run(cmd)
	return took
}

// done is the end of a command.
type done struct{ msg tea.Msg }

func (l *loop) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	l.running++
	go func() { l.msgs <- done{cmd()} }()
}

// take handles what a goroutine sent.
func (l *loop) take(msg tea.Msg) {
	if d, ok := msg.(done); ok {
		l.running--
		if msg = d.msg; msg == nil {
			return
		}
	}
	if batch, ok := msg.(tea.BatchMsg); ok {
		for _, c := range batch {
			l.run(c)
		}
		return
	}
	l.other = max(l.other, l.do(msg))
}

// press presses a key when what has come is handled.
func (l *loop) press(k string) time.Duration {
	for {
		select {
		case msg := <-l.msgs:
			l.take(msg)
			continue
		default:
		}
		return l.do(keyPress(k))
	}
}

// waits is what the page says while the list on it is not the one that was asked for.
var waits = regexp.MustCompile(`ed by [^%]* \d+ %|putting the connections in order|counting`)

// settle waits until the page has the list that was asked for, and tells for how long.
func (l *loop) settle() time.Duration {
	began := time.Now()
	for {
		select {
		case msg := <-l.msgs:
			l.take(msg)
		case <-time.After(time.Minute):
			l.b.Fatalf("the list is not made:\n%s", l.m.View().Content)
		}
		if !waits.MatchString(ansi.Strip(l.m.View().Content)) {
			return time.Since(began)
		}
	}
}

func (l *loop) longest() time.Duration {
	d := l.other
	l.other = 0
	return d
}
