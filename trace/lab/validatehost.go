package lab

import (
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strings"

	"nfscope/model"
)

func (v *validator) host(w string, h *Host, i int) {
	if !hostOK(h.Name) {
		v.bad(w+".name", "host %q: expected small letters and digits, at most 15, a letter first", h.Name)
	}
	if slices.ContainsFunc(v.lab.Hosts[:i], func(o Host) bool { return o.Name == h.Name }) {
		v.bad(w+".name", "host %q is there twice", h.Name)
	}
	for j, a := range h.Addresses {
		v.address(fmt.Sprintf("%s.addresses[%d]", w, j), h.Name, a)
	}
	for j, b := range h.Bridges {
		v.dev(fmt.Sprintf("%s.bridges[%d].name", w, j), h.Name, b.Name)
	}
	for k := range h.Sysctls {
		if !sysctlOK(k) {
			v.bad(w+".sysctls", "sysctl %q of host %s: only net.* belongs to a namespace", k, h.Name)
		}
	}
	for j, r := range h.Rules {
		v.rules(fmt.Sprintf("%s.rules[%d]", w, j), r)
	}
	v.services(w, h)
}

func (v *validator) rules(w string, r Rules) {
	if r.File == "" || !fs.ValidPath(r.File) {
		v.bad(w+".file", "rules file %q: expected the name of a file in the lab's folder", r.File)
	} else if v.lab.files != nil {
		if _, err := fs.Stat(v.lab.files, r.File); err != nil {
			v.bad(w+".file", "rules file %q is not in the lab's folder", r.File)
		}
	}
	known := []string{model.BackendLegacy.String(), model.BackendIptablesNFT.String(), model.BackendNFTables.String(), backendIPSet}
	if !slices.Contains(known, r.Backend) {
		v.bad(w+".backend", "backend %q: expected %s", r.Backend, strings.Join(known, ", "))
	}
	if r.Fallback != "" && (!slices.Contains(known[:2], r.Fallback) || !slices.Contains(known[:2], r.Backend)) {
		v.bad(w+".fallback", "fallback %q of %s: only iptables-legacy and iptables-nft can stand in for each other", r.Fallback, r.Backend)
	}
	if !slices.Contains([]string{"", "ip", "ip6"}, r.Family) {
		v.bad(w+".family", "family %q: expected ip or ip6", r.Family)
	}
}

func (v *validator) dev(w, host, dev string) {
	switch {
	case !devOK(dev) || dev == "lo" || dev == "all" || dev == "default":
		v.bad(w, "interface %q of host %s: expected at most %d letters, digits, - _ and dots, a letter first, and not lo", dev, host, maxDev)
	case v.devs[host+"/"+dev]:
		v.bad(w, "interface %q of host %s is there twice", dev, host)
	}
	v.devs[host+"/"+dev] = true
}

// address checks an address with its prefix length and gives it.
func (v *validator) address(w, host, text string) netip.Prefix {
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		v.bad(w, "address %q of host %s: expected an address with its prefix length, such as 10.1.0.2/24", text, host)
		return netip.Prefix{}
	case p.Addr().Is4() && p.Bits() < 31 && p.Masked().Addr() == p.Addr():
		v.bad(w, "address %s of host %s is the network's own address", text, host)
	case v.addrs[p.Addr()] != "":
		v.bad(w, "address %s is in use twice: by host %s and by host %s", p.Addr(), v.addrs[p.Addr()], host)
	}
	v.addrs[p.Addr()] = host
	return p
}

func (v *validator) link(w string, l Link) {
	if len(l.Ends) != 2 {
		v.bad(w, "a link has %d ends; expected 2", len(l.Ends))
		return
	}
	var nets [2][]netip.Prefix
	for i, e := range l.Ends {
		we := fmt.Sprintf("%s.ends[%d]", w, i)
		h := v.lab.Host(e.Host)
		if h == nil {
			v.bad(we+".host", "a link ends at host %q, which is not there", e.Host)
			continue
		}
		v.dev(we+".dev", e.Host, e.Dev)
		v.port(we, h, e.Bridge)
		for j, a := range e.Addresses {
			if p := v.address(fmt.Sprintf("%s.addresses[%d]", we, j), e.Host, a); p.IsValid() {
				nets[i] = append(nets[i], p)
				v.nets[e.Host] = append(v.nets[e.Host], p.Masked())
			}
		}
	}
	for _, a := range nets[0] {
		share := func(b netip.Prefix) bool { return a.Overlaps(b) }
		same := func(b netip.Prefix) bool { return a.Addr().Is4() == b.Addr().Is4() }
		if slices.ContainsFunc(nets[1], same) && !slices.ContainsFunc(nets[1], share) {
			v.bad(w, "the ends of the link between %s and %s are in different networks (%s): they cannot reach each other", l.Ends[0].Host, l.Ends[1].Host, a.Masked())
		}
	}
}

// port checks the bridge that an interface is to be a port of.
func (v *validator) port(w string, h *Host, bridge string) {
	if bridge != "" && !slices.ContainsFunc(h.Bridges, func(b Bridge) bool { return b.Name == bridge }) {
		v.bad(w+".bridge", "host %s has no bridge %q", h.Name, bridge)
	}
}

// members checks what a host has besides the ends of its links, which are known by now:
// addresses of bridges, VLANs, neighbours.
func (v *validator) members(w string, h *Host) {
	join := func(where, text string) {
		if p := v.address(where, h.Name, text); p.IsValid() {
			v.nets[h.Name] = append(v.nets[h.Name], p.Masked())
		}
	}
	for i, b := range h.Bridges {
		for j, a := range b.Addresses {
			join(fmt.Sprintf("%s.bridges[%d].addresses[%d]", w, i, j), a)
		}
	}
	for i, l := range h.VLANs {
		wl := fmt.Sprintf("%s.vlans[%d]", w, i)
		if !v.devs[h.Name+"/"+l.On] {
			v.bad(wl+".on", "VLAN %d of host %s: there is no interface %q to carry it", l.ID, h.Name, l.On)
		}
		if l.ID < 1 || l.ID > 4094 {
			v.bad(wl+".id", "VLAN %d of host %s: expected 1 to 4094", l.ID, h.Name)
		}
		v.dev(wl+".dev", h.Name, l.Dev)
		v.port(wl, h, l.Bridge)
		for j, a := range l.Addresses {
			join(fmt.Sprintf("%s.addresses[%d]", wl, j), a)
		}
	}
	for i, n := range h.Neighbours {
		wn := fmt.Sprintf("%s.neighbours[%d]", w, i)
		if _, err := netip.ParseAddr(n.Address); err != nil {
			v.bad(wn+".address", "neighbour %q of host %s: expected an address", n.Address, h.Name)
		}
		if m, err := net.ParseMAC(n.MAC); err != nil || len(m) != 6 {
			v.bad(wn+".mac", "neighbour %s of host %s: %q is no MAC address such as 02:00:00:00:00:01", n.Address, h.Name, n.MAC)
		}
		if !v.devs[h.Name+"/"+n.Dev] {
			v.bad(wn+".dev", "neighbour %s of host %s: there is no interface %q", n.Address, h.Name, n.Dev)
		}
	}
}

func (v *validator) routes(w string, h *Host) {
	for i, r := range h.Routes {
		wr := fmt.Sprintf("%s.routes[%d]", w, i)
		if _, err := netip.ParsePrefix(r.To); err != nil && r.To != "default" {
			v.bad(wr+".to", "route to %q of host %s: expected default or a prefix such as 10.2.0.0/24", r.To, h.Name)
		}
		if r.Type != "" {
			if _, ok := routeTypes()[r.Type]; !ok || r.Via != "" {
				v.bad(wr, "route to %s of host %s: expected via and an address, or type and one of blackhole, unreachable, prohibit", r.To, h.Name)
			}
			continue
		}
		via, err := netip.ParseAddr(r.Via)
		if err != nil {
			v.bad(wr+".via", "route via %q of host %s: expected an address", r.Via, h.Name)
		} else if !slices.ContainsFunc(v.nets[h.Name], func(p netip.Prefix) bool { return p.Contains(via) }) {
			v.bad(wr+".via", "route via %s: host %s has no link into its network", via, h.Name)
		}
	}
}
