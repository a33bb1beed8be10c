package why

import (
	"fmt"

	"nfscope/model"
	"nfscope/model/journey"
)

// errorWords say what an ICMP error means (RFC 792, RFC 1812, RFC 4443).
func errorWords(p *model.Packet) string {
	const port = "port unreachable (nobody listens there, or a firewall rejects it)"
	const firewall = "administratively prohibited (a firewall or a route rejects it)"
	words := map[[2]uint8]string{
		{3, 0}: "network unreachable", {3, 1}: "host unreachable", {3, 2}: "protocol unreachable", {3, 3}: port, {3, 4}: "it is too large for the next link, and may not be cut into fragments",
		{3, 9}: firewall, {3, 10}: firewall, {3, 13}: firewall, {11, 0}: "its TTL ran out on the way", {11, 1}: "fragments of it are missing",
	}
	if p.Proto == model.ProtoICMPv6 {
		words = map[[2]uint8]string{
			{1, 0}: "no route to it", {1, 1}: firewall, {1, 3}: "address unreachable", {1, 4}: port, {1, 5}: "its source address is not allowed", {1, 6}: firewall,
			{2, 0}: "it is too large for the next link", {3, 0}: "its hop limit ran out on the way", {3, 1}: "fragments of it are missing",
		}
	}
	if w, ok := words[[2]uint8{p.ICMPType, p.ICMPCode}]; ok {
		return w
	}
	return p.Detail()
}

// refuses reports whether an ICMP error says that the packet did not arrive: a redirect only
// names a better way, and a quench asks to send less.
func refuses(p *model.Packet) bool {
	return p.Proto != model.ProtoICMP || p.ICMPType != 4 && p.ICMPType != 5
}

// tooLarge reports whether an ICMP error asks for smaller packets: who never hears of it sends
// the same again and again, while all that is short comes through.
func tooLarge(p *model.Packet) bool {
	return p.Proto == model.ProtoICMP && p.ICMPType == 3 && p.ICMPCode == 4 || p.Proto == model.ProtoICMPv6 && p.ICMPType == 2
}

// silenced finds an ICMP error that did not come to the client: the only answer to it, or the one
// that says why its long packets are gone. Where another of them came through, as past a limit,
// the client knows. Of an only answer whose end nobody told of it is not known that it came.
func (t *talk) silenced() (found *sight) {
	tells := refuses
	if t.replies.Seen > 0 {
		tells = tooLarge
	}
	for _, x := range t.about {
		switch gone := x.fate == open && t.replies.Seen == 0 && x.over(); {
		case !tells(x.packet) || !t.toClient(x):
		case x.fate == arrived:
			return nil
		case found == nil && (x.lost() || gone):
			found = x
		}
	}
	return found
}

// toClient reports whether an ICMP error is about a request: where nobody traced it, by whom it is
// sent to, since a router on the way may complain of either side.
func (t *talk) toClient(x *sight) bool {
	if j := x.journey; j != nil && j.Direction != "" {
		return j.Direction == journey.Reply
	}
	to := x.packet.Dst
	if d := x.drop; d != nil && d.Tracked() && (to == d.Orig.Src || to == d.Reply.Dst) { // behind SNAT the client has two addresses
		return true
	}
	return to == t.orig.Src
}

// heard says which ICMP errors about the flow came, each once.
func (t *talk) heard() (out []string) {
	n := map[string]int{}
	var order []string
	for _, x := range t.about {
		w := fmt.Sprintf("about it came from %s: %s", x.packet.Src, errorWords(x.packet))
		switch {
		case x.fate == byRule:
			w += ", " + x.journey.Outcome.Sentence
		case x.lost() && x.ruled():
			w += ", dropped by netfilter"
		case x.lost():
			w += ", dropped by the kernel"
		case x.fate == open && x.over():
			w += ", and what became of it is not known"
		}
		if n[w]++; n[w] == 1 {
			order = append(order, w)
		}
	}
	for _, w := range order {
		if n[w] == 1 {
			out = append(out, "an ICMP error "+w)
		} else {
			out = append(out, fmt.Sprintf("%d ICMP errors %s", n[w], w))
		}
	}
	return out
}
