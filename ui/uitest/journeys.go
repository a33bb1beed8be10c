package uitest

import (
	"fmt"
	"net/netip"
	"time"

	"nfscope/model"
	"nfscope/model/journey"
)

// maker builds the steps of one journey on a ruleset.
type maker struct {
	rs *model.Ruleset
	j  *journey.Journey
	at time.Time
	tb *model.Table
	bc *model.Chain
}

// packet makes a TCP packet.
func packet(src, dst string, flags model.TCPFlags) model.Packet {
	t := tuple(model.ProtoTCP, src, dst)
	return model.Packet{Family: model.FamilyIPv4, Proto: t.Proto, Src: t.Src, SPort: t.SPort, Dst: t.Dst, DPort: t.DPort,
		Transport: true, Length: 60, Flags: flags, TTL: 63, IPID: 4711}
}

// in enters a base chain.
func (m *maker) in(b model.Backend, f model.Family, table, chain string) *maker {
	m.tb = m.rs.Table(b, f, table)
	m.bc = m.tb.Chain(chain)
	return m
}

// step makes the common part of a step in the given chain.
func (m *maker) step(chain string, depth int, kind journey.Kind) journey.Step {
	m.at = m.at.Add(3 * time.Microsecond)
	return journey.Step{Backend: m.tb.Backend, Hook: m.bc.Hook, Family: m.tb.Family, Table: m.tb.Name, Base: m.bc.Name,
		Chain: chain, Depth: depth, Kind: kind, Time: m.at, RuleID: -1}
}

// rule adds the hit of a rule.
func (m *maker) rule(chain string, depth, index int, d ...journey.Change) *maker {
	s := m.step(chain, depth, journey.KindRule)
	r := &m.tb.Chain(chain).Rules[index-1]
	s.Rule, s.Handle, s.Text, s.Comment = r.Index, r.Handle, r.Text, r.Comment
	s.Verdict, s.Target, s.RuleID, s.Packet = r.Verdict(), r.Target, r.ID, d
	if r.Jump != "" {
		s.Target = r.Jump
	}
	m.j.Steps = append(m.j.Steps, s)
	return m
}

// did says of the last step's rule what it did to the packet.
func (m *maker) did(d ...journey.Change) *maker {
	m.j.Steps[len(m.j.Steps)-1].Did = d
	return m
}

// ahead names what can still drop the packet that the last step accepted.
func (m *maker) ahead(chains ...string) *maker {
	m.j.Steps[len(m.j.Steps)-1].Ahead = chains
	return m
}

// policy adds the policy of the base chain.
func (m *maker) policy(d ...journey.Change) *maker {
	s := m.step(m.bc.Name, 0, journey.KindPolicy)
	s.Verdict, s.Packet = m.bc.PolicyVerdict(), d
	m.j.Steps = append(m.j.Steps, s)
	return m
}

// end adds the end of a user chain.
func (m *maker) end(chain string, depth int) *maker {
	s := m.step(chain, depth, journey.KindEnd)
	s.Verdict = model.VerdictReturn
	m.j.Steps = append(m.j.Steps, s)
	return m
}

// by ends the journey at its last step.
func (m *maker) by(verdict, sentence string) *journey.Journey {
	l := m.j.Steps[len(m.j.Steps)-1]
	m.j.Outcome = journey.Outcome{Verdict: verdict, Sentence: sentence, By: journey.Culprit{
		Backend: l.Backend, Family: l.Family, Table: l.Table, Chain: l.Chain, Kind: string(l.Kind), Rule: l.Rule, Text: l.Text}}
	m.j.Complete, m.j.Closed = true, true
	return m.j
}

const (
	legacy = model.BackendLegacy
	inft   = model.BackendIptablesNFT
	native = model.BackendNFTables
	ip4    = model.FamilyIPv4
	inet   = model.FamilyInet
)

// journeys are six packets: forwarded with DNAT, dropped by a rule, dropped by a
// policy, rejected, sent from here, and one whose end was not seen.
func journeys(rs *model.Ruleset) []*journey.Journey {
	start := func(number int, path, in, out string, p model.Packet) *maker {
		at := now.Add(time.Duration(number-20) * time.Second)
		return &maker{rs: rs, at: at, j: &journey.Journey{ID: fmt.Sprintf("t-%d", number), Number: number, Start: at,
			Origin: "trace", Family: ip4, In: in, Out: out, Path: path, Packet: p}}
	}
	toBackend := []journey.Change{{Field: "dst", Value: "10.2.0.2"}, {Field: "dport", Value: "8443"}}

	a := start(14, journey.PathForward, "eth0", "br0", packet("198.51.100.7:40312", "203.0.113.1:443", model.SYN))
	a.in(legacy, ip4, "raw", "PREROUTING").policy()
	a.in(native, inet, "fw", "pre").policy()
	a.in(legacy, ip4, "nat", "PREROUTING").rule("PREROUTING", 0, 1).did(toBackend...)
	a.in(legacy, ip4, "filter", "FORWARD").rule("FORWARD", 0, 1, append(toBackend, journey.Change{Field: "ttl", Value: "62"})...)
	a.j.Steps[len(a.j.Steps)-1].By = []journey.Author{{Field: "ttl", By: journey.ByForwarding}}
	a.rule("DOCKER-USER", 1, 2).rule("FORWARD", 0, 3).rule("DOCKER", 1, 2).ahead("filter/FORWARD (iptables-nft)", "inet fw/forward (nftables)")
	a.in(inft, ip4, "filter", "FORWARD").policy()
	a.in(native, inet, "fw", "forward").rule("forward", 0, 1).end("limits", 1).policy()
	a.in(legacy, ip4, "nat", "POSTROUTING").policy()
	a.j.CTState, a.j.Flow, a.j.FlowBy, a.j.Direction = "NEW", 3040, journey.FlowByID, journey.Original
	a.j.NAT = &journey.NAT{Class: []string{"dnat"}, Dst: []string{"203.0.113.1:443", "10.2.0.2:8443"}}
	accepted := a.by(journey.Accepted, "sent out of br0 to 10.2.0.2:8443 (was 203.0.113.1:443), accepted by every chain")
	accepted.Outcome.By = journey.Culprit{Backend: legacy, Family: ip4, Table: "nat", Chain: "POSTROUTING", Kind: "policy"}

	b := start(15, journey.PathForward, "eth1", "br0", packet("10.1.0.5:50010", "10.2.0.3:9000", model.SYN))
	b.in(legacy, ip4, "raw", "PREROUTING").policy()
	b.in(native, inet, "fw", "pre").policy()
	b.in(legacy, ip4, "nat", "PREROUTING").policy()
	b.in(legacy, ip4, "filter", "FORWARD").rule("FORWARD", 0, 1).rule("DOCKER-USER", 1, 2).
		rule("FORWARD", 0, 3).end("DOCKER", 1).policy()
	b.j.CTState = "NEW"
	policy := b.by(journey.Dropped, "dropped by the policy of filter/FORWARD (iptables-legacy): no rule accepted it")

	c := start(16, journey.PathForward, "eth1", "eth0", packet("10.1.0.6:39004", "192.0.2.25:25", model.SYN))
	c.in(legacy, ip4, "raw", "PREROUTING").policy()
	c.in(native, inet, "fw", "pre").policy()
	c.in(legacy, ip4, "filter", "FORWARD").rule("FORWARD", 0, 1).rule("DOCKER-USER", 1, 2).rule("FORWARD", 0, 4)
	c.j.CTState = "NEW"
	rejected := c.by(journey.Rejected, `rejected by rule 4 of filter/FORWARD (iptables-legacy): -A FORWARD -p tcp -m tcp --dport 25 -m comment --comment "禁止直接发信" -j REJECT --reject-with icmp-port-unreachable`)

	d := start(17, journey.PathOutput, "", "eth0", packet("203.0.113.1:44120", "93.184.216.34:80", model.SYN))
	d.in(legacy, ip4, "raw", "OUTPUT").policy()
	d.in(legacy, ip4, "nat", "OUTPUT").policy()
	d.in(legacy, ip4, "filter", "OUTPUT").policy()
	d.in(inft, ip4, "filter", "OUTPUT").policy()
	d.in(legacy, ip4, "nat", "POSTROUTING").policy()
	d.j.CTState, d.j.Flow, d.j.FlowBy, d.j.Direction = "NEW", 3051, journey.FlowByTuple, journey.Original
	output := d.by(journey.Accepted, "sent out of eth0, accepted by every chain")

	e := start(18, journey.PathUnknown, "eth0", "", packet("198.51.100.8:40100", "203.0.113.1:443", model.ACK))
	e.in(legacy, ip4, "raw", "PREROUTING").policy()
	e.in(native, inet, "fw", "pre").policy()
	unknown := e.by(journey.Unknown, "its end was not seen: 12 events were lost after pre of inet fw (nftables)")
	unknown.Outcome.By, unknown.Complete, unknown.Gaps, unknown.Why = journey.Culprit{}, false, 1, "12 events were lost"

	f := start(19, journey.PathInput, "eth0", "", packet("198.51.100.7:40312", "203.0.113.10:80", model.SYN))
	f.j.Packet.Dst = netip.MustParseAddr("203.0.113.10")
	f.in(legacy, ip4, "raw", "PREROUTING").policy()
	f.in(native, inet, "fw", "pre").policy()
	f.in(legacy, ip4, "nat", "PREROUTING").policy()
	f.in(legacy, ip4, "filter", "INPUT").rule("INPUT", 0, 2)
	f.j.CTState = "NEW"
	dropped := f.by(journey.Dropped, "dropped by rule 2 of filter/INPUT (iptables-legacy): -A INPUT -d 203.0.113.10/32 -j DROP")

	return []*journey.Journey{accepted, policy, rejected, output, unknown, dropped}
}
