package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/flow"
	"nfscope/model/journey"
)

// find gives the way of an attempt's first packet: the earliest one with its tuple that
// did not begin before it. Several attempts with one tuple have their packets in turn,
// because a journey begins when its events were read, which may be later.
func (c *checker) find(a Attempt) *journey.Journey {
	var ways []*journey.Journey
	for _, j := range c.ev.Journeys {
		if sameTuple(j.Packet.Tuple(), a.Tuple) {
			ways = append(ways, j)
		}
	}
	slices.SortStableFunc(ways, func(a, b *journey.Journey) int { return a.Start.Compare(b.Start) })
	var all []time.Time
	for _, r := range c.ev.Results {
		for _, b := range r.Attempts {
			if sameTuple(a.Tuple, b.Tuple) {
				all = append(all, b.Start)
			}
		}
	}
	if len(all) > 1 {
		if ways = slices.DeleteFunc(ways, func(j *journey.Journey) bool { return j.Start.Before(all[0]) }); len(ways) == len(all) {
			return ways[slices.Index(all, a.Start)]
		}
	}
	for _, j := range ways {
		if !j.Start.Before(a.Start) {
			return j
		}
	}
	return nil
}

// journey holds what is stated of the way of an attempt's first packet.
func (c *checker) journey(e *Expect, a Attempt) {
	j := c.find(a)
	switch {
	case e.Unseen && j != nil && !aheadOfHooks(j):
		c.fail("journey", "none", j.Outcome.Sentence)
		return
	case e.Unseen:
		return
	}
	if j == nil {
		c.fail("journey", "one of "+a.Tuple.String(), "")
		return
	}
	if e.Drop == nil || c.sees() { // else the rules' word is the last
		c.same("outcome", e.Outcome, j.Outcome.Verdict)
	}
	c.same("sentence", e.Sentence, j.Outcome.Sentence)
	c.same("path", e.Path, j.Path)
	if j.CTState != "" {
		c.same("state", e.State, j.CTState)
	}
	if e.By != nil {
		have := j.Outcome.By
		c.same("backend", e.By.Backend, have.Backend.String())
		c.same("family", e.By.Family, have.Family.String())
		if e.By.Table != "" {
			c.same("decided in", e.By.Table+"/"+e.By.Chain, have.Table+"/"+have.Chain)
		}
		c.same("decided by", e.By.Kind, have.Kind)
		c.same("the kernel's reason", e.By.Reason, have.Reason)
		if e.By.Rule != 0 && e.By.Rule != have.Rule {
			c.fail("decided by", fmt.Sprintf("rule %d", e.By.Rule), fmt.Sprintf("rule %d", have.Rule))
		}
	}
	var hits []string
	for _, s := range j.Steps {
		if s.Kind == journey.KindRule {
			hits = append(hits, fmt.Sprintf("%s/%s %d", s.Table, s.Chain, s.Rule))
		}
	}
	rest := hits
	for _, h := range e.Hits {
		i := slices.Index(rest, h)
		if i < 0 {
			c.fail("rules hit", strings.Join(e.Hits, ", "), strings.Join(hits, ", "))
			return
		}
		rest = rest[i+1:]
	}
	c.never(e.Never, j)
	if c.ev.Misses != nil {
		c.misses(e.Misses, c.ev.Misses(j))
	}
}

// aheadOfHooks reports whether a packet came to its end before the first hook: the kernel
// tells of such a one, netfilter does not.
func aheadOfHooks(j *journey.Journey) bool {
	return len(j.Steps) == 0 && j.Drop != nil && j.Drop.Station == drop.StationDeviceIn
}

// never holds that a packet met no rule where it must not. The chains' own ends are
// steps too: a table that is not visited has none. What the host does not have is not
// taken for a place that the packet did not come to.
func (c *checker) never(list []string, j *journey.Journey) {
	for _, n := range list {
		table, chain, rule, _ := splitNever(n)
		if c.ev.Rules != nil && !has(c.ev.Rules, table, chain, rule) {
			c.fail("met", "not "+n, "no such place")
			continue
		}
		for _, s := range j.Steps {
			if s.Table == table && (chain == "" || s.Chain == chain) && (rule == 0 || s.Rule == rule) && s.Kind != journey.KindMiss {
				c.fail("met", "not "+n, fmt.Sprintf("%s/%s %s %d", s.Table, s.Chain, s.Kind, s.Rule))
				break
			}
		}
	}
}

// has reports whether a ruleset has a table, in it a chain, and in that a rule.
func has(rs *model.Ruleset, table, chain string, rule int) bool {
	return slices.ContainsFunc(rs.Tables, func(t *model.Table) bool {
		if t.Name != table || chain == "" {
			return t.Name == table
		}
		ch := t.Chain(chain)
		return ch != nil && rule <= len(ch.Rules)
	})
}

// misses finds the rules that must have been looked at in vain.
func (c *checker) misses(list []Miss, j *journey.Journey) {
	for _, m := range list {
		table, chain, rule, _ := splitPlace(m.At)
		var have []string
		found := false
		for _, s := range j.Steps {
			if s.Kind != journey.KindMiss || s.Table != table || s.Chain != chain || s.Rule != rule {
				continue
			}
			found = found || m.Because == ""
			for _, b := range s.Because {
				why := fmt.Sprintf("%s %s is not %s (%s)", b.Match, b.Have, b.Want, b.Result)
				have = append(have, why)
				found = found || b.Result == "no" && strings.Contains(why, m.Because)
			}
		}
		if !found {
			c.fail("rule "+m.At, "no match: "+m.Because, strings.Join(have, "; "))
		}
	}
}

// sameTuple compares tuples. An echo's DPort is type and code, the same in both.
func sameTuple(a, b model.Tuple) bool {
	return a.Proto == b.Proto && a.Src == b.Src && a.Dst == b.Dst && a.SPort == b.SPort && a.DPort == b.DPort
}

func (c *checker) flow(e *ExpectFlow, t model.Tuple) {
	i := slices.IndexFunc(c.ev.Flows, func(f *flow.Flow) bool { return sameTuple(f.Orig.Tuple, t) })
	switch {
	case e.None && i >= 0:
		c.fail("flow", "none", t.String())
		return
	case e.None:
		return
	case i < 0:
		c.fail("flow", "one of "+t.String(), "")
		return
	}
	f := c.ev.Flows[i]
	if kept := f.Reply.Tuple.DPort == f.Orig.Tuple.SPort; e.Port != "" && kept != (e.Port == "kept") {
		c.fail("the sender's port", e.Port, fmt.Sprintf("%d, seen outside as %d", f.Orig.Tuple.SPort, f.Reply.Tuple.DPort))
	}
	for _, class := range e.Class {
		if !slices.Contains(f.NAT.Class, flow.Class(class)) {
			c.fail("NAT class", class, fmt.Sprint(f.NAT.Class))
		}
	}
	c.end("the replies' source", e.Reply.Src, f.Reply.Tuple.Src, f.Reply.Tuple.SPort)
	c.end("the replies' destination", e.Reply.Dst, f.Reply.Tuple.Dst, f.Reply.Tuple.DPort)
}

func (c *checker) end(what, want string, addr netip.Addr, port uint16) {
	a, p, ok := splitEnd(want)
	if ok && (a != addr || p != 0 && p != port) {
		c.fail(what, want, netip.AddrPortFrom(addr, port).String())
	}
}

// pool counts the ports of an address that NAT has given away: those that a living
// flow's replies come to.
func (c *checker) pool(p Pool) {
	from, to, _ := splitRange(p.Ports)
	used := map[uint16]bool{}
	for _, f := range c.ev.Flows {
		t := f.Reply.Tuple
		if f.Gone.IsZero() && t.Dst.String() == p.Address && t.DPort >= from && t.DPort <= to {
			used[t.DPort] = true
		}
	}
	if len(used) != p.Used {
		c.fail(fmt.Sprintf("pool of %s, ports %s", p.Address, p.Ports), fmt.Sprintf("%d in use", p.Used), fmt.Sprint(len(used)))
	}
}

// drop finds the packet, or the connection that it belongs to, among what the kernel
// threw away.
func (c *checker) drop(e *ExpectDrop, t model.Tuple) {
	both := drop.Flow{Proto: t.Proto, Src: netip.AddrPortFrom(t.Src, t.SPort), Dst: netip.AddrPortFrom(t.Dst, t.DPort)}
	var have []string
	for _, r := range c.ev.Drops.Rows {
		if f := r.Key.Flow; f != both.At(f.Src.Port() != 0, f.Dst.Port() != 0) && (r.Last == nil || !sameTuple(r.Last.Orig, t)) {
			continue
		}
		station := ""
		if r.Last != nil {
			station = r.Last.Station.String()
		}
		if r.Key.Reason == e.Reason && (e.Station == "" || e.Station == station) {
			return
		}
		have = append(have, r.Key.Reason+" at "+station)
	}
	c.fail("drop", strings.TrimSuffix(e.Reason+" at "+e.Station, " at "), strings.Join(have, ", "))
}
