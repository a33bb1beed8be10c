package drop

import (
	"fmt"
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
	e.Words = "a rule or a policy of netfilter" + at + " dropped it"
	if p.HasPacket() {
		e.Do = "`nfscope trace " + Filter(&p.Packet) + "` names the rule, when the next one comes"
	}
	c := (*Conntrack)(nil)
	if p.Facts != nil {
		c = p.Facts.Conntrack
	}
	if c == nil {
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
		e.fact("%d connections met another one of the same addresses and ports in the last seconds (insert_failed)", c.InsertFailed)
		e.Do = "too few ports for SNAT or MASQUERADE: more addresses, --random-fully"
	}
}

// Filter is a filter for packets like this one, from any port of the client.
func Filter(p *model.Packet) string {
	f := FlowOf(p)
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

// Queued reports whether the packet was dropped where netfilter gives it to user space.
func (d *Drop) Queued() bool {
	switch stem(d.Place) {
	case "nf_queue", "__nf_queue", "nfqnl_enqueue_packet":
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
	switch place {
	case "ip_error", "dst_discard", "dst_discard_out", "ip6_pkt_discard", "ip6_pkt_discard_out", "ip6_pkt_prohibit", "ip6_pkt_prohibit_out":
		if refusedRoute(p, e, to) {
			return
		}
		e.Words = "its route says that it is to be thrown away: blackhole, prohibit or unreachable"
		e.Do = "ip route get DESTINATION; ip route show type blackhole (prohibit, unreachable)"
	case "neigh_invalidate", "arp_error_report", "ndisc_error_report":
		neighbourFailed(p, e)
	case "ip6_mc_input", "ip_mc_output", "ip6_input":
		e.Words, e.Do, e.Grade = "it is for a multicast group that nobody on this host has joined", "", Usual
	case "ip_forward", "ip6_forward":
		e.Words = "forwarding refused it: it was not for this host's MAC address, or a policy forbids it"
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

// header tells apart what IP_INHDR covers.
func header(p *Drop, e *Explanation) {
	loop := p.HasPacket() && (p.Packet.Src.IsLoopback() || p.Packet.Dst.IsLoopback())
	switch place := stem(p.Place); {
	case (place == "ip_forward" || place == "ip6_forward") && p.Packet.TTL <= 1:
		what, word := "TTL", "TTL"
		if p.Packet.Family == model.FamilyIPv6 {
			what, word = "hop limit", "hop limit"
		}
		e.Words = fmt.Sprintf("its %s ran out: it came with %d and this host would have to send it on", what, p.Packet.TTL)
		e.Do = "a route that goes round in a circle (traceroute " + p.Packet.Dst.String() + "), a traceroute, or a sender with a small " + word
	case loop && p.Packet.Family == model.FamilyIPv6:
		e.Words = "an address of ::1 is in it, which must not be seen on a wire"
		e.Do = "find the sender; a DNAT to ::1 from outside cannot work, redirect to an address of the interface"
	}
}

func sysctlFacts(f *Facts, e *Explanation) {
	for _, s := range f.Sysctls {
		e.fact("%s is %s", s.Name, s.Value)
	}
}

// rpFilter names the sysctl that decides, and the way back.
func rpFilter(p *Drop, f *Facts, e *Explanation) {
	all, dev := f.Sysctl("net.ipv4.conf.all.rp_filter"), f.Sysctl("net.ipv4.conf."+p.In+".rp_filter")
	name, value := "net.ipv4.conf."+p.In+".rp_filter", dev
	if all > dev { // the larger counts (IN_DEV_MAXCONF)
		name, value = "net.ipv4.conf.all.rp_filter", all
	}
	back := ""
	switch {
	case f.Back == nil:
	case f.Back.Dev != "":
		back = fmt.Sprintf("the way back to %s is %s, and it came by %s", p.Packet.Src, f.Back.Text, p.In)
	default:
		back = fmt.Sprintf("no route leads back to %s", p.Packet.Src)
	}
	switch value {
	case "1":
		e.Words = "reverse path filter, strict: the answer to its sender would not go out of the interface it came by"
	case "2":
		e.Words = "reverse path filter, loose: no route at all leads back to its sender"
	}
	if value != "" {
		e.fact("%s is %s", name, value)
	}
	if back != "" {
		e.fact("%s", back)
	}
	if value == "1" {
		e.Do = fmt.Sprintf("add a route back to %s by %s, or sysctl -w %s=2 (any route will do) or 0 (off); the larger of `all` and the interface counts", p.Packet.Src, p.In, name)
	} else if value == "2" {
		e.Do = fmt.Sprintf("add a route back to %s, or sysctl -w %s=0; the larger of `all` and the interface counts", p.Packet.Src, name)
	}
}

// forwardingOff names the sysctl that keeps this host from being a router.
func forwardingOff(p *Drop, f *Facts, e *Explanation) {
	names := []string{"net.ipv4.conf." + p.In + ".forwarding", "net.ipv4.ip_forward"}
	if p.Packet.Family == model.FamilyIPv6 {
		names = []string{"net.ipv6.conf." + p.In + ".forwarding", "net.ipv6.conf.all.forwarding"}
	}
	for i, n := range names {
		if f.Sysctl(n) != "0" {
			continue
		}
		if i == 0 && f.Sysctl(names[1]) == "0" {
			n = names[1]
		}
		e.Words = "it is for another host, and forwarding is off here"
		e.fact("%s is 0", n)
		e.Do = "sysctl -w " + n + "=1, if this host is to be a router"
		return
	}
}

// noRoute says what the routing tables say.
func noRoute(p *Drop, f *Facts, e *Explanation) {
	if !p.HasPacket() {
		return
	}
	if f.To != nil && refusedRoute(p, e, f.To) {
		return
	}
	if stem(p.Place) == "ip6_pkt_prohibit" || stem(p.Place) == "ip6_pkt_prohibit_out" {
		refusedRoute(p, e, &Route{})
		return
	}
	if p.Kind == "multicast" || p.Packet.Dst.IsMulticast() {
		e.Words, e.Grade, e.Do = "no route for multicast on the interface, mostly because that is just coming up", Usual, ""
		return
	}
	e.Words = "no route leads to " + p.Packet.Dst.String()
	if f.To != nil && f.To.Dev != "" {
		e.fact("now there is one: %s", f.To.Text)
	}
	e.Do = fmt.Sprintf("ip route get %s from %s iif %s; add a route", p.Packet.Dst, p.Packet.Src, p.In)
	if p.In == "" {
		e.Do = fmt.Sprintf("ip route get %s; add a route", p.Packet.Dst)
	}
}

// noSocket says who listens elsewhere.
func noSocket(p *Drop, f *Facts, e *Explanation) {
	if !p.HasPacket() || !p.Packet.Transport || !p.Packet.Proto.Ports() {
		if p.Packet.Proto.ICMP() {
			e.Words, e.Grade = "nobody on this host waits for this ICMP message", Usual
			e.Do = ""
		}
		return
	}
	what := fmt.Sprintf("%s port %d of %s", p.Packet.Proto, p.Packet.DPort, p.Packet.Dst)
	e.Words = "nobody listens at " + what
	switch {
	case p.Packet.Proto == model.ProtoTCP && p.Packet.Flags&model.SYN == 0:
		e.Words = "no connection of this host has these ends (" + what + "): it is over, or was never there"
		e.Do = "a firewall or NAT that forgot the connection, or a restarted service; ss -tan"
		return
	case f.Listener == ListenerThere:
		e.fact("now somebody does: %s", strings.Join(f.Nearby, ", "))
	case len(f.Nearby) > 0:
		e.fact("the port is bound to %s only", strings.Join(f.Nearby, ", "))
		e.Do = "bind the service to " + p.Packet.Dst.String() + " or to all addresses"
		return
	case f.Listener == ListenerNone:
		e.fact("no socket of this host has that port")
	}
	flag := map[model.Proto]string{model.ProtoTCP: "t", model.ProtoUDP: "u"}[p.Packet.Proto]
	e.Do = fmt.Sprintf("ss -ln%sp sport = :%d; start the service, or send to the port it listens at", flag, p.Packet.DPort)
}

// tooBig compares the packet with the way out.
func tooBig(p *Drop, f *Facts, e *Explanation) {
	n := p.Packet.Length
	if n == 0 {
		n = p.Length
	}
	if f.Out == nil {
		e.fact("it has %d bytes", n)
		return
	}
	mtu := f.Out.MTU
	if f.To != nil && f.To.MTU > 0 {
		mtu = min(mtu, f.To.MTU)
	}
	e.Words = fmt.Sprintf("it has %d bytes, the MTU of %s is %d, and it may not be cut into fragments", n, f.Out.Name, mtu)
}

// neighbourFailed names the next hop.
func neighbourFailed(p *Drop, e *Explanation) {
	hop, dev, state := p.Packet.Dst, p.Out, ""
	if f := p.Facts; f != nil && f.Neighbour != nil {
		hop, dev, state = f.Neighbour.Addr, f.Neighbour.Dev, f.Neighbour.State
	}
	how := "ARP"
	if p.Packet.Family == model.FamilyIPv6 {
		how = "neighbour discovery"
	}
	if p.HasPacket() {
		e.Words = fmt.Sprintf("the next hop %s on %s does not answer %s", hop, dev, how)
		e.Do = fmt.Sprintf("ip neigh show %s; is the machine up, on this wire, with this address and netmask?", hop)
	}
	if state != "" && state != "none" {
		e.fact("its neighbour entry is %s", state)
	}
	if f := p.Facts; f != nil && f.Out != nil && !f.Out.Carrier {
		e.fact("nothing is plugged in at %s", f.Out.Name)
	}
}

// localnet names the address and the sysctl.
func localnet(p *Drop, f *Facts, e *Explanation) {
	for _, a := range []struct {
		addr interface{ IsLoopback() bool }
		what string
	}{{p.Packet.Src, "its source " + p.Packet.Src.String()}, {p.Packet.Dst, "its destination " + p.Packet.Dst.String()}} {
		if p.HasPacket() && a.addr.IsLoopback() {
			e.Words = a.what + " is of 127/8, which must not be seen on a wire"
		}
	}
	sysctlFacts(f, e)
}

// queue tells a full queue from an interface that is not there.
func queue(p *Drop, f *Facts, e *Explanation) {
	switch l := f.Out; {
	case l == nil:
	case !l.Up:
		e.Words = l.Name + " is down"
		e.Do = "ip link set " + l.Name + " up"
	case !l.Carrier:
		e.Words = "nothing is plugged in at " + l.Name + " (no carrier)"
		e.Do = "the cable, the switch, or the other end of the veth: ip -d link show " + l.Name
	case l.Qdisc != "":
		e.Words = fmt.Sprintf("the queue of %s (%s) dropped it: full, or a limit of a shaper", l.Name, l.Qdisc)
		e.fact("%s has dropped %d so far", l.Qdisc, l.QdiscDropped)
	}
}
