package labs

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/model/snapshot"
	"nfscope/ui/component/player"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

var _ = flag.Bool("update", false, "write the golden files anew")

// pace is a class on its own: what is sent is written down.
type pace struct {
	held bool
	sent []int
}

func (p *pace) Held() bool    { return p.held }
func (p *pace) Hold()         { p.held = true }
func (p *pace) Send(step int) { p.sent = append(p.sent, step) }

func frame(s *snapshot.Snapshot, o theme.Options, w, h int) *page.Frame {
	return &page.Frame{Snap: s, Player: player.New(), Theme: theme.New(o), Width: w, Height: h, Now: uitest.Now()}
}

func text(p *Page, f *page.Frame) string { return ansi.Strip(p.View(f)) }

// wants looks for texts on the screen, with its lines joined.
func wants(t *testing.T, p *Page, f *page.Frame, texts ...string) {
	t.Helper()
	screen := text(p, f)
	flat := strings.Join(strings.Fields(screen), " ")
	for _, x := range texts {
		if !strings.Contains(flat, x) {
			t.Fatalf("%q is not on the screen:\n%s", x, screen)
		}
	}
}

// run moves the page until nothing moves any more.
func run(t *testing.T, p *Page, f *page.Frame) {
	t.Helper()
	for range 2000 {
		if !p.Moving(f) {
			return
		}
		p.Move(33*time.Millisecond, f)
	}
	t.Fatal("it never stands still")
}

func do(p *Page, f *page.Frame, actions ...keys.Action) {
	for _, a := range actions {
		p.Do(a, f)
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for look, o := range uitest.Themes() {
		for _, s := range uitest.Sizes() {
			for _, lang := range []string{"en", "zh"} {
				if lang == "zh" && look == "ascii" {
					continue
				}
				t.Run(fmt.Sprintf("%s-%s-%dx%d", look, lang, s[0], s[1]), func(t *testing.T) {
					p := New(Options{Pace: &pace{held: true}})
					snap := uitest.Lab(lang, 0)
					f := frame(snap, o, s[0], s[1]-5)
					golden := func(what string) {
						uitest.Golden(t, fmt.Sprintf("%s-%s-%s-%dx%d", what, look, lang, s[0], s[1]), p.View(f))
					}
					do(p, f, keys.GoOn)
					golden("ask")
					do(p, f, keys.Down, keys.GoOn, keys.Down)
					golden("choose")
					do(p, f, keys.GoOn)
					f.Snap = uitest.Lab(lang, 1)
					for range 40 {
						p.Move(33*time.Millisecond, f)
					}
					golden("move")
					run(t, p, f)
					golden("tell")
				})
			}
		}
	}
}

// A whole lesson, with right answers and wrong ones.
func TestLesson(t *testing.T) {
	t.Parallel()
	c := &pace{held: true}
	p := New(Options{Pace: c})
	f := frame(uitest.Lab("en", 0), theme.Options{}, 200, 55)
	wants(t, p, f, "What comes in is translated before it is routed.", "space begins", "client", "eth1 10.1.0.1")
	if strings.Contains(text(p, f), "secret") {
		t.Error("the lesson tells before it asks")
	}
	do(p, f, keys.GoOn)
	wants(t, p, f, "Step 1 of 3", "Who answers?", "What will happen to it?", "accepted: it gets through", "rejected: a rule sends an error back", "filter/FORWARD L policy DROP")
	if len(c.sent) != 0 || p.Moving(f) {
		t.Fatal("a packet was sent before the answer")
	}
	do(p, f, keys.GoOn) // accepted
	wants(t, p, f, "Which rule will let it through?", "nat/PREROUTING 1 ")
	do(p, f, keys.Back)
	wants(t, p, f, "What will happen to it?")
	do(p, f, keys.GoOn)
	for i := 0; !strings.Contains(text(p, f), "◆ nat/PREROUTING 1 "); i++ {
		if i > 30 {
			t.Fatal(text(p, f))
		}
		do(p, f, keys.Down)
	}
	do(p, f, keys.GoOn)
	if fmt.Sprint(c.sent) != "[0]" {
		t.Fatalf("sent %v", c.sent)
	}
	wants(t, p, f, "You said: accepted, by rule 1 of nat/PREROUTING", "sent ...")
	if p.Moving(f) {
		t.Error("a packet moves that was not seen")
	}

	// It was sent: it comes over the cable, through the hooks, over the next cables.
	f.Snap = uitest.Lab("en", 1)
	f.Snap.Lab.Steps[0].Result = "" // its answer is not there yet
	hosts := map[string]bool{}
	for range 400 {
		p.Move(33*time.Millisecond, f)
		for _, h := range []string{"client", "gateway", "switch", "web"} {
			if strings.Contains(text(p, f), "● "+h) {
				hosts[h] = true
			}
		}
	}
	if len(hosts) != 4 {
		t.Errorf("it was seen in %v", hosts)
	}
	if strings.Contains(text(p, f), "Right.") {
		t.Error("the answer is judged before the step is over")
	}
	f.Snap = uitest.Lab("en", 1)
	run(t, p, f)
	wants(t, p, f, "✓ Right. You said: accepted, by rule 1 of nat/PREROUTING", "the sender saw: connected", "DNAT sent it to the server behind.", "✓ web", "space: the next step")

	// The second: dropped by the policy, and the answer names a rule that was looked at.
	do(p, f, keys.GoOn)
	wants(t, p, f, "Step 2 of 3")
	do(p, f, keys.GoOn)
	for !strings.Contains(text(p, f), "◆ filter/FORWARD 1") && !strings.Contains(text(p, f), "◆ I cannot say which") {
		do(p, f, keys.Down)
	}
	do(p, f, keys.GoOn)
	f.Snap = uitest.Lab("en", 2)
	do(p, f, keys.GoOn) // a fast hand: to the end at once
	wants(t, p, f, "✕ Not so. You said: accepted", "It was dropped by the policy of filter/FORWARD.", "the sender saw: timed out", "✕ gateway")
	do(p, f, keys.GoOn, keys.Bottom, keys.GoOn) // just show me
	if fmt.Sprint(c.sent) != "[0 1 2]" {
		t.Fatalf("sent %v", c.sent)
	}
	f.Snap = uitest.Lab("en", 3)
	run(t, p, f)
	wants(t, p, f, "It was rejected by rule 4 of filter/FORWARD.", "REJECT answers.", "space: the end")
	do(p, f, keys.GoOn)
	wants(t, p, f, "That was all: 1 of 2 answers were right.", "The secret is out.")
	do(p, f, keys.GoOn)
	if fmt.Sprint(c.sent) != "[0 1 2 3]" {
		t.Fatalf("sent %v", c.sent)
	}
	f.Snap = uitest.Lab("en", 0)
	f.Snap.Lab.Round = 1
	wants(t, p, f, "Step 1 of 3", "What will happen to it?")
}

// A connection of the step is in the table when its packet has made it, not before.
func TestConnectionsAppear(t *testing.T) {
	p := New(Options{Pace: &pace{held: true}})
	f := frame(uitest.Lab("en", 0), theme.Options{}, 200, 55)
	do(p, f, keys.GoOn, keys.Bottom, keys.GoOn)
	f.Snap = uitest.Lab("en", 1)
	j := f.Snap.Journeys[0]
	f.Snap.Flows.Table = flow.TableOf(&flow.Flow{ID: j.Flow, Family: j.Family, Orig: flow.Side{Tuple: j.Packet.Tuple()},
		Reply: flow.Side{Tuple: model.Tuple{Proto: j.Packet.Proto, Src: netip.MustParseAddr("10.2.0.2"), SPort: 8443, Dst: j.Packet.Src, DPort: j.Packet.SPort}}, Status: flow.DstNAT, State: "SYN_SENT"},
		// What hosts say when a link comes up is no lab's matter.
		&flow.Flow{ID: j.Flow + 1, Family: model.FamilyIPv4, Orig: flow.Side{Tuple: model.Tuple{Proto: 2, Src: netip.MustParseAddr("10.2.0.2"), Dst: netip.MustParseAddr("224.0.0.22")}},
			Reply: flow.Side{Tuple: model.Tuple{Proto: 2, Src: netip.MustParseAddr("224.0.0.22"), Dst: netip.MustParseAddr("10.2.0.2")}}})
	for inUse, want := range map[bool]string{false: "not in use: no rule needs it", true: "no entry yet"} {
		if f.Snap.ConntrackInUse = inUse; !strings.Contains(text(p, f), want) {
			t.Errorf("conntrack in use %v: not %q:\n%s", inUse, want, text(p, f))
		}
	}
	f.Snap.ConntrackInUse = true
	const line = "198.51.100.7:40312 > 203.0.113.1:443"
	for p.stage == nil || p.stage.part != inside {
		p.Move(33*time.Millisecond, f)
	}
	if strings.Contains(text(p, f), "tcp "+line+"  ") || !strings.Contains(text(p, f), "no entry yet") {
		t.Errorf("it is there before the packet is through:\n%s", text(p, f))
	}
	for p.stage.part != going {
		p.Move(33*time.Millisecond, f)
	}
	if !strings.Contains(text(p, f), "tcp "+line+"  ") {
		t.Errorf("it is not there while the packet is on the cables behind the host:\n%s", text(p, f))
	}
	run(t, p, f)
	wants(t, p, f, "tcp "+line, "reply 10.2.0.2:8443 > 198.51.100.7:40312")
	if strings.Contains(text(p, f), "224.0.0.22") {
		t.Errorf("a multicast is listed:\n%s", text(p, f))
	}
}

// What the kernel counted in a step is told when the step was shown, not before.
func TestCounts(t *testing.T) {
	t.Parallel()
	p := New(Options{Pace: &pace{held: true}})
	with := func(current int, rose uint64) *snapshot.Snapshot {
		s := uitest.Lab("en", current)
		s.Lab.Queues = []snapshot.LabQueue{{Number: 50, Given: rose}, {Number: 51, Waiting: rose, Full: 1, Deaf: 1}}
		s.Lab.Counts = []snapshot.LabCount{{Host: "gateway", Name: "conntrack.insert_failed", Rose: rose}}
		s.Lab.Pools = []snapshot.LabPool{{Address: "198.51.100.9", Ports: "61000-61003"}, {Address: "broken", Ports: "1"}}
		return s
	}
	f := frame(with(0, 0), theme.Options{}, 200, 55)
	do(p, f, keys.GoOn)
	wants(t, p, f, "queue 50 51", "given 0 0", "dropped 0 2", "gateway: conntrack.insert_failed +0", "pool 198.51.100.9:61000-61003", "1 / 4")
	do(p, f, keys.Bottom, keys.GoOn)
	f.Snap = with(1, 7)
	for range 5 {
		p.Move(33*time.Millisecond, f)
	}
	wants(t, p, f, "conntrack.insert_failed +0")
	run(t, p, f)
	wants(t, p, f, "given 7 0", "waiting 0 7", "conntrack.insert_failed +7")
}

// Queues that rules name and nobody reads are told, with what becomes of their packets.
func TestUnreadQueues(t *testing.T) {
	t.Parallel()
	for lang, want := range map[string][]string{
		"en": {"nobody reads queue 99: rule 2 of filter/INPUT drops", "nobody reads queue 99: rule 3 of filter/INPUT lets by (bypass)", "nobody reads queue 8: rule 1 of inet fw/in drops", "nobody reads queue 3: rule 2 of inet fw/in lets by (bypass)"},
		"zh": {"没有程序读 99 号队列：filter/INPUT 的规则 2 等于丢弃"},
	} {
		s := uitest.Lab(lang, 0)
		s.Lab.Queues = []snapshot.LabQueue{{Number: 7}, {Number: 50}, {Number: 51}}
		rule := func(n int, text string) model.Rule { return model.Rule{Index: n, Text: text} }
		s.Rules = &model.Ruleset{Tables: []*model.Table{
			{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "filter", Chains: []*model.Chain{{Name: "INPUT", Policy: "ACCEPT", Rules: []model.Rule{
				rule(1, "-A INPUT -p udp -j NFQUEUE --queue-balance 50:51"), rule(2, "-A INPUT -j NFQUEUE --queue-num 99"), rule(3, "-A INPUT -j NFQUEUE --queue-num 99 --queue-bypass")}}}},
			{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "fw", Chains: []*model.Chain{{Name: "in", Rules: []model.Rule{
				rule(1, "tcp dport 22 queue to 7-9"), rule(2, "queue flags bypass to 3"), rule(3, "queue to 7")}}}}}}
		p := New(Options{Pace: &pace{held: true}})
		f := frame(s, theme.Options{}, 200, 55)
		do(p, f, keys.GoOn)
		wants(t, p, f, want...)
		if n := strings.Count(text(p, f), " 99"); lang == "en" && n != 6 { // two rules: in the box, in the list, and of each what becomes of its packets
			t.Errorf("queue 99 is told %d times:\n%s", n, text(p, f))
		}
	}
}

// Nobody saw the packet: no hook, only its sender.
func TestUnseen(t *testing.T) {
	p := New(Options{Pace: &pace{held: true}})
	f := frame(uitest.Lab("en", 0), theme.Options{}, 120, 35)
	do(p, f, keys.GoOn, keys.Bottom, keys.Up, keys.GoOn)
	f.Snap = uitest.Lab("en", 1)
	f.Snap.Journeys = nil
	f.Snap.Lab.Steps[0].Result = "timed out"
	run(t, p, f)
	wants(t, p, f, "✓ Right. You said: unseen", "No hook of netfilter ever saw it.")
}

// Step by step a packet stands where it is put, and goes back.
func TestSteps(t *testing.T) {
	p := New(Options{Pace: &pace{held: true}})
	f := frame(uitest.Lab("en", 0), theme.Options{}, 200, 55)
	do(p, f, keys.GoOn, keys.Bottom, keys.GoOn)
	f.Snap = uitest.Lab("en", 1)
	p.Step(true, f)
	p.Step(true, f)
	wants(t, p, f, "paused: . and , step", "● gateway")
	if p.Moving(f) {
		t.Error("it moves though it stands")
	}
	p.Step(true, f)
	p.Step(true, f)
	at := p.stage.rung()
	p.Step(false, f)
	if p.stage.rung() != at-1 || at < 1 {
		t.Errorf("from step %d back to %d", at, p.stage.rung())
	}
	for range 60 {
		p.Step(true, f)
	}
	wants(t, p, f, "the sender saw: connected")
	p.Pause(f)
	p.Step(false, f)
}

// Steps that go by themselves are followed; the teacher takes over by going on.
func TestWatching(t *testing.T) {
	c := &pace{}
	p := New(Options{Pace: c})
	f := frame(uitest.Lab("zh", 1), theme.Options{}, 120, 35)
	wants(t, p, f, "第 2 步，共 3 步", "步骤自动进行")
	f.Snap = uitest.Lab("zh", 2)
	run(t, p, f)
	wants(t, p, f, "第 3 步，共 3 步")
	do(p, f, keys.GoOn)
	wants(t, p, f, "它会怎样？", "直接看结果")
	if !c.held {
		t.Error("nobody holds the steps")
	}
}

func TestList(t *testing.T) {
	var opened []string
	p := New(Options{List: func() []snapshot.LabEntry {
		return []snapshot.LabEntry{{Name: "one", Title: "the first", Live: true, Stands: []string{"3 hosts"}}, {Name: "two", Title: "the second", Recorded: true, Why: "no ipset here"},
			{Name: "three", Title: "the third", Why: "no kernel here"}}
	}, Open: func(name string) error {
		opened = append(opened, name)
		return errors.New("it does not stand")
	}})
	f := frame(&snapshot.Snapshot{}, theme.Options{}, 80, 19)
	ask := func() {
		for run := p.Ask(f); run != nil; run = p.Ask(f) {
			p.Answered(run(), f)
		}
	}
	ask()
	wants(t, p, f, "Choose a lab", "◆ one live the first", "two recorded the second", "three not here the third", "3 hosts")
	do(p, f, keys.Down)
	wants(t, p, f, "◆ two", "no ipset here")
	do(p, f, keys.GoOn)
	ask()
	wants(t, p, f, "it does not stand")
	do(p, f, keys.Bottom, keys.GoOn)
	ask()
	wants(t, p, f, "no kernel here")
	if fmt.Sprint(opened) != "[two]" {
		t.Errorf("opened %v", opened)
	}
	uitest.Golden(t, "list-80x24", p.View(f))
	f.Lang, p.list.failed, p.list.entries[2].Why = "zh", "", "this kernel has no user namespaces (CONFIG_USER_NS); run as root instead"
	wants(t, p, f, "内核没有用户命名空间（CONFIG_USER_NS）；请以 root 运行")
	do(p, f, keys.GoOn)
	wants(t, p, f, "内核没有用户命名空间（CONFIG_USER_NS）；请以 root 运行")

	// Over a lab that runs esc opens it, and esc again leads back.
	f.Snap = uitest.Lab("en", 0)
	for _, open := range []bool{false, true, false} {
		if strings.Contains(text(p, f), "Choose a lab") != open {
			t.Errorf("the list is open: %v:\n%s", !open, text(p, f))
		}
		do(p, f, keys.Back)
	}

	f.Snap = &snapshot.Snapshot{}
	wants(t, New(Options{}), f, "没有正在进行的实验")
}

func TestEverySizeIsExact(t *testing.T) {
	t.Parallel()
	for w := 1; w <= 220; w += 27 {
		for h := 1; h <= 60; h += 9 {
			for _, zoom := range []bool{false, true} {
				for _, lang := range []string{"en", "zh"} {
					p := New(Options{Pace: &pace{held: true}})
					f := frame(uitest.Lab(lang, 0), theme.Options{Color: true, Dark: true}, w, h)
					f.Zoomed = zoom
					exact(t, p, f)
					do(p, f, keys.GoOn)
					exact(t, p, f)
					do(p, f, keys.GoOn, keys.Down)
					exact(t, p, f)
					do(p, f, keys.GoOn)
					f.Snap = uitest.Lab(lang, 1)
					for range 30 {
						p.Move(33*time.Millisecond, f)
					}
					exact(t, p, f)
					do(p, f, keys.GoOn)
					exact(t, p, f)
				}
			}
		}
	}
}

func exact(t *testing.T, p *Page, f *page.Frame) {
	t.Helper()
	uitest.Fits(t, p.View(f), f.Width, f.Height)
}

// TestRewind: a recording is played back to before packets that are on the page; those
// that are left begin anew.
func TestRewind(t *testing.T) {
	t.Parallel()
	p := New(Options{})
	all := uitest.Snapshot().Journeys
	snap := uitest.Lab("en", 0)
	for _, j := range all {
		c := *j
		c.Number, c.Closed = 14+len(snap.Journeys), true
		snap.Journeys = append(snap.Journeys, &c)
	}
	if len(snap.Journeys) < 2 {
		t.Fatal("too few packets")
	}
	f := frame(snap, theme.Options{}, 200, 55)
	for i := 0; p.stage == nil || p.stage.at < 1 || p.stage.part != inside; i++ {
		if i > 2000 {
			t.Fatal("the second packet does not come")
		}
		p.Move(33*time.Millisecond, f)
	}
	back := *snap
	back.Journeys = snap.Journeys[:1]
	f.Snap = &back
	p.View(f)
	for range 200 {
		p.Move(33*time.Millisecond, f)
		p.View(f)
	}
	if p.stage.at != 1 || p.stage.part != waiting {
		t.Errorf("packet %d, part %d", p.stage.at, p.stage.part)
	}
}

// TestRewindTold: played back to before the end of a step that was told, the step is shown
// again; nothing of what became of it stays on the page.
func TestRewindTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pace Pace
		say  string
	}{"by themselves": {nil, "the steps run by themselves"}, "held": {&pace{held: true}, "What will happen to it?"}} {
		p := New(Options{Pace: c.pace})
		f := frame(uitest.Lab("en", 3), theme.Options{}, 200, 55)
		if c.pace != nil {
			for range 2 {
				do(p, f, keys.GoOn, keys.Bottom, keys.GoOn, keys.GoOn)
			}
			do(p, f, keys.GoOn, keys.Bottom, keys.GoOn)
		}
		run(t, p, f)
		const told = "It was rejected by rule 4 of filter/FORWARD."
		wants(t, p, f, told, "Step 3 of 3")
		f.Snap = uitest.Lab("en", 2)
		p.Move(33*time.Millisecond, f)
		wants(t, p, f, "Step 3 of 3", c.say)
		if strings.Contains(text(p, f), told) {
			t.Errorf("%s: what became of the packet stays:\n%s", name, text(p, f))
		}
	}
}
