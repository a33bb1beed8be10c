package ui

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"nfscope/model/ruleset/rulesettest"
	"nfscope/model/snapshot"
	"nfscope/ui/page"
	"nfscope/ui/page/rules"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// later is the same session a second after: new counters, the same numbers.
func later(s *snapshot.Snapshot) *snapshot.Snapshot {
	next := *s
	next.Version++
	c := *s.Counts
	c.Taken = c.Taken.Add(time.Second)
	next.Counts, next.Previous = &c, s.Counts
	next.Time = s.Time.Add(time.Second)
	return &next
}

func TestASnapshotWithoutNewsChangesNoFrame(t *testing.T) {
	s := newScreen(t, theme.Options{Color: true, Dark: true}, 200, 60)
	snap := uitest.KubeSnapshot(3000)
	s.send(SnapshotMsg{snap})
	s.press("g", "enter", "j")
	for _, k := range []string{"", "o", "*", "b"} { // in every mode
		if k != "" {
			s.press(k)
		}
		s.said.text = ""
		snap = later(snap)
		s.at = s.at.Add(time.Second)
		s.send(SnapshotMsg{snap}) // rates are known from the second on
		before := strings.Join(s.Lines(), "\n")
		snap = later(snap)
		s.at = s.at.Add(time.Second)
		s.send(SnapshotMsg{snap})
		if after := strings.Join(s.Lines(), "\n"); after != before {
			t.Errorf("mode %q: the frame changed:\n%s", k, s.text())
		}
		if s.ticking || s.seconds {
			t.Errorf("mode %q: a clock runs", k)
		}
	}
}

// screenful is a terminal that notes what is written to it.
type screenful struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *screenful) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *screenful) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// seen tells the test when a message was taken in.
type seen struct {
	*Model
	took chan tea.Msg
}

func (s seen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	_, cmd := s.Model.Update(msg)
	if _, ok := msg.(SnapshotMsg); ok {
		s.took <- msg
	}
	return s, cmd
}

// The real program, the real renderer: while nothing changes nothing is written.
func TestNothingIsWrittenAtRest(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m := New(Options{Pages: []page.Page{rules.New()}, Theme: theme.Options{Color: true, Dark: true}})
	out := &screenful{}
	model := seen{m, make(chan tea.Msg, 8)}
	p := tea.NewProgram(model, tea.WithContext(ctx), tea.WithInput(nil), tea.WithOutput(out), tea.WithoutSignals(),
		tea.WithWindowSize(120, 40), tea.WithColorProfile(colorprofile.TrueColor), tea.WithEnvironment([]string{"TERM=xterm-256color"}))
	done := make(chan error, 1)
	go func() { _, err := p.Run(); done <- err }()
	snap := uitest.KubeSnapshot(100)
	send := func() {
		snap = later(snap)
		p.Send(SnapshotMsg{snap})
		select {
		case <-model.took:
		case <-ctx.Done():
			t.Fatal("the program does not answer")
		}
	}
	settled := func() string { // the renderer draws by its own clock: until five looks agree
		last, same := "", 0
		for tick := time.NewTicker(100 * time.Millisecond); ; {
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatal("the screen never comes to rest")
			}
			now := out.text()
			if same++; now != last {
				same = 0
			}
			if last = now; same >= 4 && strings.Contains(now, "KUBE-SERVICES") {
				return now
			}
		}
	}
	send()
	send()
	before := settled()
	for range 5 {
		send()
	}
	if more := strings.TrimPrefix(settled(), before); more != "" {
		t.Errorf("%d bytes were written for nothing: %q", len(more), more[:min(len(more), 300)])
	}
	p.Quit()
	if err := <-done; err != nil && err != io.EOF {
		t.Error(err)
	}
}

func TestAFilterNarrowsAsItIsTyped(t *testing.T) {
	s := newScreen(t, theme.Options{}, 120, 30)
	s.send(SnapshotMsg{uitest.KubeSnapshot(1000)}) // large enough to be searched beside the screen
	s.press("/")
	s.typed("shop-99:")
	s.wants("9 rules found", "looked for as text")
	s.press("backspace")
	s.typed("8:")
	if got := s.text(); !strings.Contains(got, "8 rules found") && !strings.Contains(got, "9 rules found") {
		t.Errorf("what is typed is not looked for:\n%s", got)
	}
	s.press("esc")
	s.wants("all rules")
	if got := s.text(); strings.Contains(got, "rules found") || s.filters["Rules"] != "" {
		t.Errorf("esc does not give the filter up:\n%s", got)
	}
	s.press("/")
	s.typed("shop-99:")
	s.press("enter")
	s.wants("9 rules found", "only: shop-99:")
}

// benchScreen is the whole screen on a node with 100,000 rules.
func benchScreen() (*Model, *snapshot.Snapshot) {
	m := New(Options{Pages: []page.Page{rules.New()}, Theme: theme.Options{Color: true, Dark: true}})
	m.Update(tea.WindowSizeMsg{Width: 200, Height: 60})
	snap := uitest.KubeSnapshot(rulesettest.KubeServices)
	settle(m, SnapshotMsg{snap})
	return m, snap
}

// settle delivers a message and does the work that comes of it.
func settle(m *Model, msg tea.Msg) {
	_, cmd := m.Update(msg)
	for _, msg := range answers(cmd) {
		settle(m, msg)
	}
}

func answers(cmd tea.Cmd) []tea.Msg {
	if cmd == nil {
		return nil
	}
	switch msg := cmd().(type) {
	case tea.BatchMsg:
		var out []tea.Msg
		for _, c := range msg {
			out = append(out, answers(c)...)
		}
		return out
	case workedMsg:
		return []tea.Msg{msg}
	}
	return nil
}

// BenchmarkRest100k is one second of the Rules page at rest.
func BenchmarkRest100k(b *testing.B) {
	m, snap := benchScreen()
	b.ReportAllocs()
	for b.Loop() {
		snap = later(snap)
		m.Update(SnapshotMsg{snap})
		m.View()
	}
}

// BenchmarkTyping100k is a key in the filter bar until the next frame is drawn; the
// search that it starts runs beside the screen and is not part of it.
func BenchmarkTyping100k(b *testing.B) {
	m, _ := benchScreen()
	m.Update(keyPress("/"))
	text := []rune("shop-7")
	i := 0
	for b.Loop() {
		k := keyPress(string(text[i%len(text)]))
		if i++; i%len(text) == 0 {
			k = keyPress("ctrl+u")
		}
		_, cmd := m.Update(k)
		m.View()
		b.StopTimer()
		for _, msg := range answers(cmd) {
			settle(m, msg)
		}
		b.StartTimer()
	}
}
