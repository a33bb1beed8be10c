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
	"nfscope/model/logline"
	"nfscope/model/ruleset"
	"nfscope/model/snapshot"
	"nfscope/ui/component/player"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// fakeLogs gives lines that a test wrote.
type fakeLogs struct {
	groups []uint16
	kernel bool
	err    error
	lines  chan Lines
	closed int
}

func (l *fakeLogs) Open(groups []uint16, kernel bool) (Log, error) {
	l.groups, l.kernel = groups, kernel
	if l.err != nil {
		return nil, l.err
	}
	return l, nil
}

func (l *fakeLogs) Next() (Lines, error) {
	out, ok := <-l.lines
	if !ok {
		return out, errors.New("it was closed")
	}
	return out, nil
}

func (l *fakeLogs) Close() error { l.closed++; return nil }

const logRules = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j NFLOG --nflog-prefix "ssh in" --nflog-group 5
-A INPUT -j LOG --log-prefix "in: "
-A FORWARD -j NFLOG --nflog-prefix "fwd" --nflog-group 7
-A FORWARD -p tcp -j NFLOG --nflog-prefix "fwd" --nflog-group 7
COMMIT
`

// logFrame is a frame with rules that log, and lines of theirs.
func logFrame(w, h int, o theme.Options) (*page.Frame, []logline.Line) {
	rs, _, _ := ruleset.ParseFile("test", []byte(logRules))
	rs.Number()
	f := &page.Frame{Snap: &snapshot.Snapshot{Rules: rs}, Player: player.New(), Theme: theme.New(o), Width: w, Height: h, Now: uitest.Now()}
	kernel, _ := logline.Parse("in: IN=eth0 OUT= SRC=198.51.100.7 DST=203.0.113.10 LEN=84 TOS=0x00 PREC=0x00 TTL=64 ID=1 PROTO=ICMP TYPE=8 CODE=0 ID=1 SEQ=1 ")
	tcp, _ := logline.Parse("ssh in IN=eth0 OUT= SRC=198.51.100.7 DST=203.0.113.10 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=1 PROTO=TCP SPT=40312 DPT=22 WINDOW=1 RES=0x00 SYN URGP=0 UID=0 GID=0")
	tcp.Source, tcp.Group, tcp.Prefix, tcp.Hook, tcp.Text = logline.NFLOG, 5, "ssh in", model.HookInput, ""
	fwd := tcp
	fwd.Group, fwd.Prefix, fwd.Hook, fwd.Out, fwd.UID, fwd.GID = 7, "fwd", model.HookForward, "br0", nil, nil
	lines := []logline.Line{kernel, tcp, fwd}
	for i := range lines {
		lines[i].Time = uitest.Now().Add(time.Duration(i) * 12 * time.Millisecond)
	}
	return f, lines
}

// reads has the page read what the rules log to, and takes the lines.
func reads(t *testing.T, pg *Page, f *page.Frame, l *fakeLogs, lines []logline.Line) {
	t.Helper()
	r, ok := pg.Do(keys.Logs, f)().(page.TypeRequest)
	if !ok || r.Text != "5 7 kernel" {
		t.Fatalf("%+v", r)
	}
	if cmd := pg.Take(r.Text, f); cmd != nil {
		t.Fatalf("%v", cmd())
	}
	open := pg.Ask(f)
	if open == nil || pg.Ask(f) != nil {
		t.Fatal("it is not opened once")
	}
	pg.Answered(open(), f)
	l.lines <- Lines{List: lines, Reads: "NFLOG group 5, NFLOG group 7, the kernel's log", Missing: []string{"group 9 is read by ulogd (process 712)"}}
	pg.Answered(pg.Ask(f)(), f)
}

func TestLogsGolden(t *testing.T) {
	for name, o := range uitest.Themes() {
		for _, s := range uitest.Sizes() {
			f, lines := logFrame(s[0], s[1], o)
			l := &fakeLogs{lines: make(chan Lines, 9)}
			pg := NewLive(Options{Logs: l})
			reads(t, pg, f, l, lines)
			uitest.Golden(t, fmt.Sprintf("logs-%s-%dx%d", name, s[0], s[1]), pg.View(f))
		}
	}
	for _, s := range [][2]int{{80, 24}, {200, 60}} {
		f, lines := logFrame(s[0], s[1], theme.Options{})
		f.Lang = "zh"
		l := &fakeLogs{lines: make(chan Lines, 9)}
		pg := NewLive(Options{Logs: l})
		reads(t, pg, f, l, lines)
		uitest.Golden(t, fmt.Sprintf("logs-zh-%dx%d", s[0], s[1]), pg.View(f))
	}
}

func TestLogs(t *testing.T) {
	f, lines := logFrame(140, 30, theme.Options{})
	l := &fakeLogs{lines: make(chan Lines, 9)}
	pg := NewLive(Options{Logs: l})
	reads(t, pg, f, l, lines)
	if len(l.groups) != 2 || l.groups[1] != 7 || !l.kernel {
		t.Errorf("opened %+v", l)
	}
	pg.Do(keys.Up, f)
	v := ansi.Strip(pg.View(f))
	for _, want := range []string{"3 lines of NFLOG group 5", "probably rule 1 of filter/INPUT", "rule 1 of filter/FORWARD or rule", "ulogd (process 712)", `rule 1 of filter/INPUT: -A INPUT -p tcp`, "uid 0 gid 0"} {
		if !strings.Contains(v, want) {
			t.Errorf("no %q:\n%s", want, v)
		}
	}
	if r, _ := pg.Do(keys.Enter, f)().(page.GotoRule); r.RuleID != f.Snap.Rules.Tables[0].Chains[0].Rules[0].ID {
		t.Errorf("enter leads to rule %d", r.RuleID)
	}
	if r, _ := pg.Do(keys.TraceThis, f)().(page.TraceRequest); r.Filter != "tcp and src host 198.51.100.7 and dst host 203.0.113.10 and dst port 22" {
		t.Errorf("t asks for %q", r.Filter)
	}
	// Newer lines leave the selection where it is.
	more := make([]logline.Line, mostLines)
	for i := range more {
		more[i] = lines[2]
	}
	l.lines <- Lines{List: more[:100], Lost: 7, Reads: "NFLOG group 5"}
	pg.Answered(pg.Ask(f)(), f)
	if list, _ := pg.logLines(f); list[pg.lineAt(list)].Prefix != "ssh in" {
		t.Error("the selection moved")
	}
	if !strings.Contains(ansi.Strip(pg.View(f)), "lost 7") {
		t.Error("the loss is not told")
	}
	f.Filter = "icmp"
	if list, why := pg.logLines(f); len(list) != 1 || why != "" {
		t.Errorf("%d lines, %s", len(list), why)
	}
	if v := ansi.Strip(pg.View(f)); !strings.Contains(v, " 1 of 103 lines of NFLOG group 5") {
		t.Errorf("it is not said that a filter holds lines back:\n%s", v)
	}
	f.Filter = "dropped"
	if list, why := pg.logLines(f); len(list) != 103 || !strings.Contains(why, "does not apply") {
		t.Errorf("%d lines, %s", len(list), why)
	}
	f.Filter = ""
	// Only so many are kept.
	l.lines <- Lines{List: more}
	pg.Answered(pg.Ask(f)(), f)
	if list, _ := pg.logLines(f); len(list) != mostLines || list[0].number != 104 || pg.logs.forgotten != 103 {
		t.Errorf("%d lines from %d", len(list), list[0].number)
	}
	// The key leads to the packets and back; esc ends it.
	if h := pg.Hints(); !slices.Contains(h, keys.Logs) || slices.Contains(h, keys.Compare) {
		t.Errorf("beside the lines the keys are %q", h)
	}
	pg.Do(keys.Logs, f)
	if h := pg.Hints(); !slices.Contains(h, keys.Compare) {
		t.Errorf("beside the packets the keys are %q", h)
	}
	if pg.mode != single || pg.logs.log == nil {
		t.Error("the key does not lead back to the packets")
	}
	if pg.Do(keys.Logs, f); pg.mode != logging {
		t.Error("the key does not lead to the lines")
	}
	late := pg.Ask(f)
	close(l.lines)
	if s, _ := pg.Do(keys.Back, f)().(page.Say); l.closed != 1 || s.Bad {
		t.Errorf("closed %d times: %+v", l.closed, s)
	}
	pg.Answered(late(), f)
	if pg.mode != single || pg.Ask(f) != nil || pg.logs.told.Missing != nil {
		t.Error("an answer came through after the end")
	}
}

// TestManyRules: of the rules that may have written a line those without room are counted, and a
// text that is cut is marked.
func TestManyRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rules, w, long int // of a rule's comment
		told           int
		more           string
		cut            bool
	}{
		{1, 140, 0, 1, "", false},
		{4, 140, 0, 4, "", false},
		{5, 140, 0, 4, "and 1 rule more that may have written it", false},
		{9, 140, 0, 4, "and 5 rules more that may have written it", false},
		{4, 60, 100, 1, "and 3 rules more that may have written it", true},
		{3, 60, 900, 1, "and 2 rules more that may have written it", true},
		{1, 60, 900, 1, "", true},
		{2, 38, 0, 1, "  and 1 rule more that may have", true},
		{4, 38, 0, 0, "\n  4 rules that may have written it", false}, // none is named
		{2, 10, 0, 0, "\n  2 rules", true},
	} {
		f, lines := logFrame(c.w+2, 30, theme.Options{})
		save := "*filter\n:FORWARD ACCEPT [0:0]\n"
		for i := range c.rules {
			save += fmt.Sprintf("-A FORWARD -m comment --comment \"%d%s\" -j NFLOG --nflog-prefix \"fwd\" --nflog-group 7\n", i, strings.Repeat(" abcd", c.long/5))
		}
		rs, _, _ := ruleset.ParseFile("test", []byte(save+"COMMIT\n"))
		rs.Number()
		f.Snap.Rules = rs
		pg := NewLive(Options{})
		pg.prepare(f)
		pg.logs.know(f)
		got := pg.lineDetail([]shownLine{{1, &lines[2]}}, 0, c.w)
		all := strings.Join(got, "\n")
		told := strings.Count(all, "/FORWARD: -A FORWARD")
		if len(got) > mostDetail || told != c.told || strings.Contains(all, "more that") != strings.Contains(c.more, "more that") || !strings.Contains(all, c.more) || strings.Contains(all, pg.palette.Glyphs.Dots) != c.cut {
			t.Errorf("%+v: %d told in %d lines:\n%s", c, told, len(got), all)
		}
		for _, l := range got {
			if w := ansi.StringWidth(l); w > c.w && c.w > 10 {
				t.Errorf("%+v: %d cells: %s", c, w, l)
			}
		}
	}
}

func TestLogsThatCannotBeRead(t *testing.T) {
	f, _ := logFrame(100, 30, theme.Options{})
	if got := said(New(), keys.Logs, f); !strings.Contains(got, "no log can be read here") {
		t.Error(got)
	}
	l := &fakeLogs{err: errors.New("group 5 is read by ulogd (process 712)")}
	pg := NewLive(Options{Logs: l})
	pg.Do(keys.Logs, f)
	for _, bad := range []string{"x", "70000", " , "} {
		pg.asked = request{logs: true}
		if s, _ := pg.Take(bad, f)().(page.Say); !s.Bad {
			t.Errorf("%q is taken", bad)
		}
	}
	pg.asked = request{logs: true}
	pg.Take("5", f)
	pg.Answered(pg.Ask(f)(), f)
	if v := ansi.Strip(pg.View(f)); !strings.Contains(v, "ulogd (process 712)") {
		t.Errorf("%s", v)
	}
	f.Lang = "zh"
	pg.logs.told.Missing = []string{`LOG rules of namespace "a" write nothing: the kernel logs for the first network namespace only, as long as net.netfilter.nf_log_all_netns is 0; NFLOG works everywhere`}
	if v := ansi.Strip(pg.View(f)); !strings.Contains(v, "命名空间 a 的 LOG 规则什么也不写") {
		t.Errorf("%s", v)
	}
	// What was opened when nobody wanted it any more is closed.
	l.err = nil
	pg.asked = request{logs: true}
	pg.Take("6", f)
	open := pg.Ask(f)
	pg.Do(keys.Back, f)
	pg.Answered(open(), f)
	if run := pg.Ask(f); run == nil || run() != nil || l.closed != 1 {
		t.Errorf("closed %d times", l.closed)
	}
	if pg.Ask(f) != nil {
		t.Error("something is asked still")
	}
}
