package drop

import (
	"fmt"
	"strings"

	"nfscope/model"
)

// header tells apart what IP_INHDR covers.
func header(p *Drop, e *Explanation) {
	loop := p.HasPacket() && (p.Packet.Src.IsLoopback() || p.Packet.Dst.IsLoopback())
	switch place := stem(p.Place); {
	case (place == "ip_forward" || place == "ip6_forward") && !p.HasPacket():
		e.Words = "its TTL or hop limit ran out, and this host would have to send it on"
		e.Do = "a route that goes round in a circle, a traceroute, or a sender with a small TTL"
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
	if f.To != nil && refusedRoute(p, e, f.To) {
		return
	}
	switch stem(p.Place) {
	case "ip6_pkt_prohibit", "ip6_pkt_prohibit_out":
		refusedRoute(p, e, &Route{})
		return
	case "ip6_pkt_discard", "ip6_pkt_discard_out": // both end here, and no packet says of which
		if !p.HasPacket() {
			e.Words += ", or one of kind unreachable"
		}
	}
	if !p.HasPacket() {
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
		switch d := f.Deaf; {
		case d.Peer:
			e.Do = "a connected socket hears its peer alone: start the program anew where its peer came back from another port, or have it wait at a socket that is not connected"
		case d.Addr && d.Device:
			e.Do = "bind the service to " + p.Packet.Dst.String() + " or to all addresses, and its socket (SO_BINDTODEVICE) to " + p.In + " or to no interface"
		case d.Device:
			e.Do = "the program binds its socket to an interface (SO_BINDTODEVICE): let it take " + p.In + ", or none"
		case d.Addr:
			e.Do = "bind the service to " + p.Packet.Dst.String() + " or to all addresses"
		}
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
	if n == 0 {
		return
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
	if p.Reason == "NOT_SPECIFIED" {
		e.Words = "the next hop does not answer ARP or neighbour discovery"
	}
	if p.HasPacket() {
		e.Words = fmt.Sprintf("the next hop %s", hop)
		if dev != "" {
			e.Words += " on " + dev
		}
		e.Words += " does not answer " + how
		e.Do = fmt.Sprintf("ip neigh show %s; is the machine up, on this wire, with this address and netmask?", hop)
	}
	if state != "" && state != "none" {
		e.fact("its neighbour entry is %s", state)
	}
	if f := p.Facts; f != nil && f.Out != nil && !f.Out.Carrier {
		e.fact("nothing is plugged in at %s", f.Out.Name)
	}
}

// Unresolved reports whether the packet was dropped since its next hop was not found.
func (d *Drop) Unresolved() bool {
	switch d.Reason {
	case "NEIGH_FAILED", "NEIGH_QUEUEFULL":
		return true
	case "NOT_SPECIFIED":
		return unanswered(stem(d.Place))
	}
	return false
}

// unanswered reports whether a function drops what waited for a neighbour.
func unanswered(place string) bool {
	return place == "neigh_invalidate" || place == "arp_error_report" || place == "ndisc_error_report"
}

// NextHop is the neighbour that the packet was to be sent to, as far as it is known.
func (d *Drop) NextHop() *Neighbour {
	if d.Facts != nil && d.Facts.Neighbour != nil {
		return d.Facts.Neighbour
	}
	return &Neighbour{Addr: d.Packet.Dst, Dev: d.Out}
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

// noEcho names the sysctl by which a host answers no echo.
func noEcho(p *Drop, e *Explanation) {
	e.Words = "this host did not answer the echo"
	if p.Facts == nil {
		return
	}
	sysctlFacts(p.Facts, e)
	for _, s := range p.Facts.Sysctls {
		if s.Value == "1" {
			e.Words, e.Do = "this host answers no echo", "sysctl -w "+s.Name+"=0"
			return
		}
	}
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
