package why

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"nfscope/model/drop"
	"nfscope/model/journey"
	"nfscope/model/miss"
)

// mostNear is how many rules are told of that nearly matched.
const mostNear = 3

// evidence fills in what an answer rests on.
func (a *Answer) evidence(s *Seen, v *verdict, all []*verdict, words drop.Dictionary) {
	if x := v.by; x != nil {
		a.take(x)
		for _, y := range v.like {
			if y != x {
				a.take(y)
			}
		}
		if v.kind == Rule || v.kind == Policy || v.kind == Queue && x.journey != nil {
			a.By = x.journey.Outcome.By
		}
		if a.Dropped() || v.borne {
			a.Reason = x.reason()
		}
		if x.drop != nil {
			a.Evidence = append(a.Evidence, x.words.Facts...)
			if x.fate != byRule {
				a.Do = x.words.Do
			}
		}
	}
	a.suspects(v, words)
	switch v.kind {
	case Backlog:
		a.Reason = "TcpExtListenOverflows"
		a.Do = words.Of(a.Reason).Do
	case Stalled:
		a.Do = v.lookThere()
	case Works:
		a.Do = v.do
	case Netfilter:
		if a.Do, a.Untraced = "", v.untraced(); v.cut != nil {
			a.Do, a.Drops = letThem, append(a.Drops, v.cut)
		}
		if c := v.only(s); c != nil {
			a.By = *c
		}
		a.maybe(s, v)
	}
	for _, x := range v.talk.about {
		a.take(x)
	}
	a.Evidence = append(a.Evidence, v.talk.heard()...)
	a.halves(s, v)
	// What packets of the other side met, or of both where none decides: the first of each.
	for _, reply := range []bool{false, true} {
		if v.by != nil && v.by.reply == reply {
			continue
		}
		for _, x := range v.talk.sights {
			if x.reply == reply {
				a.take(x)
				break
			}
		}
	}
	if v.kind == NoReply && v.stranded(s) {
		a.Do = "ip route get " + v.by.packet.Src.String() + "; add a route back"
	}
	if v.kind == NoReply && here(v.by) {
		a.meanwhile(s, words)
	}
	a.counts(v)
	a.others(all)
	a.asks(v)
	a.where(s)
}

// halves tells of a flow of which this host, or its conntrack, has only one direction.
func (a *Answer) halves(s *Seen, v *verdict) {
	if line := v.talk.parted(); line != "" {
		a.Evidence = append(a.Evidence, line)
	}
	if v.talk.oneWay() && !v.talk.unheard(s) && s.Lost == 0 && s.Gaps == 0 && s.Held == 0 {
		a.Evidence = append(a.Evidence, "the client goes on, though no reply came by here: the replies take another way, so conntrack sees half of the connection")
		if (v.kind == Rule || v.kind == Policy) && v.by.asksState() {
			a.Do = "ip route get " + v.by.packet.Src.String() + " on the server: have the replies come back by this host, or do not ask for a state here"
		}
	}
	if n, by := v.talk.circling(); n > 0 {
		a.Evidence = append(a.Evidence, fmt.Sprintf("packets of it came back %s by %s, where they had left, with a smaller TTL: a route leads in a circle", plural(n, "time", "times"), by))
		a.Do = "ip route get " + v.talk.orig.Dst.String() + " here and on the next hop behind " + by + ": each sends it to the other"
	}
	if v.kind == NoReply && s.NoEcho != "" && here(v.by) && echo(v.by.packet) {
		a.Do = "sysctl -w " + s.NoEcho + "=0"
	}
	if v.kind == NoReply && v.hairpin(s) {
		a.Do = "masquerade it: have what comes from " + v.by.journey.Out + " and goes out there again, translated, leave with this host's address"
	}
}

// suspects tells of the counters that make a cause likely.
func (a *Answer) suspects(v *verdict, words drop.Dictionary) {
	for _, d := range v.counters[:min(3, len(v.counters))] {
		e := words.Explain(d)
		line := fmt.Sprintf("%s rose by %d", d.Reason, d.Count)
		if d.Source == drop.StepPerf {
			line = fmt.Sprintf("in the whole host %d dropped for %s at %s", d.Count, d.Reason, d.Place)
		}
		a.Evidence = append(a.Evidence, strings.Join(append([]string{line}, e.Facts...), "; "))
		a.Drops = append(a.Drops, d)
		if a.Do == "" {
			a.Do = e.Do
		}
		if a.Reason == "" {
			a.Reason = d.Reason
		}
	}
	if v.unkept > 0 {
		a.Evidence = append(a.Evidence, unkept(v.unkept))
	}
	if v.waits != nil && v.cut == nil {
		a.Do = fmt.Sprintf("ip neigh show %s dev %s: is the address right, is that host up and on this link?", v.waits.Addr, v.waits.Dev)
	}
}

// take notes what was seen of a packet, once.
func (a *Answer) take(x *sight) {
	const most = 20 // of each
	if x.journey != nil && len(a.Journeys) < most && !slices.Contains(a.Journeys, x.journey) {
		a.Journeys = append(a.Journeys, x.journey)
	}
	if x.drop != nil && len(a.Drops) < most && !slices.Contains(a.Drops, x.drop) {
		a.Drops = append(a.Drops, x.drop)
	}
}

// counts says how many packets of the flow were seen.
func (a *Answer) counts(v *verdict) {
	for _, side := range []struct {
		name string
		c    Counts
	}{{"request", v.talk.requests}, {"reply", v.talk.replies}} {
		c := side.c
		if c.Seen == 0 {
			continue
		}
		line := fmt.Sprintf("%s direction: %s seen", side.name, plural(c.Seen, "packet", "packets"))
		if c.Delivered > 0 {
			line += fmt.Sprintf(", %d came through", c.Delivered)
		}
		if c.Dropped > 0 {
			line += fmt.Sprintf(", %d dropped", c.Dropped)
		}
		if c.Again > 0 {
			line += fmt.Sprintf(" (%d sent again)", c.Again)
		}
		a.Evidence = append(a.Evidence, line)
	}
}

// meanwhile lists what rose, of which nobody knows whether it has to do with the flow.
func (a *Answer) meanwhile(s *Seen, words drop.Dictionary) {
	if rose := told(s.Drops, words, s.Began); len(rose) > 0 {
		a.Evidence = append(a.Evidence, "meanwhile, of whatever flow: "+strings.Join(rose, "; "))
	}
}

// others says what became of other flows that the filter matches.
func (a *Answer) others(all []*verdict) {
	if len(all) < 2 {
		return
	}
	n := map[string]int{}
	for _, v := range all[1:] {
		n[v.words()]++
	}
	var parts []string
	for _, w := range []string{Rule.words(), Policy.words(), Queue.words(), Conntrack.words(), Kernel.words(), Netfilter.words(), NoReply.words(), Stalled.words(), Refused.words(), Lossy.words(), silentWords, partlyWords, Works.words(), Unknown.words()} {
		if n[w] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[w], w))
		}
	}
	a.Evidence = append(a.Evidence, fmt.Sprintf("%s the filter: %s", plural(len(all)-1, "other flow matches", "other flows match"), strings.Join(parts, ", ")))
}

// What became of flows that were answered, and of which no more is known to work.
const (
	silentWords = "answered, and then silent"
	partlyWords = "answered, and not seen whole"
)

// words are what became of a flow.
func (v *verdict) words() string {
	switch k := v.answer(); {
	case k == Works && v.idle != "":
		return silentWords
	case k == Works && v.partly:
		return partlyWords
	default:
		return k.words()
	}
}

// words are what became of flows of a kind.
func (k Kind) words() string {
	switch k {
	case Rule:
		return "dropped by a rule"
	case Policy:
		return "dropped by a policy"
	case Queue:
		return "dropped for want of a program on their queue"
	case Conntrack:
		return "dropped by conntrack"
	case Kernel, Backlog:
		return "dropped by the kernel"
	case Netfilter:
		return "dropped by netfilter"
	case NoReply:
		return "without a reply"
	case Stalled:
		return "stalled"
	case Refused:
		return "refused"
	case Lossy:
		return "answered, with packets lost"
	case Works:
		return "answered"
	}
	return "not known"
}

// asks names the request whose socket, or the packet whose next hop, would tell more.
func (a *Answer) asks(v *verdict) {
	switch {
	case v.kind == Works || v.kind == Stalled:
		if x := v.sentLast(); x != nil {
			a.Hop = x.hop()
		}
	case v.asks:
		p := v.by.packet
		a.Asks = &Call{Proto: p.Proto, From: netip.AddrPortFrom(p.Src, p.SPort), To: v.by.to(), In: v.by.journey.In}
	case v.kind == NoReply:
		a.Hop = v.by.hop()
	}
}

// where says how it was looked for, and what was lost.
func (a *Answer) where(s *Seen) {
	if p := s.Probe; p != nil {
		line := "probe: " + p.What
		if p.Result != "" {
			line += ": " + p.Result
		}
		a.Evidence = append(a.Evidence, line)
	}
	at := "this namespace"
	if s.Place != "" {
		at = "namespace " + s.Place
	}
	line := fmt.Sprintf("looked for %s in %s: both directions traced from prerouting and output on", span(s.Looked), at)
	if s.Watch.Step == "" {
		line += "; drops: nobody watched"
	} else {
		line += "; drops: " + s.Watch.Step.Words()
	}
	a.Evidence = append(a.Evidence, line)
	if a.Kind == Nothing {
		if n := len(s.Flows); n > 0 {
			a.Evidence = append(a.Evidence, fmt.Sprintf("conntrack has %s that the filter matches", plural(n, "connection", "connections")))
		} else {
			a.Evidence = append(a.Evidence, "conntrack has no connection that the filter matches")
		}
	}
	var lost []string
	add := func(n uint64, what string) {
		if n > 0 {
			lost = append(lost, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(s.Lost, "events lost")
	add(s.Gaps, "losses of unknown size")
	add(s.Held, "packets held back by the rate limit")
	add(s.Watch.Untold(), "drops told only by reason and place")
	if len(lost) > 0 {
		a.Evidence = append(a.Evidence, "lost: "+strings.Join(lost, ", "))
	} else {
		a.Evidence = append(a.Evidence, "lost: nothing")
	}
	if n := s.Watch.Missed; n > 0 { // nearly all are others', and many no packets
		a.Evidence = append(a.Evidence, fmt.Sprintf("%s in the whole host the kernel freed something, a packet or a socket's message, as dropped and told nobody: in an interrupt it may pass eBPF over", plural(int(n), "time", "times")))
	}
	if a.Confidence != Certain { // they say what could not be seen
		a.Evidence = append(a.Evidence, s.Notes...)
	}
}

// Near has the rules told of that came before the one that decided and nearly matched:
// those with the fewest conditions that failed; and by which elements of verdict maps it came
// to its end. find may be nil. The journeys of the
// answer get them too, at most so many.
func (a *Answer) Near(find *miss.Finder, most int) {
	if find == nil {
		return
	}
	for i, j := range a.Journeys {
		if j.Origin != "sim" {
			a.Journeys[i] = find.Elements(j)
		}
	}
	if k := a.By.Kind; a.Untraced == nil && (k == "rule" || k == "policy") {
		var near []string
		j := find.Look(a.Journeys[0], mostNear)
		for i := range j.Steps {
			if st := &j.Steps[i]; st.Kind == journey.KindMiss {
				near = append(near, nearly(st))
			}
		}
		a.Evidence = slices.Concat(chosen(j), near, a.Evidence)
	}
	for i, j := range a.Journeys {
		if most > 0 && j.Origin != "sim" {
			a.Journeys[i] = find.Look(j, most)
		}
	}
}

// chosen names the elements of verdict maps that led a packet to where it ended: those of the last
// walk through a base chain.
func chosen(j *journey.Journey) (out []string) {
	for i := range j.Steps {
		st, last := &j.Steps[i], &j.Steps[len(j.Steps)-1]
		if st.Element != "" && st.Hook == last.Hook && st.Family == last.Family && st.Table == last.Table && st.Base == last.Base {
			out = append(out, fmt.Sprintf("in the map of rule %d of %s it was the element %s", st.Rule, journey.Where(st.Backend, st.Family, st.Table, st.Chain), st.Element))
		}
	}
	return out
}

// nearly is a rule that did not match, with the reason.
func nearly(st *journey.Step) string {
	return fmt.Sprintf("passed rule %d of %s (%s): %s", st.Rule, journey.Where(st.Backend, st.Family, st.Table, st.Chain), st.Missed(), st.Text)
}
