package compare

import (
	"nfscope/model"
	"nfscope/model/journey"
)

// layer is where hooks of one name are called at one place.
type layer int

const (
	device layer = iota // a device's ingress and egress
	bridge
	arp
	network
)

func layerOf(s *journey.Step) layer {
	switch {
	case s.Hook == model.HookIngress || s.Hook == model.HookEgress: // those of inet too
		return device
	case s.Family == model.FamilyBridge:
		return bridge
	case s.Family == model.FamilyARP:
		return arp
	}
	return network
}

// stage counts the hooks of one layer up in the order a packet meets them; those that it
// meets one or the other of have the same.
func stage(h model.Hook) int {
	switch h {
	case model.HookIngress:
		return 0
	case model.HookPrerouting:
		return 1
	case model.HookPostrouting:
		return 3
	case model.HookEgress:
		return 4
	}
	return 2
}

// sooner reports whether b is surely called before a; two ways behind the routing
// decision have no order.
func (l *pairing) sooner(a, b *journey.Step) bool {
	p, ok := priority(l.x, a)
	q, ok2 := priority(l.y, b)
	switch x, y := layerOf(a), layerOf(b); {
	case x == y && a.Hook == b.Hook:
		return ok && ok2 && q < p
	case x == y:
		return stage(b.Hook) < stage(a.Hook)
	case y == device && x == network:
		return b.Hook == model.HookIngress
	case x == device && y == network:
		return a.Hook == model.HookEgress
	// A bridge port's packet comes to the bridge before it comes to IP, and leaves it behind
	// that. br_netfilter calls IP's hooks from within the bridge's: prerouting at 0.
	case y == bridge && x == network && b.Hook == model.HookPrerouting:
		return a.Hook != model.HookPrerouting || ok2 && q < 0
	case x == bridge && y == network && a.Hook == model.HookPostrouting:
		return b.Hook != model.HookPostrouting
	}
	return false // a bridge has a device's ingress before it, and one of its own behind it
}

// priority is that of a step's base chain; of iptables' own chains it is known without
// the rules.
func priority(r journey.Rules, s *journey.Step) (model.Priority, bool) {
	if r != nil {
		if _, c := r.Chain(s.Backend, s.Family, s.Table, s.Base); c != nil {
			return c.Priority, true
		}
	}
	if s.Backend == model.BackendNFTables || s.Family != model.FamilyIPv4 && s.Family != model.FamilyIPv6 {
		return 0, false // ebtables and arptables have priorities of their own
	}
	_, p, ok := model.BuiltinChain(s.Table, s.Base)
	return p, ok
}
