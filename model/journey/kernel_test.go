package journey

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"nfscope/model"
	"nfscope/model/ruleset"
)

// kernel is a small netfilter: it walks packets through a ruleset, says what the two
// tracers would say (docs/trace-events.md), and knows the true ladder.
type kernel struct {
	*rand.Rand
	rs     *model.Ruleset
	probes bool
	// unsure packets are stamped anew for every event.
	unsure bool
	// plain rules have no target that nobody knows.
	plain bool
	// veiled is true behind a target that nobody knows: nothing but what comes after tells
	// what it did.
	veiled bool
	seq    uint64
	ids    map[uint32]bool
	// confirmed connections meet no nat chain any more.
	confirmed map[netip.Addr]bool
}

// traced is one packet's truth.
type traced struct {
	header string
	truth  string
	events []Event // in the kernel's order, over both tracers
}

var began = time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)

func chainOf(name string, h model.Hook, p model.Priority, policy string, rules ...model.Rule) *model.Chain {
	c := &model.Chain{Name: name, Hook: h, Priority: p, Policy: policy, Rules: rules}
	for i := range c.Rules {
		c.Rules[i].Handle = uint64(10 + i)
		if c.Rules[i].Text == "" {
			c.Rules[i].Text = strings.TrimSpace("-A " + name + " -j " + c.Rules[i].Target)
		}
	}
	return c
}

func target(t string) model.Rule { return model.Rule{Target: t, Text: "-p udp -j " + t} }
func jump(to string) model.Rule {
	return model.Rule{Target: to, Jump: to, Text: "-p udp -j " + to}
}
func gotoRule(to string) model.Rule {
	return model.Rule{Target: to, Jump: to, Goto: true, Text: "-p udp -g " + to}
}
func always(t string) model.Rule { return model.Rule{Target: t, Text: "-j " + t} }

// unconditional reports whether the rule has a bare verdict for its only content.
func unconditional(r *model.Rule) bool { return strings.HasPrefix(r.Text, "-j ") }

func builtin(table, name, policy string, rules ...model.Rule) *model.Chain {
	h, p, _ := model.BuiltinChain(table, name)
	return chainOf(name, h, p, policy, rules...)
}

// randomRules makes a ruleset of both backends.
func (k *kernel) randomRules(nat bool) {
	rule := func(users ...string) model.Rule {
		t := []string{"ACCEPT", "DROP", "LOG", "RETURN", "MARK", "REJECT", "MYSTERY"}
		if k.plain {
			t = t[:6]
		}
		switch n := k.IntN(10); {
		case n < 3 && len(users) > 0:
			return jump(users[k.IntN(len(users))])
		case n < 4 && len(users) > 0:
			return gotoRule(users[k.IntN(len(users))])
		case n < 5:
			return always([]string{"ACCEPT", "DROP", "RETURN"}[k.IntN(3)])
		default:
			return target(t[k.IntN(len(t))])
		}
	}
	list := func(max int, users ...string) (l []model.Rule) {
		for range k.IntN(max + 1) {
			l = append(l, rule(users...))
		}
		return l
	}
	policy := func() string {
		if k.IntN(8) == 0 {
			return "DROP"
		}
		return "ACCEPT"
	}
	rs := &model.Ruleset{}
	table := func(b model.Backend, f model.Family, name string, c ...*model.Chain) {
		rs.Tables = append(rs.Tables, &model.Table{Backend: b, Family: f, Name: name, Chains: c})
	}
	if !k.probes || k.IntN(2) == 0 {
		table(model.BackendLegacy, model.FamilyIPv4, "raw", builtin("raw", "PREROUTING", "ACCEPT"), builtin("raw", "OUTPUT", "ACCEPT"))
	}
	if k.IntN(2) == 0 {
		table(model.BackendLegacy, model.FamilyIPv4, "mangle", builtin("mangle", "PREROUTING", "ACCEPT", target("MARK")), builtin("mangle", "INPUT", "ACCEPT"),
			builtin("mangle", "FORWARD", policy()), builtin("mangle", "OUTPUT", "ACCEPT"), builtin("mangle", "POSTROUTING", policy()))
	}
	if nat {
		table(model.BackendLegacy, model.FamilyIPv4, "nat", builtin("nat", "PREROUTING", "ACCEPT", target("DNAT")), builtin("nat", "INPUT", "ACCEPT"),
			builtin("nat", "OUTPUT", "ACCEPT"), builtin("nat", "POSTROUTING", "ACCEPT", target("MASQUERADE")))
	}
	table(model.BackendLegacy, model.FamilyIPv4, "filter",
		builtin("filter", "INPUT", policy(), list(4, "A", "a:b")...), builtin("filter", "FORWARD", policy(), list(4, "A", "a:b")...),
		builtin("filter", "OUTPUT", policy(), list(3, "A")...),
		chainOf("A", 0, 0, "", list(3, "a:b")...), chainOf("a:b", 0, 0, "", list(3)...))
	fw := func(b model.Backend, f model.Family, t string, at model.Priority) {
		table(b, f, t, chainOf("pre", model.HookPrerouting, at-200, "accept"), chainOf("in", model.HookInput, at, policy(), list(3, "u")...),
			chainOf("fwd", model.HookForward, at, policy(), list(3, "u")...), chainOf("out", model.HookOutput, at, policy(), list(2)...),
			chainOf("u", 0, 0, "", list(3)...))
	}
	if k.IntN(3) > 0 {
		fw(model.BackendNFTables, model.FamilyInet, "fw", model.Priority(k.IntN(2)*20-10))
	}
	if k.IntN(3) == 0 {
		fw(model.BackendIptablesNFT, model.FamilyIPv4, "filter", 5) // at 0 its order beside legacy would be anybody's guess
	}
	rs.Number()
	k.rs = rs
}

// way is where a packet goes, and what is translated on it.
type way struct {
	hooks      []model.Hook
	in, out    string
	packet     model.Packet
	dnat, snat bool
}

// header is what is told of a packet.
func header(p *model.Packet) string { return p.String() + fmt.Sprint(" ", p.IPID, p.TTL, p.Content) }

// walk takes a packet through.
func (k *kernel) walk(w way) *traced {
	p := w.packet
	t := &traced{header: header(&p)}
	id := k.Uint32N(4)
	for k.ids[id] {
		id++
	}
	stamp := began.Add(time.Duration(k.IntN(1e9)) * time.Microsecond)
	var ladder []string
	k.veiled = false
	type stand struct {
		t *model.Table
		c *model.Chain
	}
	nft := func(e Event, head bool, h model.Hook) {
		e.Source, e.ID, e.HasMark = SourceNFT, id, true
		if head {
			q := p
			e.Packet = &q
			k.devices(&e, h, &w)
		}
		t.events = append(t.events, e)
	}
	outcome := ""
	const own = "nfscope_1_1"
	for i, h := range w.hooks {
		if k.probes && (i == 0) {
			nft(Event{Table: own, Family: model.FamilyInet, Chain: "trace", Kind: EventRule, Handle: 9, Verdict: model.VerdictAccept}, true, h)
		}
		if i > 0 && k.IntN(25) == 0 && !k.veiled && (k.probes || h != model.HookPostrouting) { // else nothing would show it
			outcome = "vanished"
			break
		}
		if h == model.HookForward {
			p.TTL--
		}
		var stands []stand
		for _, tb := range k.rs.Tables {
			for _, c := range tb.Chains {
				if c.Hook == h && (tb.Name != "nat" || !k.confirmed[w.packet.Dst]) {
					stands = append(stands, stand{tb, c})
				}
			}
		}
		slices.SortStableFunc(stands, func(a, b stand) int { return int(a.c.Priority - b.c.Priority) })
		translated := false
		translate := func() {
			if translated {
				return
			}
			translated = true
			if w.dnat && h == model.HookPrerouting {
				p.Dst, p.DPort = netip.MustParseAddr("10.9.9.9"), 99
			}
			if w.snat && h == model.HookPostrouting {
				p.Src = netip.MustParseAddr("192.0.2.1")
			}
		}
		for _, s := range stands {
			if int(s.c.Priority) > map[model.Hook]int{model.HookPrerouting: -100, model.HookPostrouting: 100}[h] {
				translate()
			}
			steps, v, by := k.chain(t, s.t, s.c, h, &w, &p, id, stamp)
			ladder = append(ladder, steps...)
			if v.Ends() {
				outcome = by
				break
			}
		}
		if outcome != "" {
			break
		}
		translate()
		if k.probes && (h == model.HookInput || h == model.HookPostrouting) {
			nft(Event{Table: own, Family: model.FamilyInet, Chain: h.String(), Kind: EventRule, Verdict: model.VerdictContinue}, true, h)
			nft(Event{Table: own, Family: model.FamilyInet, Chain: h.String(), Kind: EventPolicy, Verdict: model.VerdictAccept}, false, h)
		}
	}
	if outcome == "" {
		outcome = "accepted"
		k.confirmed[w.packet.Dst] = true
	}
	t.truth = strings.Join(ladder, " | ") + " => " + outcome
	return t
}

func (k *kernel) devices(e *Event, h model.Hook, w *way) {
	if h != model.HookOutput && !(h == model.HookPostrouting && w.in == "") {
		e.In = w.in
	}
	if h == model.HookForward || h == model.HookOutput || h == model.HookPostrouting {
		e.Out = w.out
	}
}

// chain walks one base chain and gives its steps as rung prints them.
func (k *kernel) chain(t *traced, tb *model.Table, base *model.Chain, h model.Hook, w *way, p *model.Packet, id uint32, stamp time.Time) (steps []string, v model.Verdict, by string) {
	legacy, head := tb.Backend == model.BackendLegacy, true
	say := func(e Event) {
		e.Family, e.Table = tb.Family, tb.Name
		if legacy || head {
			q := *p
			e.Packet = &q
			k.devices(&e, h, w)
		}
		head = false
		e.HasMark = true
		if legacy {
			e.Source, e.Hook = SourceLegacy, h
			if h != model.HookOutput && h != model.HookPostrouting {
				if e.Stamp = stamp; k.unsure {
					k.seq++
					e.Stamp = stamp.Add(time.Duration(k.seq) * time.Microsecond)
				}
			}
		} else {
			e.Source, e.ID = SourceNFT, id
		}
		t.events = append(t.events, e)
	}
	add := func(depth int, c *model.Chain, kind Kind, rule int, v model.Verdict) {
		steps = append(steps, rung(&Step{Backend: tb.Backend, Table: tb.Name, Chain: c.Name, Depth: depth, Kind: kind, Rule: rule, Verdict: v}))
	}
	type frame struct {
		c *model.Chain
		i int
	}
	stack := []frame{{base, 0}}
	policy := func(marker bool) (model.Verdict, string) {
		k.veiled = false
		v := base.PolicyVerdict()
		if legacy {
			say(Event{Chain: base.Name, Kind: EventPolicy, Num: len(base.Rules) + 1})
		} else {
			if marker {
				say(Event{Chain: base.Name, Kind: EventRule, Verdict: model.VerdictContinue})
			}
			say(Event{Chain: base.Name, Kind: EventPolicy, Verdict: v})
		}
		add(0, base, KindPolicy, 0, v)
		return v, fmt.Sprintf("policy of %s/%s", tb.Name, base.Name)
	}
	for {
		f := &stack[len(stack)-1]
		depth := len(stack) - 1
		if f.i == len(f.c.Rules) {
			if f.c == base {
				v, by = policy(true)
				return steps, v, by
			}
			if legacy {
				say(Event{Chain: f.c.Name, Kind: EventReturn, Num: len(f.c.Rules) + 1})
			} else {
				say(Event{Chain: f.c.Name, Kind: EventRule, Verdict: model.VerdictContinue})
			}
			add(depth, f.c, KindEnd, 0, model.VerdictReturn)
			if stack = stack[:depth]; depth == 0 {
				v, by = policy(false)
				return steps, v, by
			}
			continue
		}
		c, r := f.c, &f.c.Rules[f.i]
		f.i++
		switch {
		case r.Target == "DNAT" && !w.dnat, r.Target == "MASQUERADE" && !w.snat:
			continue
		case r.Target == "DNAT", r.Target == "MASQUERADE":
		case !unconditional(r) && k.IntN(3) > 0:
			continue
		}
		v := r.Verdict()
		wire := v
		if k.veiled = legacy && r.Target == "MYSTERY"; r.Target == "MYSTERY" { // the kernel knows what it does
			v = []model.Verdict{model.VerdictContinue, model.VerdictAccept}[k.IntN(2)]
			wire = v
		}
		if wire == model.VerdictReject {
			wire = model.VerdictDrop
		}
		switch {
		case !legacy:
			say(Event{Chain: c.Name, Kind: EventRule, Handle: r.Handle, Verdict: wire, To: r.Jump})
		case unconditional(r) && (v == model.VerdictAccept || v == model.VerdictDrop || v == model.VerdictReturn):
			kind := EventReturn
			if c == base {
				kind = EventPolicy
			}
			say(Event{Chain: c.Name, Kind: kind, Num: f.i})
		default:
			say(Event{Chain: c.Name, Kind: EventRule, Num: f.i})
		}
		add(depth, c, KindRule, f.i, v)
		switch v {
		case model.VerdictJump:
			stack = append(stack, frame{tb.Chain(r.Jump), 0})
		case model.VerdictGoto:
			stack[depth] = frame{tb.Chain(r.Jump), 0}
		case model.VerdictReturn:
			if stack = stack[:depth]; depth == 0 {
				v, by = policy(false)
				return steps, v, by
			}
		case model.VerdictContinue:
		default:
			return steps, v, fmt.Sprintf("rule %d of %s/%s", f.i, tb.Name, c.Name)
		}
	}
}

// rung prints what must be true of a step.
func rung(s *Step) string {
	what := string(s.Kind)
	if s.Kind == KindRule {
		what = fmt.Sprint(s.Rule)
	}
	return fmt.Sprintf("%s%s %s/%s %s %s", strings.Repeat(" ", s.Depth), s.Backend.Mark(), s.Table, s.Chain, what, s.Verdict)
}

// told is a journey as the kernel's truth is written.
func told(j *Journey) string {
	var l []string
	for i := range j.Steps {
		l = append(l, rung(&j.Steps[i]))
	}
	o := "accepted"
	switch j.Outcome.Verdict {
	case Dropped, Rejected:
		by := j.Outcome.By
		if o = fmt.Sprintf("rule %d of %s/%s", by.Rule, by.Table, by.Chain); by.Kind == "policy" {
			o = fmt.Sprintf("policy of %s/%s", by.Table, by.Chain)
		}
	case Unknown:
		o = "vanished"
	}
	return strings.Join(l, " | ") + " => " + o
}

// index makes what a Fold asks for.
func (k *kernel) index() Rules { return ruleset.NewIndex(k.rs) }

// streams runs packets on some CPUs at once and gives what each tracer says, in its
// order.
func (k *kernel) streams(ways []way, cpus int) (truths []*traced, nft, legacy []Event) {
	type run struct {
		t  *traced
		at int
		id uint32
	}
	k.ids, k.confirmed = map[uint32]bool{}, map[netip.Addr]bool{}
	var running []*run
	for len(ways) > 0 || len(running) > 0 {
		if len(ways) > 0 && len(running) < cpus {
			t := k.walk(ways[0])
			ways = ways[1:]
			truths = append(truths, t)
			r := &run{t: t}
			for i := range t.events {
				if t.events[i].Source == SourceNFT {
					r.id = t.events[i].ID
				}
			}
			k.ids[r.id] = true
			running = append(running, r)
			continue
		}
		i := k.IntN(len(running))
		r := running[i]
		if r.at == len(r.t.events) {
			delete(k.ids, r.id)
			running = append(running[:i], running[i+1:]...)
			continue
		}
		for n := 1 + k.IntN(4); n > 0 && r.at < len(r.t.events); n-- {
			e := r.t.events[r.at]
			if e.Source == SourceNFT {
				nft = append(nft, e)
			} else {
				legacy = append(legacy, e)
			}
			r.at++
		}
	}
	return truths, nft, legacy
}

// ways makes packets; alike is how many in ten look like another.
func (k *kernel) ways(n, alike int) (l []way) {
	for i := range n {
		p := model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Transport: true, Length: 60, TTL: 64,
			Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr(fmt.Sprintf("10.0.1.%d", k.IntN(4))), SPort: 1000, DPort: 53, IPID: uint16(i + 1)}
		if k.IntN(10) < alike {
			p.IPID = 0
			p.TTL -= uint8(k.IntN(2) * k.IntN(6))
			p.Content = k.Uint32N(1 + k.Uint32N(3))
		}
		// Packets of one connection go one way and are translated alike.
		w := way{packet: p, in: "r0", out: "r1"}
		switch p.Dst.As4()[3] {
		case 0:
			w.hooks = []model.Hook{model.HookPrerouting, model.HookInput}
			w.out = ""
		case 1, 2:
			w.hooks = []model.Hook{model.HookPrerouting, model.HookForward, model.HookPostrouting}
			w.dnat, w.snat = p.Dst.As4()[3] == 1, true
		default:
			w.hooks, w.in = []model.Hook{model.HookOutput, model.HookPostrouting}, ""
			w.snat = true
		}
		l = append(l, w)
	}
	return l
}
