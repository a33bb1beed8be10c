package ui

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"nfscope/model/snapshot"
	"nfscope/ui/component/line"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/page/connections"
	"nfscope/ui/page/path"
	"nfscope/ui/page/rules"
	"nfscope/ui/page/trace"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

var update = flag.Bool("update", false, "write the golden files and docs/keys.md anew")

// fake answers actions.
type fake struct {
	armed []string
	both  []string // those of armed that were for both directions
	err   error
	ended int
}

func (f *fake) Arm(s string, both bool) error {
	if both {
		f.both = append(f.both, s)
	}
	f.armed = append(f.armed, s)
	return f.err
}
func (f *fake) Disarm() error { f.ended++; return f.err }

// screen is a root under test, with a clock of its own.
type screen struct {
	*Model
	t       *testing.T
	at      time.Time
	actions *fake
}

func newScreen(t *testing.T, o theme.Options, w, h int) *screen {
	s := &screen{t: t, at: uitest.Now(), actions: &fake{}}
	s.Model = New(Options{Pages: []page.Page{path.New(), rules.New(), connections.New(), trace.New()},
		Start: "Rules", Theme: o, Actions: s.actions, Now: func() time.Time { return s.at }})
	s.after = func(time.Duration, tea.Msg) tea.Cmd { return func() tea.Msg { return nil } }
	s.send(tea.WindowSizeMsg{Width: w, Height: h})
	return s
}

// send delivers a message and then what its command answers, clocks aside.
func (s *screen) send(msg tea.Msg) {
	_, cmd := s.Update(msg)
	s.run(cmd)
}

// run runs a command as Bubble Tea would.
func (s *screen) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			s.run(c)
		}
	default:
		s.send(msg)
	}
}

// settle lets every packet come to its end.
func (s *screen) settle() {
	for s.player.Moving() {
		s.at = s.at.Add(tick)
		s.player.Advance(tick)
	}
}

func (s *screen) press(ks ...string) {
	s.t.Helper()
	for _, k := range ks {
		s.send(keyPress(k))
	}
}

func keyPress(k string) tea.KeyPressMsg {
	special := map[string]tea.KeyPressMsg{"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab},
		"space": {Code: tea.KeySpace, Text: " "}, "down": {Code: tea.KeyDown}, "ctrl+c": {Code: 'c', Mod: tea.ModCtrl},
		"shift+tab": {Code: tea.KeyTab, Mod: tea.ModShift}, "backspace": {Code: tea.KeyBackspace}, "ctrl+u": {Code: 'u', Mod: tea.ModCtrl},
		"ctrl+b": {Code: 'b', Mod: tea.ModCtrl}}
	if p, ok := special[k]; ok {
		return p
	}
	return tea.KeyPressMsg{Code: []rune(k)[0], Text: k}
}

func (s *screen) typed(text string) {
	for _, r := range text {
		s.send(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

func (s *screen) text() string { return ansi.Strip(strings.Join(s.Lines(), "\n")) }

func (s *screen) wants(what ...string) {
	s.t.Helper()
	got := s.text()
	for _, w := range what {
		if !strings.Contains(got, w) {
			s.t.Errorf("the screen does not show %q:\n%s", w, got)
		}
	}
}

func TestGolden(t *testing.T) {
	for look, o := range uitest.Themes() {
		for _, size := range uitest.Sizes() {
			name := fmt.Sprintf("root-%s-%dx%d", look, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				s := newScreen(t, o, size[0], size[1])
				s.send(SnapshotMsg{uitest.Snapshot()})
				s.settle()
				s.at = uitest.Now()
				s.press("enter", "j")
				uitest.Golden(t, name, strings.Join(s.Lines(), "\n"))
			})
		}
	}
	for name, do := range map[string]func(*screen){
		"help":    func(s *screen) { s.press("?"); s.typed("trace") },
		"palette": func(s *screen) { s.press(":"); s.typed("trc") },
		"filter":  func(s *screen) { s.press("a"); s.typed("tcp and prot 80") },
	} {
		for lang, name := range map[string]string{"en": name, "zh": name + "-zh"} {
			t.Run(name, func(t *testing.T) {
				s := newScreen(t, theme.Options{}, 80, 24)
				s.opt.Lang = lang
				snap := uitest.Snapshot()
				snap.Trace = snapshot.Trace{}
				s.send(SnapshotMsg{snap})
				s.settle()
				s.at = uitest.Now()
				do(s)
				uitest.Golden(t, name, strings.Join(s.Lines(), "\n"))
			})
		}
	}
}

// TestChineseSentence: what became of the packet is told in the language of the lab, and of
// the user where there is none.
func TestChineseSentence(t *testing.T) {
	t.Parallel()
	const want = "被丢弃，由 filter/FORWARD (iptables-legacy) 的策略"
	for lang, snap := range map[string]*snapshot.Snapshot{"": uitest.Lab("zh", 3), "zh": uitest.Lab("", 3), "en": uitest.Lab("en", 3)} {
		s := newScreen(t, theme.Options{}, 160, 40)
		s.opt.Lang = lang
		s.send(SnapshotMsg{snap})
		s.settle()
		s.player.Focus(15)
		if got := strings.Contains(strings.Join(s.Lines(), "\n"), want); got != (lang != "en") {
			t.Errorf("%q: %v:\n%s", lang, got, strings.Join(s.Lines(), "\n"))
		}
	}
}

// TestProblemsInLanguage: what does not work is said in the user's language, or the lab's, when it
// comes and in the list.
func TestProblemsInLanguage(t *testing.T) {
	t.Parallel()
	const want, noted = "接收缓冲区是 416 kB 而不是 8192 kB", "看不到链与链之间的报文：operation not permitted"
	for lang, snap := range map[string]*snapshot.Snapshot{"": uitest.Lab("zh", 3), "zh": uitest.Lab("", 3), "en": uitest.Lab("en", 3)} {
		s := newScreen(t, theme.Options{}, 160, 40)
		s.opt.Lang = lang
		snap.Problems = []string{"conntrack events: the receive buffer is 416 kB and not 8192 kB, so bursts may be lost"}
		snap.Trace.Notes = []string{"packets are not seen between the chains: operation not permitted"}
		s.send(SnapshotMsg{snap})
		if got := strings.Contains(strings.Join(s.Lines(), "\n"), want); got != (lang != "en") {
			t.Errorf("%q, as it comes: %v:\n%s", lang, got, strings.Join(s.Lines(), "\n"))
		}
		s.settle()
		s.press("!")
		all := strings.Join(s.Lines(), "\n")
		if strings.Contains(all, want) != (lang != "en") || strings.Contains(all, noted) != (lang != "en") {
			t.Errorf("%q:\n%s", lang, all)
		}
	}
}

// TestProblemKeepsRules: of a problem that comes, what is said is Chinese once: the rules that it
// names stay as they are.
func TestProblemKeepsRules(t *testing.T) {
	t.Parallel()
	const rule = `-A OUTPUT --comment "a: nothing more is recorded: b"`
	s := newScreen(t, theme.Options{}, 200, 24)
	s.opt.Lang = "zh"
	snap := uitest.Snapshot()
	snap.Problems = []string{"rules that are not nfscope's trace too, and are left as they are (what they trace is shown where the filter asks for it): rule 1 of raw/OUTPUT (iptables-legacy): " + rule + " -j TRACE"}
	s.send(SnapshotMsg{snap})
	got := strings.Join(s.Lines(), "\n")
	uitest.Golden(t, "problem-zh-200x24", got)
	if !strings.Contains(got, rule) {
		t.Error("the rule is not there as it is")
	}
}

// TestNoticesInLanguage: what an action came to, and what an empty screen waits for, is said in the
// user's language.
func TestNoticesInLanguage(t *testing.T) {
	t.Parallel()
	s := newScreen(t, theme.Options{}, 120, 24)
	s.opt.Lang = "zh"
	last := func() string { l := s.Lines(); return strings.TrimSpace(ansi.Strip(l[len(l)-1])) }
	for _, c := range []struct{ key, want string }{
		{"x", "没有正在进行的跟踪"},
		{"L", "没有正在进行的实验：课文属于实验（nfscope demo）"},
		{"!", "没有发现不能工作的"},
		{"m", "鼠标已打开；按住 shift 选择文本"},
		{">", "这是录像：只有录像可以前后移动（nfscope replay）"},
	} {
		if s.press(c.key); last() != c.want {
			t.Errorf("%s: %q, want %q", c.key, last(), c.want)
		}
	}
	for page, want := range map[string]string{"1": "没有在跟踪：按 a，输入过滤器，例如 tcp and dst port 80", "4": "内核就会告知每个报文命中了哪些规则"} {
		s.press(page)
		all := strings.Join(s.Lines(), "\n")
		for _, w := range []string{want, "还没有跟踪到报文：按 a 开始跟踪"} {
			if !strings.Contains(all, w) {
				t.Errorf("page %s: %q is not there:\n%s", page, w, all)
			}
		}
	}
}

func TestEverySizeIsExact(t *testing.T) {
	for i, open := range []string{"", "?", ":", "a", "/", "!", "L", "1", "3", "4"} {
		s := newScreen(t, theme.Options{Color: true, Dark: true}, 80, 24)
		snap := uitest.Snapshot()
		snap.Problems = []string{"the program nft is missing: apt install nftables", "公网入口 is not reachable"}
		snap.Lab = &snapshot.Lab{Name: "gateway", Title: "网关 the gateway", Lesson: "# Head\n\ntext `code`\n\n- item\n",
			Steps: []snapshot.LabStep{{Title: "one", Says: "it teaches", Result: "timeout"}, {Title: "two", Asks: "会怎样? what will happen"}}, Current: 1}
		s.send(SnapshotMsg{snap})
		if open != "" {
			s.press(open)
		}
		for w := i%3 + 1; w <= 220; w += 13 {
			for h := 1; h <= 70; h += 5 {
				s.width, s.height = w, h
				lines := s.Lines()
				if len(lines) != h {
					t.Fatalf("%q at %dx%d: %d lines", open, w, h, len(lines))
				}
				for i, l := range lines {
					if line.Width(l) != w {
						t.Fatalf("%q at %dx%d: line %d is %d wide: %q", open, w, h, i, line.Width(l), ansi.Strip(l))
					}
				}
			}
		}
	}
}

func TestTooSmallSaysSo(t *testing.T) {
	s := newScreen(t, theme.Options{}, 20, 5)
	if got := strings.Join(strings.Fields(s.text()), " "); got != "nfscope needs 40x12 cells; this is 20x5" {
		t.Errorf("20x5: %q", got)
	}
	s.send(tea.WindowSizeMsg{Width: 40, Height: 12})
	s.send(SnapshotMsg{uitest.Snapshot()})
	s.wants("router", "dropped by rule 2 of filter")
}

func TestHeaderTellsTraceLossAndTime(t *testing.T) {
	s := newScreen(t, theme.Options{}, 120, 30)
	snap := uitest.Snapshot()
	snap.Loss.Trace = 12
	s.send(SnapshotMsg{snap})
	s.wants("router", "legacy", "nftables", "trace: tcp dst port 80", "27 s", "100/s", "lost 12", "1.2k ev/s")
	s.at = s.at.Add(5 * time.Second)
	s.wants("22 s")
	s.send(tea.WindowSizeMsg{Width: 60, Height: 30})
	s.wants("lost 12", "22 s")
}

func TestPauseFreezesPagesAndCounts(t *testing.T) {
	s := newScreen(t, theme.Options{}, 120, 30)
	first := uitest.Snapshot()
	first.Journeys = first.Journeys[:3]
	s.send(SnapshotMsg{first})
	s.settle()
	s.press("space")
	second := uitest.Snapshot()
	second.Loss.Trace = 7
	s.send(SnapshotMsg{second})
	if s.snap != first {
		t.Error("a paused page was given the new snapshot")
	}
	s.wants("PAUSED, 3 wait", "lost 7")
	s.press("space")
	if s.snap != second {
		t.Error("after the pause the newest snapshot is not shown")
	}
}

func TestNothingTicksWhenNothingMoves(t *testing.T) {
	s := newScreen(t, theme.Options{}, 120, 30)
	snap := uitest.Snapshot()
	snap.Trace = snapshot.Trace{}
	_, cmd := s.Update(SnapshotMsg{snap})
	if cmd == nil || !s.ticking {
		t.Fatal("packets are on their way and no frame is asked for")
	}
	s.settle()
	s.Update(frameMsg{})
	if s.ticking {
		t.Error("frames go on after everything stopped")
	}
	if _, cmd := s.Update(SnapshotMsg{snap}); cmd != nil && s.ticking || s.seconds {
		t.Error("a snapshot without news starts a clock")
	}
}

func TestTextInputSwallowsAllKeys(t *testing.T) {
	s := newScreen(t, theme.Options{}, 100, 30)
	s.send(SnapshotMsg{uitest.Snapshot()})
	s.press("/")
	s.typed("q1?:smb")
	if s.bar == nil || s.bar.Value() != "q1?:smb" || s.name() != "Rules" {
		t.Fatalf("keys leaked out of the filter bar: %+v", s.bar)
	}
	s.press("ctrl+u")
	s.typed("smb")
	s.press("enter")
	s.wants("only: smb", "all that is found", "LOGDROP")
	s.press("esc")
	if s.filters["Rules"] != "" {
		t.Error("esc does not clear the filter")
	}
}

func TestFilterIsCheckedAsTyped(t *testing.T) {
	s := newScreen(t, theme.Options{}, 120, 30)
	s.press("4", "/")
	s.typed("tcp and prot 80")
	s.wants("column 9", "expected")
	s.press("enter")
	if s.bar == nil || s.filters["Trace"] != "" {
		t.Error("a wrong filter was accepted")
	}
	s.press("ctrl+u")
	s.typed("tcp and port 80")
	s.press("enter")
	if s.filters["Trace"] != "tcp and port 80" {
		t.Errorf("the filter is %q", s.filters["Trace"])
	}
}

// TestBothDirections: ctrl+b in the bar is for both directions and back, the bar says
// which, and what is traced by t always goes both ways.
func TestBothDirections(t *testing.T) {
	s := newScreen(t, theme.Options{}, 140, 30)
	s.press("a")
	s.typed("udp")
	s.wants("ctrl+b: both directions")
	s.press("ctrl+b")
	s.wants("both directions", "ctrl+b: only what the filter says")
	s.press("enter")
	s.wants("tracing udp, both directions")
	s.press("a")
	s.typed("tcp")
	s.press("ctrl+b")
	s.press("ctrl+b")
	s.press("enter")
	s.wants("tracing tcp: ")
	s.send(page.TraceRequest{Filter: "icmp"})
	s.send(page.ArmRequest{Filter: "port 1"})
	s.press("enter")
	s.send(page.ArmRequest{Filter: "port 2", Both: true})
	s.press("enter")
	snap := *uitest.Snapshot()
	snap.Trace.Armed, snap.Trace.Filter, snap.Trace.Both = true, "port 3", true
	s.send(SnapshotMsg{&snap})
	s.wants("port 3, both directions")
	s.press("a") // as it runs
	s.press("enter")
	if got := strings.Join(s.actions.both, ";"); got != "udp;icmp;port 2;port 3" {
		t.Errorf("both directions of %s, armed %s", got, strings.Join(s.actions.armed, ";"))
	}
}

func TestArmAndDisarm(t *testing.T) {
	s := newScreen(t, theme.Options{}, 120, 30)
	s.press("a")
	s.wants("30 s at 100 packets/s")
	s.press("enter") // empty: refused
	s.typed("tcp dst port 80")
	s.press("enter")
	if len(s.actions.armed) != 1 || s.actions.armed[0] != "tcp dst port 80" {
		t.Fatalf("armed %q", s.actions.armed)
	}
	s.wants("tracing tcp dst port 80")
	s.actions.err = errors.New("nf_tables: operation not permitted")
	s.send(page.TraceRequest{Filter: "udp"})
	s.wants("could not be armed: nf_tables: operation not permitted")
	s.send(page.TraceRequest{Filter: "tcp and prot 80"})
	s.wants("can't be traced")
	if len(s.actions.armed) != 2 {
		t.Error("a filter that cannot be read was armed")
	}
	s.actions.err = nil
	s.send(page.TraceRequest{Filter: "table filter and chain FORWARD and rule 2"}) // chosen afterwards, by the store
	s.wants("tracing table filter and chain FORWARD and rule 2")
	s.send(SnapshotMsg{uitest.Snapshot()})
	s.press("x")
	if s.actions.ended != 1 {
		t.Error("x does not end the trace")
	}
}

// TestWhichPartRunsWhere: while a trace's filter is typed, the bar says what the kernel
// matches and what is asked of the result.
func TestWhichPartRunsWhere(t *testing.T) {
	s := newScreen(t, theme.Options{}, 160, 30)
	s.press("a")
	s.typed("tcp and dst port 80")
	s.wants("the kernel matches all of it", theme.New(theme.Options{}).Glyphs.Passed)
	s.typed(" and dropped")
	s.wants("the kernel matches tcp and dst port 80; asked afterwards: dropped")
	s.press("ctrl+b")
	s.wants("the kernel matches tcp and dst port 80, both directions; asked afterwards: dropped")
	s.press("ctrl+b")
	s.press("ctrl+u")
	s.typed("tcp or dropped")
	s.wants("the kernel traces every packet; asked afterwards: tcp or dropped")
	s.press("ctrl+u")
	s.typed("chain FORWARD")
	s.wants("the kernel traces every packet; asked afterwards: chain FORWARD")
	s.press("enter")
	if len(s.actions.armed) != 1 {
		t.Error("a filter of which the kernel matches nothing was not armed")
	}
}

// TestHowAFilterIsRead: a bar says how "and" and "or" are read where tcpdump reads them
// otherwise, first of all: the rest may be cut off; and nothing where both read the same.
func TestHowAFilterIsRead(t *testing.T) {
	for lang, says := range map[string]string{
		"en": `read as tcp or (udp and port 53): "and" binds tighter than "or"`,
		"zh": "读作 tcp or (udp and port 53)：这里 and 比 or 结合得更紧，与 tcpdump 不同",
	} {
		for _, open := range [][]string{{"a"}, {"1", "/"}, {"2", "/"}, {"3", "/"}, {"4", "/"}} {
			s := newScreen(t, theme.Options{}, 80, 30)
			s.opt.Lang = lang
			s.send(SnapshotMsg{uitest.Snapshot()})
			s.press(open...)
			s.press("ctrl+u")
			s.typed("udp and port 53 or tcp")
			if strings.Contains(s.text(), "tcpdump") || strings.Contains(s.text(), "read as") {
				t.Errorf("%s: noted, and both read the same:\n%s", open, s.text())
			}
			s.press("ctrl+u")
			s.typed("tcp or udp and port 53 ")
			s.wants(says)
		}
	}
}

// TestTabCompletes: tab goes through the words that may stand at the cursor, and the
// names that are here.
func TestTabCompletes(t *testing.T) {
	s := newScreen(t, theme.Options{}, 120, 30)
	s.send(SnapshotMsg{uitest.Snapshot()})
	s.press("4", "/")
	s.typed("tcp and ds")
	s.wants("tab: dst")
	s.press("tab")
	s.typed("po")
	s.press("tab")
	if got := s.bar.Value(); got != "tcp and dst port" && got != "tcp and dst portrange" {
		t.Errorf("the bar holds %q", got)
	}
	before := s.bar.Value()
	s.press("tab", "shift+tab")
	if got := s.bar.Value(); got != before {
		t.Errorf("forth and back gives %q, not %q", got, before)
	}
	s.press("ctrl+u")
	s.typed("chain FORW")
	s.press("tab")
	if got := s.bar.Value(); got != "chain FORWARD" {
		t.Errorf("the chain's name became %q", got)
	}
}

// TestRecordingOffersNoTrace: the foot names no key that a recording cannot answer.
func TestRecordingOffersNoTrace(t *testing.T) {
	s := newScreen(t, theme.Options{}, 200, 30)
	snap := *uitest.Snapshot()
	foot := func() string { l := s.Lines(); return l[len(l)-1] }
	for _, armed := range []bool{true, false} {
		snap.Trace.Armed = armed
		for _, c := range []struct {
			source string
			offers bool
		}{{"live", true}, {"recording: case.nfs", false}} {
			snap := snap
			snap.Source = c.source
			s.send(SnapshotMsg{&snap})
			if f := foot(); (strings.Contains(f, " disarm") || strings.Contains(f, "a arm")) != c.offers {
				t.Errorf("%s, armed %t: the foot says %q", c.source, armed, f)
			}
		}
	}
}

func TestStaleAnswersAreThrownAway(t *testing.T) {
	s := newScreen(t, theme.Options{}, 120, 30)
	first, second := s.arm("tcp", false), s.arm("udp", false)
	_ = second
	msg := first()
	s.send(msg)
	if s.busy == "" || strings.Contains(s.text(), "tracing tcp") {
		t.Error("the answer to an older request was taken")
	}
	s.send(second())
	s.wants("tracing udp")
}

func TestNothingToTraceInARecording(t *testing.T) {
	s := newScreen(t, theme.Options{}, 100, 20)
	s.opt.Actions = nil
	s.send(SnapshotMsg{&snapshot.Snapshot{Source: "recording a.nfs", Ended: true}})
	s.press("a")
	s.wants("nothing can be traced here: this is the recording a.nfs")
}

func TestNothingToTraceInAFile(t *testing.T) {
	for _, page := range []string{"1", "4"} {
		s := newScreen(t, theme.Options{}, 100, 20)
		s.send(SnapshotMsg{&snapshot.Snapshot{Source: "file rules.v4"}})
		s.press(page)
		if text := s.text(); strings.Contains(text, "arm") || strings.Contains(text, "press a") {
			t.Errorf("page %s of a file of rules offers to trace:\n%s", page, text)
		}
		s.press("a")
		s.wants("nothing can be traced here: this is the file rules.v4")
	}
	s := newScreen(t, theme.Options{}, 100, 20)
	s.send(SnapshotMsg{&snapshot.Snapshot{Source: "lab gateway", Replay: &snapshot.Replay{}}})
	s.press("a")
	s.wants("nothing can be traced here: this is a recording")
}

func TestPagesAndRequests(t *testing.T) {
	s := newScreen(t, theme.Options{}, 120, 30)
	snap := uitest.Snapshot()
	s.send(SnapshotMsg{snap})
	for k, want := range map[string]string{"1": "Path", "2": "Rules", "3": "Connections", "4": "Trace"} {
		if s.press(k); s.name() != want {
			t.Errorf("key %s leads to %s", k, s.name())
		}
	}
	s.press("4", "tab")
	if s.name() != "Path" {
		t.Errorf("tab leads to %s", s.name())
	}
	s.press("shift+tab")
	if s.name() != "Trace" {
		t.Errorf("shift+tab leads to %s", s.name())
	}
	id := snap.Rules.Table(1, 2, "nat").Chain("POSTROUTING").Rules[1].ID
	s.send(page.GotoRule{RuleID: id})
	s.wants("nat/POSTROUTING", "--to-source 203.0.113.1")
	s.send(page.GotoJourney{Number: 15})
	if j, _ := s.player.Focused(); s.name() != "Trace" || j == nil || j.Number != 15 {
		t.Error("a journey is not shown on the Trace page")
	}
	s.wants("#15", "dropped by the policy of filter/FORWARD")
}

func TestEveryPageAnswers(t *testing.T) {
	s := newScreen(t, theme.Options{}, 120, 40)
	s.send(SnapshotMsg{uitest.Snapshot()})
	s.settle()
	for _, k := range []string{"1", "2", "3", "4"} {
		s.press(k)
		s.wants("dropped by rule 2 of filter/INPUT (iptables-legacy)")
	}
}

func TestMouse(t *testing.T) {
	s := newScreen(t, theme.Options{}, 120, 30)
	s.send(SnapshotMsg{uitest.Snapshot()})
	if s.View().MouseMode != tea.MouseModeNone {
		t.Error("the mouse is on from the start")
	}
	s.press("m")
	if s.View().MouseMode == tea.MouseModeNone {
		t.Error("m does not turn the mouse on")
	}
	s.send(tea.MouseClickMsg{X: 25, Y: 1, Button: tea.MouseLeft})
	if s.name() != "Connections" {
		t.Errorf("a click on the tab leads to %s", s.name())
	}
	s.Lines()
	s.send(tea.MouseClickMsg{X: 4, Y: 9, Button: tea.MouseLeft})
	s.wants("udp REPLIED, redirect")
}

func TestProblemsAndLesson(t *testing.T) {
	s := newScreen(t, theme.Options{}, 100, 30)
	snap := uitest.Snapshot()
	snap.Problems = []string{"the program nft is missing: apt install nftables"}
	snap.Lab = &snapshot.Lab{Title: "close the door", Lesson: "# Close the door\n\nOpen **22** with `-I`.",
		Steps: []snapshot.LabStep{{Title: "ssh", Result: "connected", Asks: "asked before", Says: "rule 1 lets it in"}, {Title: "web", Asks: "网页能打开吗? Will it open?"},
			{Title: "last", Asks: "not asked yet"}}, Current: 1}
	s.send(SnapshotMsg{snap})
	s.wants("the program nft is missing", "2/3 web")
	s.press("!")
	s.wants("what does not work here", "apt install nftables")
	s.press("esc", "L")
	s.wants("Open 22 with -I.", "ssh: connected", "rule 1 lets it in", "网页能打开吗? Will it open?")
	if all := strings.Join(s.Lines(), "\n"); strings.Contains(all, "asked before") || strings.Contains(all, "not asked yet") {
		t.Error("questions of other steps are asked")
	}
	s.press("L")
	if s.open != nil {
		t.Error("L does not close the lesson")
	}
}

func TestCleanText(t *testing.T) {
	s := newScreen(t, theme.Options{}, 120, 30)
	snap := uitest.Snapshot()
	snap.Netns = "a\x1b[2Jb"
	snap.Journeys[5].Outcome.Sentence = "evil\x1b]0;title\a"
	snap.Rules.Tables[0].Chains[0].Name = "X\x1b[31m"
	s.send(SnapshotMsg{snap})
	for _, l := range s.Lines() {
		if strings.Contains(l, "\x1b[2J") || strings.Contains(l, "\x1b]0") || strings.Contains(l, "\a") || strings.Contains(l, "\x1b[31m") {
			t.Fatalf("foreign escape codes reach the terminal: %q", l)
		}
	}
}

// keyList is docs/keys.md as the keymap has it.
func keyList() string {
	var b strings.Builder
	b.WriteString("# Keys\n\nMade from `ui/keys` by `go test ./ui -update`; do not edit. `?` shows the same list on the screen.\n")
	scope := ""
	for _, k := range keys.All() {
		if k.Scope != scope {
			scope = k.Scope
			title := "Everywhere"
			if scope != keys.Everywhere {
				title = "On the page " + scope
			}
			fmt.Fprintf(&b, "\n## %s\n\n| key | what it does | name in the palette |\n| --- | --- | --- |\n", title)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.Join(k.Keys, "` `"), strings.ReplaceAll(k.Help, "|", `\|`), k.Action)
	}
	return b.String()
}

func TestKeyListIsFresh(t *testing.T) {
	const file = "../docs/keys.md"
	if *update {
		if err := os.WriteFile(file, []byte(keyList()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != keyList() {
		t.Errorf("%s is stale: go test ./ui -update writes it anew", file)
	}
}

func BenchmarkFrame(b *testing.B) {
	for _, start := range []string{"Path", "Rules", "Connections", "Trace"} {
		b.Run(start, func(b *testing.B) {
			m := New(Options{Pages: []page.Page{path.New(), rules.New(), connections.New(), trace.New()}, Start: start,
				Theme: theme.Options{Color: true, Dark: true}, Actions: &fake{}})
			m.Update(tea.WindowSizeMsg{Width: 200, Height: 60})
			m.Update(SnapshotMsg{uitest.Snapshot()})
			b.ReportAllocs()
			for b.Loop() {
				m.Update(frameMsg{})
				m.View()
			}
		})
	}
}
