package journey

import (
	"fmt"
	"strings"

	"nfscope/model"
)

// probePriority is where the armed trace's probe chains stand (trace/arm): behind
// every other chain of their hook.
const probePriority = 1 << 30

// nft folds one NFT_MSG_TRACE event. The first event of every base chain carries
// the packet's headers; those that follow carry the id only.
func (f *Fold) nft(e *Event) {
	b := f.byID[e.ID]
	var w *walk
	switch {
	case e.Packet != nil:
		w = f.nftWalk(e)
		if b != nil {
			first := w.place
			if w.place = b.onward(w); !b.takesNFT(w, e) && !b.forwarded(w, e) {
				// The id is another packet's now. The journey stays open: the legacy
				// tracer's events of its packet may still be on their way.
				b, w.place = nil, first
			}
		}
		if b == nil {
			b = f.nftHome(w, e)
		}
		f.linkFlooded(b, e, w.place)
		b.nft = w
		b.insert(w)
		b.framed()
	case b != nil && b.nft != nil && b.nft.goesWith(e):
		w = b.nft
	default:
		w = f.nftWalk(e)
		first := w.place
		if b != nil {
			w.place = b.onward(w)
		}
		if b == nil || b.over(w.place) {
			w.place = first
			b = f.begin(e)
			f.name(b, e.ID)
		}
		// The event that carried the headers is missing; but of a packet that was stolen
		// the kernel has none to show.
		b.torn = b.torn || e.Verdict != model.VerdictStolen
		b.nft = w
		b.insert(w)
	}
	b.turned(e)
	f.nftStep(b, w, e)
	f.silent(b, w, e)
	b.origin(e)
	f.fragment(b, e)
	f.touch(b, e.Time)
	if e.CT != nil {
		if e.CT.ID != 0 && (!b.hasCT || b.ct.ID != e.CT.ID) {
			f.spoke(b, e.Packet, e.CT.ID, e.CT.Direction == 1)
		}
		b.ct, b.hasCT = *e.CT, true
	}
	f.heard(b)
}

// nftHome finds the journey whose packet an id now stands for, or begins one.
func (f *Fold) nftHome(w *walk, e *Event) *builder {
	k := f.keyOf(e.Packet)
	b := f.legacyTwin(w, e, k)
	if b == nil {
		b = f.renamed(w, e, k)
	}
	if b == nil {
		b = f.begin(e)
		f.room(k)
		f.key(b, k)
		if !f.linkSent(b, e, w) {
			f.compare(b, e, w.place)
			f.link(b, e, w.place)
			f.linkCopy(b, e, w.place)
		}
	} else {
		b.assume(w.place, e)
	}
	f.name(b, e.ID)
	return b
}

// name notes the id that a journey's events have.
func (f *Fold) name(b *builder, id uint32) {
	if !b.hasID {
		b.firstID = id
	}
	b.id, b.hasID = id, true
	f.byID[id] = b
}

// nftWalk makes the walk that an event would begin.
func (f *Fold) nftWalk(e *Event) *walk {
	w := f.pool.walk()
	w.source, w.backend, w.family, w.table, w.base = SourceNFT, model.BackendNFTables, e.Family, e.Table, e.Chain
	w.stack, w.in, w.out = append(w.stack, e.Chain), e.In, e.Out
	if strings.HasPrefix(e.Table, ProbePrefix) {
		w.hidden = true
		h, ok := model.ParseHook(e.Chain)
		if ok && h != model.HookPrerouting && h != model.HookOutput {
			w.probe, w.place = h, place{h, probePriority}
			return w
		}
		w.place = f.armings.place(e)
		return w
	}
	if f.rules != nil {
		t, c := f.rules.NFTChain(e.Family, e.Table, e.Chain)
		if t != nil {
			w.backend = t.Backend
		}
		if c != nil && c.Base() {
			if w.place, w.stated = placeIn(t, c), c.Priority; w.bridgeSends() && f.sendsUnseen(e) {
				w.place.hook = sentPostrouting
			}
			return w
		}
	}
	// A trace that was switched on inside a user chain: the base chain is unknown.
	w.vague, w.place = true, place{hookByDevices(e), 0}
	return w
}

// hookByDevices guesses the hook of an event whose base chain is not known.
func hookByDevices(e *Event) model.Hook {
	switch {
	case e.In != "" && e.Out != "":
		return model.HookForward
	case e.Out != "":
		return model.HookOutput
	}
	return model.HookPrerouting
}

// takesNFT reports whether the walk can be the packet's next: ids are used again
// (jhash of the skb's address, net/netfilter/nf_tables_trace.c), so a hook that
// goes backwards or other headers mean another packet.
func (b *builder) takesNFT(w *walk, e *Event) bool {
	if b.keyed && !b.key.is(keyOf(e.Packet)) || !b.fits(w.place, e) {
		return false
	}
	n := b.nft
	return n == nil || n.place.before(w.place) || n.again(w) || n.place == w.place && (n.table != w.table || n.family != w.family || n.base != w.base)
}

// goesWith reports whether an event without headers goes on in the walk.
func (w *walk) goesWith(e *Event) bool {
	return w.table == e.Table && w.family == e.Family && w.verdict == model.VerdictUnknown &&
		(e.Kind != EventPolicy || e.Chain == w.base || w.vague)
}

// over reports whether no event at a place can be the packet's any more.
func (b *builder) over(at place) bool {
	for _, w := range b.walks {
		if w.verdict.Ends() {
			return true
		}
	}
	return b.nft != nil && at.before(b.nft.place)
}

// legacyTwin finds the journey that the legacy tracer's events of the same packet
// began: the two come over different sockets, in any order.
func (f *Fold) legacyTwin(w *walk, e *Event, k packetKey) *builder {
	var twin *builder
	for b := f.byKey[k]; b != nil; b = b.same {
		if b.hasID || b.others(e) || !b.fits(w.place, e) {
			continue
		}
		if b.wants == e.ID && e.Turn != 0 { // the oldest of them: those before it have theirs
			return b
		}
		if twin == nil {
			twin = b
			continue
		}
		f.guess(twin, b)
	}
	return twin
}

// nftStep adds the step that an event tells of.
func (f *Fold) nftStep(b *builder, w *walk, e *Event) {
	if w.hidden && !e.Verdict.Ends() { // our own table ends nothing, unless somebody has changed it
		if isArming(e.Chain) {
			w.armed, b.began = true, true
		}
		if e.Packet != nil {
			w.head = f.pool.packet(e)
		}
		return
	}
	if w.vague {
		f.locate(b, w, e.Chain)
	}
	w.goesOn(e.Chain)
	if !w.arrive(e.Chain) {
		b.torn = true
	}
	s := step{chain: e.Chain, at: e.Time, verdict: e.Verdict, mark: e.Mark, marked: e.HasMark}
	switch {
	case e.Kind == EventPolicy:
		s.kind = KindPolicy
	case e.Handle == 0 && (e.Chain != w.base || w.vague):
		s.kind, s.verdict = KindEnd, model.VerdictReturn
	case e.Handle == 0:
		// The marker of a base chain's end: the policy event follows, but the headers
		// may have come with the marker.
		if e.Packet != nil {
			w.head = f.pool.packet(e)
		}
		return
	default:
		s.kind, s.handle = KindRule, e.Handle
		if !f.nftRule(&s, e, b.key.flags) {
			b.suspect(unlisted)
		}
	}
	s.packet = f.pool.packet(e)
	w.add(&s, e.To)
	b.steps++
	if f.openSteps++; duplicates(s.rule) {
		f.copied(b)
	}
}

// locate puts a walk that began in a user chain where it belongs, once an event
// names the base chain.
func (f *Fold) locate(b *builder, w *walk, chain string) {
	if f.rules == nil {
		return
	}
	t, c := f.rules.NFTChain(w.family, w.table, chain)
	if c == nil || !c.Base() {
		return
	}
	w.vague, w.base, w.place, w.stated, w.stack = false, chain, placeIn(t, c), c.Priority, append(w.stack[:0], chain)
	for i, o := range b.walks {
		if o == w {
			b.walks = append(b.walks[:i], b.walks[i+1:]...)
			break
		}
	}
	w.place = b.onward(w)
	b.insert(w)
}

// nftRule fills in what the ruleset knows of the rule, and reports whether it does.
func (f *Fold) nftRule(s *step, e *Event, flags model.TCPFlags) bool {
	s.target = e.To
	if s.rule = f.byHandle(e); s.rule == nil {
		s.note = fmt.Sprintf("handle %d is not in the ruleset that was read", e.Handle)
		return false
	}
	// nf_tables' reject and iptables-nft's REJECT both end in NF_DROP.
	if s.verdict == model.VerdictDrop && s.rule.Verdict() == model.VerdictReject {
		s.verdict = model.VerdictReject
	}
	s.note = fate(s.rule.Target, s.verdict, flags)
	return true
}

// found is a rule that was looked up.
type found struct {
	family       model.Family
	table, chain string
	handle       uint64
	rule         *model.Rule
}

// byHandle finds the rule of an event; packet after packet meets the same.
func (f *Fold) byHandle(e *Event) *model.Rule {
	if f.rules == nil {
		return nil
	}
	r := &f.found[e.Handle%uint64(len(f.found))]
	if r.handle != e.Handle || r.family != e.Family || r.chain != e.Chain || r.table != e.Table {
		*r = found{e.Family, e.Table, e.Chain, e.Handle, nil}
		_, _, r.rule = f.rules.ByHandle(e.Family, e.Table, e.Chain, e.Handle)
	}
	return r.rule
}
