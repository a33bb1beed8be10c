package journey

import "nfscope/model"

// note takes the devices of a walk.
func (d *Devices) note(w *walk) {
	switch {
	case below(w.family) || w.vague:
	case w.place.hook == model.HookOutput && d.Output == "":
		d.Output = w.out
	case w.place.hook == model.HookPostrouting && (w.source == SourceLegacy || w.firstPacket() != nil):
		d.Came, d.Told = w.in, true
	}
}

// layer lays the steps of a journey one behind the other.
type layer struct {
	b     *builder
	j     *Journey
	known *headers
	wrote writes
	// shown is the packet as the step before had it, own what that step did itself and showed.
	shown *model.Packet
	own   Delta
	// first and last are the headers that were seen first and last.
	first, last *model.Packet
}

// lay puts the steps in the packet's order, with what changed before each, and
// gives the first and the last headers seen.
func (b *builder) lay(j *Journey, ch *changes) (first, last *model.Packet) {
	l := layer{b: b, j: j, known: b.headers(), wrote: writes{ch: ch, rules: b.rules}}
	n := 0
	for _, w := range b.walks {
		n += len(w.steps)
	}
	j.Steps = make([]Step, 0, n)
	j.In = b.inside()
	for k, w := range b.walks {
		l.enter(w)
		passed := b.passed(k)
		for i := range w.steps {
			l.step(w, i, passed)
		}
	}
	if l.shown != nil {
		l.wrote.end(j.Steps, l.shown)
	}
	if b.sentBy != "" {
		j.Path = PathForward
		if b.way == model.HookOutput {
			j.Path = PathOutput
		}
	}
	return l.first, l.last
}

// enter notes what a walk tells besides its steps: the way, the devices, and headers that came
// without a step.
func (l *layer) enter(w *walk) {
	if w.out != "" && (l.j.Out == "" || !w.place.inBridge()) { // the bridge, not its port
		l.j.Out = w.out
	}
	l.j.Devices.note(w)
	switch w.place.hook {
	case model.HookInput:
		if !w.bridgeDelivers() {
			l.j.Path = PathInput
		}
	case model.HookForward:
		l.j.Path = PathForward
	case model.HookOutput:
		l.j.Path = PathOutput
	case model.HookPostrouting, sentOutput, sentPostrouting:
		if l.j.Path == PathUnknown && l.b.inside() != "" { // what came in is sent on
			l.j.Path = PathForward
		}
	}
	head := l.known.of(w.head)
	if head == nil {
		return
	}
	l.see(head)
	switch {
	case !w.hidden:
	case l.shown == nil: // as it came
		l.shown, l.wrote.packet = head, *head
	default:
		l.wrote.shown(l.j.Steps, len(l.j.Steps), l.shown, head, false)
	}
}

func (l *layer) see(p *model.Packet) {
	if l.last = p; l.first == nil {
		l.first = p
	}
}

// step adds a walk's i-th step. passed is true where the packet was seen behind the walk.
func (l *layer) step(w *walk, i int, passed bool) {
	s, p := w.step(i), l.known.of(w.steps[i].packet)
	if s.Verdict == model.VerdictUnknown && i == len(w.steps)-1 && passed {
		s.Verdict, s.Note = model.VerdictAccept, inferred
	}
	l.j.Steps = append(l.j.Steps, s)
	steps, at := l.j.Steps, len(l.j.Steps)-1
	var told *uint32
	if w.steps[i].marked {
		told = &w.steps[i].mark
	}
	after := w.source == SourceNFT // its event shows what the rule did
	if after && l.shown != nil {
		l.wrote.rule(steps, at, told, false)
	}
	markOnly := p == nil && told != nil && l.shown != nil
	if markOnly {
		q := *l.shown
		p, q.Mark = &q, *told
	}
	switch {
	case p != nil && l.shown != nil:
		changes, mine := l.wrote.shown(steps, at, l.shown, p, markOnly)
		steps[at].Packet, l.own = append(l.own.without(changes), changes...), mine
	case p != nil:
		l.wrote.packet = *p
	default:
		steps[at].Packet, l.own = l.own, nil
	}
	if p != nil {
		if l.shown = p; !markOnly {
			l.see(p)
		}
	}
	if l.shown != nil {
		if !after {
			l.wrote.rule(steps, at, nil, false)
		}
		l.wrote.rule(steps, at, nil, true)
	}
}
