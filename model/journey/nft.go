package journey

import (
	"fmt"
	"strings"

	"nfscope/model"
)

// nft folds one NFT_MSG_TRACE event. The first event of every base chain carries
// the packet's headers; those that follow carry the id only.
func (f *Fold) nft(e *Event) {
	b := f.byID[e.ID]
	if e.Packet != nil {
		w := f.nftWalk(e)
		if b != nil && !b.takesNFT(w, e) {
			// The id is another packet's now. The journey stays open: the legacy
			// tracer's events of its packet may still be on their way.
			b = nil
		}
		if b == nil {
			if b = f.legacyTwin(w, e); b == nil {
				b = f.begin(e)
			}
			b.id, b.hasID = e.ID, true
			f.byID[e.ID] = b
		}
		f.key(b, e.Packet)
		if b.nft != nil {
			b.nft.settle(model.VerdictAccept)
		}
		b.nft = w
		b.insert(w)
		f.nftStep(w, e)
	} else {
		if b == nil {
			b = f.begin(e)
			b.id, b.hasID = e.ID, true
			f.byID[e.ID] = b
		}
		w := f.nftWalk(e)
		if cur := b.nft; cur != nil && cur.table == e.Table && cur.family == e.Family {
			w = cur
		} else {
			b.torn = true
			b.nft = w
			b.insert(w)
		}
		f.nftStep(w, e)
	}
	b.last, b.dirty = e.Time, true
	if e.CT != nil {
		b.ct, b.hasCT = *e.CT, true
	}
}

// nftWalk makes the walk that an event would begin.
func (f *Fold) nftWalk(e *Event) *walk {
	w := &walk{source: SourceNFT, backend: model.BackendNFTables, family: e.Family, table: e.Table,
		base: e.Chain, stack: []string{e.Chain}, in: e.In, out: e.Out}
	if strings.HasPrefix(e.Table, ProbePrefix) {
		w.hidden = true
		h, ok := model.ParseHook(e.Chain)
		if ok && h != model.HookPrerouting && h != model.HookOutput {
			w.probe, w.place = h, place{h, 1 << 30}
			return w
		}
		w.place = place{hookByDevices(e), -1 << 30}
		return w
	}
	if f.rules != nil {
		t, c := f.rules.NFTChain(e.Family, e.Table, e.Chain)
		if t != nil {
			w.backend = t.Backend
		}
		if c != nil && c.Base() {
			w.place = place{c.Hook, c.Priority}
			return w
		}
	}
	// A trace that was switched on inside a user chain: the base chain is unknown.
	w.place = place{hookByDevices(e), 0}
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
	if b.closed {
		return false
	}
	if b.keyed && b.key != keyOf(e.Packet) {
		return false
	}
	if b.nft == nil {
		return true
	}
	if b.nft.verdict.Ends() {
		return false
	}
	return b.nft.place.before(w.place) || b.nft.place == w.place && (b.nft.table != w.table || b.nft.family != w.family)
}

// legacyTwin finds the journey that the legacy tracer's events of the same packet
// began: the two come over different sockets, in any order.
func (f *Fold) legacyTwin(w *walk, e *Event) *builder {
	for _, b := range f.byKey[keyOf(e.Packet)] {
		if b.hasID || len(b.walks) == 0 || b.walks[0].place.before(w.place) && rank(b.walks[0].place.hook) != rank(w.place.hook) {
			continue
		}
		if in := b.inside(); in != "" && e.In != "" && in != e.In {
			continue
		}
		if akin(b.face(w.place), e.Packet) {
			return b
		}
	}
	return nil
}

// nftStep adds the step that an event tells of.
func (f *Fold) nftStep(w *walk, e *Event) {
	if w.hidden {
		if e.Packet != nil {
			w.head = e.Packet
		}
		return
	}
	w.settle(model.VerdictContinue)
	w.arrive(e.Chain)
	s := Step{Chain: e.Chain, Time: e.Time, RuleID: -1, Verdict: e.Verdict}
	switch {
	case e.Kind == EventPolicy:
		s.Kind = KindPolicy
	case e.Handle == 0 && w.depth() > 0:
		s.Kind, s.Verdict = KindEnd, model.VerdictReturn
	case e.Handle == 0:
		// The marker of a base chain's end: the policy event follows, but the headers
		// may have come with the marker.
		if e.Packet != nil {
			w.head = e.Packet
		}
		return
	default:
		s.Kind, s.Handle = KindRule, e.Handle
		f.nftRule(&s, e)
	}
	w.add(s, e.Packet, e.To)
}

// nftRule fills in what the ruleset knows of the rule.
func (f *Fold) nftRule(s *Step, e *Event) {
	var r *model.Rule
	if f.rules != nil {
		_, _, r = f.rules.ByHandle(e.Family, e.Table, e.Chain, e.Handle)
	}
	if e.To != "" {
		s.Target = e.To
	}
	if r == nil {
		s.Note = fmt.Sprintf("handle %d is not in the ruleset that was read", e.Handle)
		return
	}
	s.Rule, s.Text, s.Comment, s.RuleID = r.Index, r.Text, r.Comment, r.ID
	if r.Target != "" {
		s.Target = r.Target
	}
	// nf_tables' reject and iptables-nft's REJECT both end in NF_DROP.
	if s.Verdict == model.VerdictDrop && r.Verdict() == model.VerdictReject {
		s.Verdict = model.VerdictReject
	}
}
