package drop

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"nfscope/model"
)

// By is who dropped a packet.
type By string

// The culprits.
const (
	// ByNetfilter is a rule, a policy or a queue of netfilter.
	ByNetfilter By = "netfilter"
	// ByConntrack is the connection table or NAT.
	ByConntrack By = "conntrack"
	// ByKernel is everything else: no rule did it.
	ByKernel By = "kernel"
	// ByUnknown is netfilter or the kernel: a counter that counts for both.
	ByUnknown By = "unknown"
)

// Explanation is a drop in plain words.
type Explanation struct {
	By By
	// Words is one clause about what happened: "no route leads to its destination".
	Words string
	// Facts are what this host says about it, each a clause of its own.
	Facts []string
	// Do is what to look at or to change, "" where there is nothing.
	Do    string
	Grade Grade
	// Without is Words where it is known that no rule and no policy did it, "" where that
	// makes no difference.
	Without string
}

// Sentence joins the words and the facts.
func (e Explanation) Sentence() string {
	return strings.Join(append([]string{e.Words}, e.Facts...), "; ")
}

// Explain says what a drop means. The reason alone says what is always true of it; the
// place and what the host says of itself make it exact.
func (d Dictionary) Explain(p *Drop) Explanation {
	m := d.Of(p.Reason)
	e := Explanation{By: ByKernel, Words: m.Says, Do: m.Do, Grade: m.Grade}
	if strings.HasPrefix(p.Reason, "nf_conntrack ") {
		e.By = ByConntrack
	}
	if p.Source == StepProc && slices.Contains(m.Covers, "NETFILTER_DROP") {
		e.By = ByUnknown
	}
	switch {
	case p.Source == StepProc && m.Host:
		e.fact("this is of the whole host, not of one namespace")
	case p.Source == StepProc:
	case p.Netfilter():
		netfilter(p, &e)
	case p.Reason == "NOT_SPECIFIED":
		unspecified(p, &e)
	default:
		exact(p, &e)
	}
	e.Do = fill(e.Do, p)
	return e
}

// fill puts the names of this drop into advice.
func fill(do string, p *Drop) string {
	dev := p.In
	switch p.Station {
	case StationDeviceOut, StationRouteOut:
		dev = p.Out
	}
	if dev != "" {
		do = strings.ReplaceAll(do, "IFACE", dev)
	}
	if p.HasPacket() {
		do = strings.NewReplacer("DESTINATION", p.Packet.Dst.String(), "SOURCE", p.Packet.Src.String()).Replace(do)
	}
	return do
}

func (e *Explanation) fact(format string, args ...any) {
	e.Facts = append(e.Facts, fmt.Sprintf(format, args...))
}

// netfilter says which part of netfilter it was.
func netfilter(p *Drop, e *Explanation) {
	e.By = ByNetfilter
	at := ""
	if p.Hook != model.HookNone {
		at = " in " + p.Hook.String()
	}
	if p.Queued() {
		e.Words = "a rule" + at + " handed it to user space (NFQUEUE), and no program reads that queue"
		e.Do = "start the program, or give the rule --queue-bypass; `nfscope rules` shows the rule and its queue"
		if p.Facts != nil && p.Facts.QueuesKnown {
			e.fact("queues that are read: %s", numbers(p.Facts.Queues))
		}
		return
	}
	if p.Judged() {
		e.Words = "the program that reads the queue (NFQUEUE) dropped it, or ended before it had decided"
		e.Do = "ask that program, or its log, why"
		return
	}
	e.Words = "a rule or a policy of netfilter" + at + " dropped it"
	if p.HasPacket() {
		c := *p
		c.Packet = *p.came()
		e.Do = "`nfscope trace " + c.Filter() + "` names the rule, when the next one comes"
	}
	ruled := stem(p.Place) == "nft_do_chain" // conntrack's verdicts end in nf_hook_slow, as those of iptables do
	if p.Hook == model.HookNone && !ruled {
		e.Words += ", or conntrack did: its table is full, or another connection is in its way"
	}
	c := (*Conntrack)(nil)
	if p.Facts != nil {
		c = p.Facts.Conntrack
	}
	if c == nil || ruled {
		return
	}
	first := p.Hook == model.HookPrerouting || p.Hook == model.HookOutput
	last := p.Hook == model.HookInput || p.Hook == model.HookPostrouting
	switch {
	case first && !p.Tracked() && p.State != "UNTRACKED" && c.Drop > 0:
		// A rule before conntrack leaves a packet without a connection as well, so that both
		// are named; that new connections are dropped is certain.
		e.By = ByConntrack
		e.Without = "conntrack has no room for its connection"
		e.Words = e.Without + " (a rule of the raw table" + at + " is the only other way)"
		e.fact("%d of %d connections are in the table", c.Count, c.Max)
		e.fact("%d new ones were dropped in the last seconds", c.Drop)
		e.Do = "sysctl -w net.netfilter.nf_conntrack_max=" + strconv.Itoa(2*max(c.Max, 1)) + ", or shorter timeouts; NOTRACK for what needs no tracking"
	case last && p.Tracked() && p.State == "NEW" && c.InsertFailed > 0:
		e.By = ByConntrack
		e.Without = "conntrack could not take its connection"
		e.Words = e.Without + ", or a rule or a policy" + at + " dropped it"
		what := "connections"
		if c.InsertFailed == 1 {
			what = "connection"
		}
		e.fact("%d %s met another one of the same addresses and ports in the last seconds (insert_failed)", c.InsertFailed, what)
		e.Do = "too few ports for SNAT or MASQUERADE: more addresses, --random-fully"
	}
}

// Filter is a filter for packets like this one, from any port of the client.
func (d *Drop) Filter() string {
	p, f := &d.Packet, d.Flow()
	s := fmt.Sprintf("src host %s and dst host %s", p.Src, p.Dst)
	if p.ProtoKnown() {
		s = p.Proto.String() + " and " + s
		if n, err := strconv.Atoi(p.Proto.String()); err == nil {
			s = fmt.Sprintf("proto %d and src host %s and dst host %s", n, p.Src, p.Dst)
		}
	}
	switch {
	case f.Src.Port() != 0:
		s += fmt.Sprintf(" and src port %d", f.Src.Port())
	case f.Dst.Port() != 0:
		s += fmt.Sprintf(" and dst port %d", f.Dst.Port())
	}
	return s
}

// came is the packet as it came to this host, or was made here: a trace begins there, before it
// is translated.
func (d *Drop) came() *model.Packet {
	p, k := d.Packet, d.Packet.Tuple()
	switch d.side() {
	case sideAsks:
		k = d.Orig
	case sideAnswers:
		k = d.Reply
	}
	p.Src, p.Dst, p.SPort, p.DPort = k.Src, k.Dst, k.SPort, k.DPort
	return &p
}

// side is the direction of a packet in its connection.
type side uint8

const (
	sideUnknown side = iota
	sideAsks
	sideAnswers
)

// side tells by conntrack's tuples, of which NAT may have written one end already.
func (d *Drop) side() side {
	k := d.Packet.Tuple()
	if !d.Tracked() || d.Orig.Proto != k.Proto { // an ICMP error is its own flow
		return sideUnknown
	}
	from := func(a model.Tuple) netip.AddrPort { return netip.AddrPortFrom(a.Src, a.SPort) }
	to := func(a model.Tuple) netip.AddrPort { return netip.AddrPortFrom(a.Dst, a.DPort) }
	switch {
	case from(k) == from(d.Orig) || to(k) == from(d.Reply):
		return sideAsks
	case from(k) == from(d.Reply) || to(k) == from(d.Orig):
		return sideAnswers
	}
	return sideUnknown
}

// Queued reports whether the packet was dropped where netfilter gives it to user space.
func (d *Drop) Queued() bool {
	switch stem(d.Place) {
	case "nf_queue", "__nf_queue", "nfqnl_enqueue_packet":
		return true
	}
	return false
}

// Judged reports whether the packet was dropped on its way back from user space: by the
// verdict of the program that read it, or because that program went.
func (d *Drop) Judged() bool {
	switch stem(d.Place) {
	case "nfqnl_reinject", "nf_reinject":
		return true
	}
	return false
}

func numbers(n []int) string {
	if len(n) == 0 {
		return "none"
	}
	var s []string
	for _, x := range n {
		s = append(s, strconv.Itoa(x))
	}
	return strings.Join(s, ", ")
}

// unspecified makes what can be made of a drop for which the kernel gave no reason: the
// place, and the route that this host has.
func unspecified(p *Drop, e *Explanation) {
	place := stem(p.Place)
	to := &Route{}
	if p.Facts != nil && p.Facts.To != nil {
		to = p.Facts.To
	}
	switch {
	case unanswered(place):
		neighbourFailed(p, e)
		return
	case (place == "icmpv6_rcv" || place == "icmp_rcv") && p.Packet.ICMPType == map[bool]uint8{false: 8, true: 128}[p.Packet.Family == model.FamilyIPv6]:
		noEcho(p, e)
		return
	}
	switch place {
	case "ip_error", "dst_discard", "dst_discard_out", "ip6_pkt_discard", "ip6_pkt_discard_out", "ip6_pkt_prohibit", "ip6_pkt_prohibit_out":
		if refusedRoute(p, e, to) {
			return
		}
		e.Words = "its route says that it is to be thrown away: blackhole, prohibit or unreachable"
		e.Do = "ip route get DESTINATION; ip route show type blackhole (prohibit, unreachable)"
	case "ip6_mc_input", "ip_mc_output", "ip6_input":
		e.Words, e.Do, e.Grade = "it is for a multicast group that nobody on this host has joined", "", Usual
	case "tcp_v4_rcv", "tcp_v6_rcv": // without a reason: what has been dealt with (tcp_timewait_state_process, tcp_check_req)
		over, begun := "its connection is over and waits in TIME_WAIT", "its handshake is not finished"
		switch f := p.Packet.Flags; {
		case f&model.SYN != 0:
			e.Words, e.Grade = "another SYN for the same ends: "+begun+" and it was sent again, or "+over, Usual
		case f&model.FIN != 0: // the other end's last word, or that again
			e.Words, e.Grade = over, Usual
		default:
			e.Words = over + ", or " + begun
			e.Do = "ss -tan; nstat -az TcpExtListenOverflows"
		}
	case "ip_forward", "ip6_forward":
		e.Words = "forwarding refused it: TPROXY gave it to a socket of this host and its route leads on, it was not for this host's MAC address, or a policy forbids it"
	default:
		if p.Place != "" {
			e.Words = "the kernel gave no reason; it happened in " + p.Place
		}
		if len(p.Callers) > 0 {
			e.fact("called by %s", strings.Join(p.Callers[:min(3, len(p.Callers))], ", by "))
		}
	}
}

// refusedRoute words a route that throws packets away.
func refusedRoute(p *Drop, e *Explanation, to *Route) bool {
	kind := to.Kind
	if kind == "none" || kind == "unicast" || kind == "" {
		switch stem(p.Place) { // what the place alone says
		case "ip6_pkt_prohibit", "ip6_pkt_prohibit_out":
			kind = "prohibit"
		case "dst_discard", "dst_discard_out":
			kind = "blackhole"
		}
	}
	switch kind {
	case "blackhole", "prohibit", "unreachable":
	default:
		return false
	}
	e.Words = fmt.Sprintf("a route of kind %s throws away what goes to %s", kind, p.Packet.Dst)
	if !p.HasPacket() {
		e.Words = fmt.Sprintf("a route of kind %s throws it away", kind)
	}
	e.Do = fmt.Sprintf("ip route show type %s; ip rule (a rule may say %s too)", kind, kind)
	return true
}

// exact adds what this host says to what a reason means.
func exact(p *Drop, e *Explanation) {
	f := p.Facts
	if f == nil {
		f = &Facts{}
	}
	switch p.Reason {
	case "IP_RPFILTER":
		rpFilter(p, f, e)
	case "IP_INADDRERRORS":
		forwardingOff(p, f, e)
	case "IP_INNOROUTES", "IP_OUTNOROUTES":
		noRoute(p, f, e)
	case "IP_INHDR":
		header(p, e)
	case "OTHERHOST":
		if f.In != nil && p.DstMAC != "" {
			e.fact("it was sent to %s, %s is %s", p.DstMAC, f.In.Name, f.In.MAC)
		}
		if p.SrcMAC != "" {
			e.fact("its sender is %s", p.SrcMAC)
		}
	case "NO_SOCKET":
		noSocket(p, f, e)
	case "PKT_TOO_BIG":
		tooBig(p, f, e)
	case "NEIGH_FAILED", "NEIGH_CREATEFAIL", "NEIGH_QUEUEFULL", "NEIGH_DEAD":
		neighbourFailed(p, e)
	case "IP_LOCALNET":
		localnet(p, f, e)
	case "IP_LOCAL_SOURCE":
		if f.OwnSrc {
			e.fact("%s is an address of this host", p.Packet.Src)
		}
		sysctlFacts(f, e)
	case "QDISC_DROP", "QDISC_OVERLIMIT", "QDISC_CONGESTED", "DEV_READY":
		queue(p, f, e)
	default:
		sysctlFacts(f, e)
	}
}
