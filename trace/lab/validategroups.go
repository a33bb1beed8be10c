package lab

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"

	"nfscope/model"
)

// groupOK: the name stands in those of a chain and of a set.
func groupOK(s string) bool { return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,14}$`).MatchString(s) }

// agent checks the VMs and groups of a service; their taps are
// ends of links.
func (v *validator) agent(ws, host string, s Service) {
	legacy, nft := model.BackendLegacy.String(), model.BackendIptablesNFT.String()
	if s.Backend != legacy && s.Backend != nft {
		v.bad(ws+".backend", "service %q: backend %q: expected iptables-legacy or iptables-nft", s.Name, s.Backend)
	}
	if !slices.Contains([]string{"", legacy, nft}, s.Fallback) {
		v.bad(ws+".fallback", "service %q: fallback %q: expected iptables-legacy or iptables-nft", s.Name, s.Fallback)
	}
	c := newCloud(s)
	for i, vm := range s.VMs {
		wv := fmt.Sprintf("%s.vms[%d]", ws, i)
		if !hostOK(vm.Name) || c.vm(vm.Name) != &c.vms[i] {
			v.bad(wv+".name", "VM %q: expected small letters and digits, at most 15, and each but once", vm.Name)
		}
		if !devOK(vm.Tap) {
			v.bad(wv+".tap", "VM %s: tap %q is no name of an interface", vm.Name, vm.Tap)
		} else if !slices.ContainsFunc(v.lab.Links, func(l Link) bool {
			return slices.ContainsFunc(l.Ends, func(e End) bool { return e.Host == host && e.Dev == vm.Tap })
		}) {
			v.bad(wv+".tap", "VM %s: host %s has no interface %q", vm.Name, host, vm.Tap)
		}
		if a, err := netip.ParseAddr(vm.Address); err != nil || !a.Is4() {
			v.bad(wv+".address", "VM %s: %q is no IPv4 address", vm.Name, vm.Address)
		}
	}
	for i, g := range s.Groups {
		wg := fmt.Sprintf("%s.groups[%d]", ws, i)
		if !groupOK(g.Name) || c.group(g.Name) != &c.groups[i] {
			v.bad(wg+".name", "group %q: expected letters and digits, at most 15, and each but once", g.Name)
		}
		for j, m := range g.Members {
			if c.vm(m) == nil {
				v.bad(fmt.Sprintf("%s.members[%d]", wg, j), "group %s: there is no VM %q", g.Name, m)
			}
		}
		for j, a := range g.Allow {
			wa := fmt.Sprintf("%s.allow[%d]", wg, j)
			if a.Port == 0 {
				v.bad(wa+".port", "group %s: port 0; expected 1 to 65535", g.Name)
			}
			if p, err := netip.ParsePrefix(a.From); a.From != "" && c.group(a.From) == nil && (err != nil || !p.Addr().Is4()) {
				v.bad(wa+".from", "group %s: from %q: expected the name of a group, or a prefix such as 203.0.113.0/24", g.Name, a.From)
			}
		}
	}
}
