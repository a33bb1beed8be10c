package journey

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"nfscope/model"
)

// write is what the rule of a step wrote into a field of the packet.
type write struct {
	step  int
	field string
	value string // "" where it cannot be reckoned
	// lowered is the value where a router lowered the hop limit before, "" where none can have.
	lowered string
}

// writes follows a packet through its steps: what the rules wrote that no event has shown
// yet. nf_tables shows headers in the first event of a base chain, the mark in each; the
// legacy tracer shows both before each rule.
type writes struct {
	ch     *changes
	rules  Rules
	packet model.Packet // as the rules left it, as far as that can be reckoned
	open   []write
	// since is the first step that the open writes may be of, marked that for the mark.
	since, marked int
	// routed is true where the headers were last shown behind the routing decision.
	routed bool
}

// rule notes what the rule of a step wrote. told is the mark that its event told of behind
// it, nil where it told none. Translation is done when the chain is left, so nat chooses
// whether that or all else is meant.
func (w *writes) rule(steps []Step, at int, told *uint32, nat bool) {
	s := &steps[at]
	d := w.ch.of(s)
	if d == nil {
		return
	}
	_, translates := natTargets[s.Target]
	if nat != translates {
		return
	}
	after, sure := w.packet, false
	low, lower := after, false // where a router was between
	if !translates {
		after, sure = d.effect(s.Backend, &w.packet)
		if lower = routed(s.Hook) && !w.routed && w.packet.TTL > 0; lower {
			p := w.packet
			p.TTL--
			low, _ = d.effect(s.Backend, &p)
		}
	}
	if told != nil {
		after.Mark = *told
	}
	for f := range strings.FieldsSeq(d.fields) {
		n := write{step: at, field: f}
		if sure || f == "mark" && told != nil {
			if n.value = valueOf(&after, f); lower && f == "ttl" {
				n.lowered = valueOf(&low, f)
			}
		}
		w.open = append(w.open, n)
	}
	w.packet = after
}

// shown takes the headers that the event of a step shows, or only its mark, and notes who
// made each change: the step that did, or who else. at is len(steps) where no step shows
// them. before is what changed before the step, own what it did itself.
func (w *writes) shown(steps []Step, at int, old, now *model.Packet, markOnly bool) (before, own Delta) {
	seen := map[string]bool{}
	for _, c := range Diff(old, now) {
		seen[c.Field] = true
		b, o := w.field(steps, at, c, old)
		before, own = append(before, b...), append(own, o...)
	}
	for _, x := range w.open { // written, and put back
		if !seen[x.field] && (!markOnly || x.field == "mark") {
			seen[x.field] = true
			w.field(steps, at, Change{x.field, valueOf(now, x.field)}, old)
		}
	}
	if at == len(steps) { // the next step's event shows the same
		return before, own
	}
	w.open = slices.DeleteFunc(w.open, func(x write) bool { return !markOnly || x.field == "mark" })
	if w.marked = at; markOnly {
		w.packet.Mark = now.Mark
	} else {
		w.packet, w.since, w.routed = *now, at, routed(steps[at].Hook)
	}
	return before, own
}

// field says who made one field what it is now.
func (w *writes) field(steps []Step, at int, c Change, old *model.Packet) (before, own Delta) {
	was := valueOf(old, c.Field)
	var mine []write
	for _, x := range w.open {
		if x.field == c.Field {
			mine = append(mine, x)
		}
	}
	n := len(mine)
	if n > 0 && mine[n-1].value != "" && slices.Contains([]string{mine[n-1].value, mine[n-1].lowered, less(mine[n-1].value, c.Field)}, c.Value) {
		return w.exact(steps, at, c, was, mine)
	}
	if c.Value == was {
		return nil, nil // reckoned otherwise than it is: nothing is said of it
	}
	before = Delta{c}
	say := func(by string) {
		if by != "" && at < len(steps) {
			steps[at].By = append(steps[at].By, Author{c.Field, by})
		}
	}
	switch _, nat := natTargets[w.target(steps, mine)]; {
	case n == 1 || nat:
		i := mine[n-1].step
		steps[i].did(c)
		if i == at {
			return nil, Delta{c}
		}
	case n > 1:
		say(oneOf(steps[mine[0].step : mine[n-1].step+1]))
	default:
		say(w.other(steps, at, c, old))
	}
	return before, nil
}

// exact notes what was reckoned of a field, and is what the event shows.
func (w *writes) exact(steps []Step, at int, c Change, was string, mine []write) (before, own Delta) {
	last := mine[len(mine)-1]
	router := c.Value != last.value
	earlier := was
	for _, x := range mine {
		switch {
		case x.step == at:
			own = Delta{c}
			steps[at].did(c)
			continue
		case x.value != "" && x.value != earlier:
			steps[x.step].did(Change{c.Field, x.value})
		}
		if x.value != "" {
			earlier = x.value
		}
	}
	switch {
	case own == nil && c.Value != was:
		before = Delta{c}
	case own != nil && router:
		before = Delta{{c.Field, less(earlier, c.Field)}}
	case own != nil && earlier != was && last.lowered == "":
		before = Delta{{c.Field, earlier}}
	}
	if router && at < len(steps) {
		steps[at].By = append(steps[at].By, Author{c.Field, ByForwarding})
	}
	return before, own
}

// target is that of the last rule that wrote.
func (w *writes) target(steps []Step, mine []write) string {
	if len(mine) == 0 {
		return ""
	}
	return steps[mine[len(mine)-1].step].Target
}

// end notes what rules wrote that no event showed any more: the packet went no further.
func (w *writes) end(steps []Step, last *model.Packet) {
	unsure := ""
	for _, x := range w.open {
		if x.value == "" {
			unsure += " " + x.field
		} else if !slices.Contains(strings.Fields(unsure), x.field) && x.value != valueOf(last, x.field) {
			steps[x.step].did(Change{x.field, x.value})
		}
	}
}

// did notes a change that a step made; our probes may have shown it already.
func (s *Step) did(c Change) {
	if !slices.Contains(s.Did, c) {
		s.Did = append(s.Did, c)
	}
}

// less is a hop limit behind a router; of other fields it is "".
func less(value, field string) string {
	n, err := strconv.Atoi(value)
	if err != nil || field != "ttl" {
		return ""
	}
	return strconv.Itoa(n - 1)
}

// oneOf names several rules of which one did something.
func oneOf(steps []Step) string {
	a, b := &steps[0], &steps[len(steps)-1]
	return fmt.Sprintf("one of the rules from %s to %s", a.place(), b.place())
}

func (s *Step) place() string { return fmt.Sprintf("rule %d of %s/%s", s.Rule, s.Table, s.Chain) }

// valueOf is a field of a packet as a Delta has it.
func valueOf(p *model.Packet, field string) string {
	n := uint64(0)
	switch field {
	case "src":
		return p.Src.String()
	case "dst":
		return p.Dst.String()
	case "sport":
		n = uint64(p.SPort)
	case "dport":
		n = uint64(p.DPort)
	case "icmp_id":
		n = uint64(p.ICMPID)
	case "length":
		n = uint64(p.Length)
	case "ttl":
		n = uint64(p.TTL)
	case "tos":
		n = uint64(p.TOS)
	case "mark":
		n = uint64(p.Mark)
	}
	return Change{Field: field}.text(n)
}
