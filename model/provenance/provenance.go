// Package provenance tells which program made a chain or a rule, and what of that
// program's own (a service, a zone, a container) it speaks of. It reads names and
// comments only, in the forms that the programs write; what fits none of them has
// no origin, and is taken for the administrator's own.
package provenance

import (
	"strings"

	"nfscope/model"
)

// Origin is the maker of a chain or rule.
type Origin struct {
	// Name is the program's, in lower case: docker, kube-proxy.
	Name string
	// About is what it speaks of: "service default/web:http", "zone public"; "" where
	// neither name nor comment says.
	About string
}

// Of tells who made a rule, or a chain where r is nil. ok is false where nothing
// tells. A base chain is the kernel's or the administrator's, whoever fills it.
func Of(t *model.Table, c *model.Chain, r *model.Rule) (o Origin, ok bool) {
	o, ok = Chain(t, c)
	if r == nil {
		return o, ok
	}
	return Rule(t, c, r, o, ok)
}

// Chain tells who made a chain.
func Chain(t *model.Table, c *model.Chain) (Origin, bool) {
	for i := range tables {
		if m := &tables[i]; strings.HasPrefix(t.Name, m.prefix) && (!m.exact || t.Name == m.prefix) && t.Backend == model.BackendNFTables {
			return Origin{m.name, aboutChain(m.name, c.Name)}, true
		}
	}
	if c.Base() {
		return Origin{}, false
	}
	if name := byChain(c.Name); name != "" {
		o := Origin{name, aboutChain(name, c.Name)}
		if name == "kube-proxy" && ofService(c.Name) && len(c.Rules) > 0 {
			// Its name is a hash; all its rules speak of the one service.
			if s, _ := service(c.Rules[0].Comment); s != "" {
				o.About = "service " + s
			}
		}
		return o, true
	}
	if strings.HasPrefix(t.Name, "shorewall") || short(t) && hasChain(t, isShorewall) && shorewallChain(c.Name) {
		return Origin{Name: "shorewall"}, true
	}
	if len(c.Name) > 3 && short(t) && (strings.HasPrefix(c.Name, "in_") || strings.HasPrefix(c.Name, "out_")) && firehol(t, c) {
		return Origin{"firehol", aboutChain("firehol", c.Name)}, true
	}
	return Origin{}, false
}

// Rule is Of for a chain whose own origin, o and ok, is known already: whoever walks
// all rules asks once a chain.
func Rule(t *model.Table, c *model.Chain, r *model.Rule, o Origin, ok bool) (Origin, bool) {
	if ok && !shared(c.Name) {
		if about := aboutRule(o.Name, r); about != "" {
			o.About = about
		}
		return o, true
	}
	if name := byComment(r); name != "" {
		return about(name, r.Jump, r), true
	}
	if r.Jump != "" {
		if name := byChain(r.Jump); name != "" {
			return about(name, r.Jump, r), true
		}
		if to := jumpTarget(t, r.Jump); to != nil {
			if by, ok := Chain(t, to); ok {
				return about(by.Name, r.Jump, r), true
			}
		}
	}
	if t.Backend != model.BackendNFTables {
		if dev := dockerRule(r.Text); dev != "" {
			return Origin{"docker", "bridge " + dev}, true
		}
	}
	switch {
	case strings.Contains(r.Text, `--log-prefix "Shorewall:`):
		return Origin{Name: "shorewall"}, true
	case fireholLog(r.Text):
		return Origin{Name: "firehol"}, true
	case strings.Contains(r.Text, `--log-prefix "[UFW `):
		return Origin{Name: "ufw"}, true
	case ok && r.Text == "-A DOCKER-USER -j RETURN": // docker's own last rule there
		return o, true
	}
	return Origin{}, false
}

// about is the origin of a rule outside of its maker's chains.
func about(name, jump string, r *model.Rule) Origin {
	o := Origin{Name: name, About: aboutRule(name, r)}
	if o.About == "" && jump != "" {
		o.About = aboutChain(name, jump)
	}
	return o
}

// Names lists the programs that are known, in alphabetical order.
func Names() []string {
	return []string{"antrea", "azure-npm", "calico", "cilium", "cni-portmap", "docker", "fail2ban", "firehol", "firewalld",
		"flannel", "istio", "kube-proxy", "kube-router", "kubelet", "libvirt", "neutron", "nova", "podman", "shorewall",
		"tailscale", "ufw", "weave"}
}

// shortTable is the length up to which a table's other chains are looked at: the
// programs whose names alone tell nothing do not make more.
const shortTable = 500

func short(t *model.Table) bool { return len(t.Chains) <= shortTable }

func jumpTarget(t *model.Table, name string) *model.Chain {
	if !short(t) {
		return nil
	}
	return t.Chain(name)
}

func hasChain(t *model.Table, is func(string) bool) bool {
	for _, c := range t.Chains {
		if is(c.Name) {
			return true
		}
	}
	return false
}
