package filter

import (
	"net/netip"
	"strings"
)

// mentioned is a value that a rule names, and of which end.
type mentioned[T any] struct {
	dir   dir
	value T
}

// listed are the names and values of a text.
type listed struct {
	words []string // in small letters
	nets  []mentioned[netip.Prefix]
	ports []mentioned[[2]uint16]
}

// list reads all of a text.
func list(text string) *listed {
	all := &listed{}
	m := mentions{text: text}
	for w, value := m.next(); w != ""; w, value = m.next() {
		all.words = append(all.words, strings.ToLower(w))
		if !value {
			continue
		}
		var v values
		if v.of(w, m.ports); v.isNet {
			all.nets = append(all.nets, mentioned[netip.Prefix]{m.dir, v.net})
		}
		if v.isPorts {
			all.ports = append(all.ports, mentioned[[2]uint16]{m.dir, [2]uint16{v.lo, v.hi}})
		}
	}
	return all
}

// end is the one network and the one range of ports that are mentioned for an end.
func (m *listed) end(d dir) (e end) {
	nets, ports := 0, 0
	for _, n := range m.nets {
		if d == dirAny || n.dir == d {
			e.net, nets = n.value, nets+1
		}
	}
	for _, p := range m.ports {
		if d == dirAny || p.dir == d {
			e.lo, e.hi, ports = p.value[0], p.value[1], ports+1
		}
	}
	if nets > 1 {
		e.net = netip.Prefix{}
	}
	if ports > 1 {
		e.lo, e.hi = 0, 0
	}
	return e
}
