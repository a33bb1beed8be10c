package rules

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	tea "charm.land/bubbletea/v2"

	"nfscope/model"
	"nfscope/model/set"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// kernel is a namespace with sets of numbered members; it notes what is asked of it.
type kernel struct {
	mu    sync.Mutex
	sets  []set.Set
	sizes map[set.Key]int
	asked []string
	fails error
}

var (
	blocked = set.Key{Backend: set.NFT, Family: model.FamilyInet, Table: "fw", Name: "blocked"}
	drops   = set.Key{Name: "drops"}
)

func newKernel(n int) *kernel {
	return &kernel{
		sets: []set.Set{{Key: drops, Type: "hash:ip", Count: uint64(n), CountKnown: true, Timeout: 600e9, Flags: []string{"timeout"}, References: 1},
			{Key: blocked, Type: "ipv4_addr", Flags: []string{"interval"}}},
		sizes: map[set.Key]int{drops: n, blocked: n},
	}
}

func (k *kernel) note(format string, a ...any) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = append(k.asked, fmt.Sprintf(format, a...))
	return k.fails
}

func (k *kernel) List(context.Context) ([]set.Set, error) {
	return slices.Clone(k.sets), k.note("list")
}

func (k *kernel) Members(_ context.Context, s set.Set, from, n int) (set.Page, error) {
	p := set.Page{Set: s.Key, From: from}
	end := min(from+n, k.sizes[s.Key])
	for i := from; i < end; i++ {
		p.Members = append(p.Members, set.Member{Text: fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)})
	}
	p.More = end < k.sizes[s.Key]
	return p, k.note("%s from %d", s.Name, from)
}

func (k *kernel) Count(_ context.Context, s set.Set) (uint64, error) {
	return uint64(k.sizes[s.Key]), k.note("count %s", s.Name)
}

func (k *kernel) Contains(_ context.Context, s set.Set, member string) (bool, error) {
	return strings.HasPrefix(member, "10."), k.note("%s has %s", s.Name, member)
}

// answer runs what the page asks for until it asks no more, as the root does.
func answer(t *testing.T, p *Page, f *page.Frame) {
	t.Helper()
	p.View(f)
	for n := 0; ; n++ {
		run := p.Ask(f)
		if run == nil {
			break
		}
		if n > 20 {
			t.Fatal("the page never stops asking")
		}
		p.Answered(atOnce(run()), f)
		p.View(f)
	}
}

// atOnce is an answer that took no time: how long a busy machine takes to make one is not
// what a test is about, and what is costly is read more seldom.
func atOnce(answer any) any {
	switch a := answer.(type) {
	case listed:
		a.took = 0
		return a
	case pageRead:
		a.took = 0
		return a
	}
	return answer
}

// setFrame has rules that name an ipset.
func setFrame(opt theme.Options, w, h int) *page.Frame {
	f := frame(opt, w, h)
	change(f, func(rs *model.Ruleset) {
		rs.Terse = true
		rs.Table(model.BackendNFTables, model.FamilyInet, "fw").Extra = []string{"set blocked { # handle 9\n\ttype ipv4_addr\n\tflags interval\n}"}
		in := chainNamed(rs, "INPUT")
		in.Rules = append(in.Rules, model.Rule{Text: "-A INPUT -m set --match-set drops src -m set ! --match-set gone dst -j DROP", Target: "DROP", Counters: model.Counters{Valid: true}},
			model.Rule{Text: "-A INPUT -j SET --add-set drops src", Target: "SET", Counters: model.Counters{Valid: true}})
	})
	return f
}

func live(t *testing.T, f *page.Frame, k *kernel) *Page {
	p := NewLive(k)
	answer(t, p, f)
	return p
}

// told is the sentence that a command puts on the status line.
func told(cmd tea.Cmd) string {
	if cmd == nil {
		return ""
	}
	s, _ := cmd().(page.Say)
	return s.Text
}

func TestSetsAreNamedOnly(t *testing.T) {
	k := newKernel(1_000_000)
	f := setFrame(theme.Options{}, 120, 60)
	p := live(t, f, k)
	wants(t, text(p, f), "set blocked", "ipset", "drops")
	if !slices.Equal(k.asked, []string{"list"}) {
		t.Errorf("to name the sets, %q were asked", k.asked)
	}
	// A second frame asks for nothing; one some seconds later asks for the headers.
	answer(t, p, f)
	if len(k.asked) != 1 {
		t.Errorf("asked again: %q", k.asked)
	}
	f.Now = f.Now.Add(listEvery)
	answer(t, p, f)
	if len(k.asked) != 2 {
		t.Errorf("%s later: %q", listEvery, k.asked)
	}
}

func TestMembersByThePage(t *testing.T) {
	k := newKernel(1_000_000)
	f := setFrame(theme.Options{}, 200, 40)
	p := live(t, f, k)
	if cmd := p.goToSet(drops); cmd != nil {
		t.Fatal(told(cmd))
	}
	answer(t, p, f)
	wants(t, text(p, f), "hash:ip", "1000000 members", "named by 2 rules", "timeout 10m", "10.0.0.0", "10.0.0.30")
	if got := k.asked[len(k.asked)-1]; got != "drops from 0" || len(k.asked) != 2 {
		t.Errorf("asked: %q", k.asked)
	}
	for range 30 {
		do(t, p, f, "pgdown")
		answer(t, p, f)
	}
	if !slices.Contains(k.asked, "drops from 500") || slices.Contains(k.asked, "drops from 2000") {
		t.Errorf("after 30 screens: %q", k.asked)
	}
	do(t, p, f, "G")
	answer(t, p, f)
	wants(t, text(p, f), "1000000", "10.15.66.63")
	for range 40 {
		p.sets.open.cursor.Move(-2000, p.sets.open.at)
		answer(t, p, f)
	}
	if n := len(p.sets.open.pages); n > pagesKept {
		t.Errorf("%d pages are kept", n)
	}
	do(t, p, f, "g")
	answer(t, p, f)
	wants(t, text(p, f), "10.0.0.0")
	if m, ok := p.sets.open.member(0); !ok || m.Text != "10.0.0.0" {
		t.Errorf("first: %+v", m)
	}
}

// TestUnknownCount: where the kernel does not tell the number, the end is found by
// scrolling, or by counting.
func TestUnknownCount(t *testing.T) {
	k := newKernel(1200)
	f := setFrame(theme.Options{}, 200, 40)
	p := live(t, f, k)
	p.goToSet(blocked)
	answer(t, p, f)
	wants(t, text(p, f), "more than 500 members", "interval", "c: count", "named by 1 rule")
	do(t, p, f, "c")
	answer(t, p, f)
	wants(t, text(p, f), "counted: 1200 members", "1200 members when they were counted")
	if !slices.Contains(k.asked, "count blocked") {
		t.Errorf("asked: %q", k.asked)
	}
	do(t, p, f, "G")
	answer(t, p, f)
	wants(t, text(p, f), "10.0.4.175", "1200 members;")

	// Without the count, by scrolling.
	p = live(t, f, k)
	p.goToSet(blocked)
	for range 5 {
		answer(t, p, f)
		do(t, p, f, "G")
	}
	answer(t, p, f)
	wants(t, text(p, f), "10.0.4.175", "1200 members;")
	// It shrinks while nobody looks: the last page is not there any more.
	k.sizes[blocked] = 3
	f.Now = f.Now.Add(listEvery)
	answer(t, p, f)
	wants(t, text(p, f), "10.0.0.2", "3 members;")
	// And is empty, then gone.
	k.sizes[blocked] = 0
	f.Now = f.Now.Add(listEvery)
	answer(t, p, f)
	wants(t, text(p, f), "there are no members")
	k.sets = k.sets[:1]
	f.Now = f.Now.Add(listEvery)
	answer(t, p, f)
	wants(t, text(p, f), "the set does not exist any more")
}

func TestIsItIn(t *testing.T) {
	k := newKernel(10)
	f := setFrame(theme.Options{}, 120, 40)
	p := live(t, f, k)
	if s := told(p.Do("inspect", f)); s != "select a rule or a set to look into it" {
		t.Errorf("without a set: %q", s)
	}
	p.goToSet(drops)
	answer(t, p, f)
	r, ok := p.Do("inspect", f)().(page.TypeRequest)
	if !ok || !strings.Contains(r.Prompt, "drops") || !strings.Contains(r.Hint, "hash:ip") {
		t.Fatalf("%+v", r)
	}
	p.Take("10.1.2.3", f)
	wants(t, text(p, f), "looking for 10.1.2.3")
	answer(t, p, f)
	wants(t, text(p, f), "yes: 10.1.2.3 is in ipset drops")
	p.Take("192.0.2.1", f)
	answer(t, p, f)
	wants(t, text(p, f), "no: 192.0.2.1 is not in ipset drops")
	k.fails = errors.New("the kernel is in a bad mood")
	p.Take("x", f)
	answer(t, p, f)
	wants(t, text(p, f), "the kernel is in a bad mood", "10.0.0.9")
}

// TestStaleAnswers: what comes after another set was selected is thrown away, and who
// reads it is told to stop.
func TestStaleAnswers(t *testing.T) {
	k := newKernel(2000)
	f := setFrame(theme.Options{}, 120, 40)
	p := live(t, f, k)
	p.goToSet(drops)
	p.View(f)
	run, ctx := p.Ask(f), p.sets.open.ctx
	if run == nil {
		t.Fatal("nothing is asked")
	}
	p.goToSet(blocked)
	p.View(f)
	if ctx.Err() == nil {
		t.Error("the reading of the first set goes on")
	}
	p.Answered(run(), f)
	if p.sets.open.set.Key != blocked || len(p.sets.open.pages) > 0 {
		t.Errorf("%s has %d pages", p.sets.open.set.Key, len(p.sets.open.pages))
	}
	answer(t, p, f)
	wants(t, text(p, f), "fw/blocked", "10.0.0.0")
}

// TestRuleToSetAndBack goes from a rule to its set, to who else names it, and back.
func TestRuleToSetAndBack(t *testing.T) {
	k := newKernel(10)
	f := setFrame(theme.Options{}, 120, 40)
	p := live(t, f, k)
	p.ShowRule(ruleID(f, "-A INPUT -j SET --add-set drops src"), f)
	do(t, p, f, "s")
	answer(t, p, f)
	wants(t, text(p, f), "ipset drops", "esc: back to INPUT")
	do(t, p, f, "u")
	wants(t, text(p, f), "2 rules name ipset drops", "--match-set drops src")
	do(t, p, f, "enter")
	if r, _ := p.selected(); r.rule == nil || !strings.Contains(r.rule.Text, "--match-set drops") {
		t.Fatalf("u and enter lead to %+v", r.rule)
	}
	// This one names two sets, of which one is not there.
	do(t, p, f, "s")
	wants(t, text(p, f), "names 2 sets", "gone")
	do(t, p, f, "j")
	if s := told(p.Do("open", f)); s != "" && !strings.Contains(s, "ipset gone") {
		t.Errorf("a set that is gone: %q", s)
	}
	do(t, p, f, "esc", "esc")
	answer(t, p, f)
	wants(t, text(p, f), "ipset drops", "10.0.0.9")
	do(t, p, f, "esc")
	if r, _ := p.selected(); r.rule == nil || r.rule.Text != "-A INPUT -j SET --add-set drops src" {
		t.Errorf("esc leads to %+v", r.rule)
	}
	p.ShowRule(ruleID(f, "-A LOGDROP -j DROP"), f)
	if s := told(p.Do("set", f)); !strings.Contains(s, "names no set") {
		t.Errorf("a rule without a set: %q", s)
	}
	// A filter hides neither the set that a rule leads to nor one of that name.
	f.Filter = "add-set"
	p.ShowRule(ruleID(f, "-A INPUT -j SET --add-set drops src"), f)
	do(t, p, f, "s")
	answer(t, p, f)
	wants(t, text(p, f), "ipset drops", "10.0.0.9")
}

// TestSetsOfRecording: without a session the sets that rules name are listed, and that
// their members are not known is said.
func TestSetsOfRecording(t *testing.T) {
	f := setFrame(theme.Options{}, 120, 60)
	p := New()
	wants(t, text(p, f), "set blocked", "unknown", "ipset", "drops", "gone")
	p.goToSet(drops)
	wants(t, text(p, f), "its members are not known here: a recording or a file of rules does not hold them")
	if s := told(p.Do("inspect", f)); !strings.Contains(s, "a recording or a file") {
		t.Errorf("i: %q", s)
	}
	p.goToSet(blocked)
	wants(t, text(p, f), "type ipv4_addr", "a recording or a file of rules does not hold them")
}

// TestSetsWithoutText: where nft is missing, its sets are listed all the same.
func TestSetsWithoutText(t *testing.T) {
	f := setFrame(theme.Options{}, 120, 60)
	change(f, func(rs *model.Ruleset) {
		rs.Table(model.BackendNFTables, model.FamilyInet, "fw").Extra = nil
	})
	p := live(t, f, newKernel(10))
	wants(t, text(p, f), "set blocked")
	p.goToSet(blocked)
	answer(t, p, f)
	wants(t, text(p, f), "fw/blocked", "10.0.0.9")
}

func TestListTrouble(t *testing.T) {
	k := newKernel(10)
	k.fails = errors.New("ip_set was unloaded")
	k.sets = nil
	f := setFrame(theme.Options{}, 120, 40)
	p := live(t, f, k)
	p.goToSet(blocked)
	answer(t, p, f)
	wants(t, text(p, f), "ip_set was unloaded")
}

func TestGoldenSets(t *testing.T) {
	uitest.Looks(t, func(t *testing.T, name string, o theme.Options, w, h int) {
		f := setFrame(o, w, h-5)
		p := live(t, f, newKernel(1_000_000))
		p.goToSet(drops)
		answer(t, p, f)
		do(t, p, f, "j", "j")
		p.Take("10.1.2.3", f)
		answer(t, p, f)
		uitest.Golden(t, "set-"+name, p.View(f))
	})
}
