package model

import (
	"net/netip"
)

// Route is one route of a namespace's main table.
type Route struct {
	// To is where it leads; 0.0.0.0/0 and ::/0 are the default routes.
	To netip.Prefix
	// Device is the interface that packets leave by, "" where they do not (blackhole,
	// unreachable) or where there are several (multipath).
	Device string
	// Metric orders routes to the same prefix: the lowest counts.
	Metric int `json:",omitempty"`
}

// Routes are the routes of a namespace.
type Routes struct {
	List []Route
	// Policy says that other rules than the usual three choose the table, or that List is
	// not whole, so that it may not be the one that counts.
	Policy bool `json:",omitempty"`
}

// Device is the interface that packets for an address leave by, "" where it is not known.
func (r *Routes) Device(to netip.Addr) string {
	if r == nil || r.Policy {
		return ""
	}
	best := -1
	for i := range r.List {
		x := &r.List[i]
		if !x.To.Contains(to) {
			continue
		}
		if best >= 0 {
			b := &r.List[best]
			if x.To.Bits() < b.To.Bits() || x.To.Bits() == b.To.Bits() && x.Metric > b.Metric {
				continue
			}
			if x.To.Bits() == b.To.Bits() && x.Metric == b.Metric && x.Device != b.Device {
				return "" // which of the two is not known
			}
		}
		best = i
	}
	if best < 0 {
		return ""
	}
	return r.List[best].Device
}

// Together reports whether surely the same network, which is no default route, holds both
// addresses.
func (r *Routes) Together(a, b netip.Addr) bool {
	net := r.network(a)
	return net.IsValid() && net.Bits() > 0 && net == r.network(b)
}

// network is the longest prefix that holds an address, of those that a route leads to.
func (r *Routes) network(to netip.Addr) (net netip.Prefix) {
	if r == nil || r.Policy {
		return net
	}
	for i := range r.List {
		if p := r.List[i].To; p.Contains(to) && (!net.IsValid() || p.Bits() > net.Bits()) {
			net = p
		}
	}
	return net
}

// Lack reports whether surely none of the routes leads to an address.
func (r *Routes) Lack(to netip.Addr) bool {
	if r == nil || r.Policy {
		return false
	}
	for i := range r.List {
		if r.List[i].To.Contains(to) {
			return false
		}
	}
	return true
}
