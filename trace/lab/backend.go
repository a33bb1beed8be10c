package lab

import (
	"slices"
	"strings"

	"nfscope/model"
)

// backendIPSet marks a rules file that is ipset's, not a firewall's.
const backendIPSet = "ipset"

// InBackends lists the backends that the lab is stated for: iptables-legacy and
// iptables-nft, where its rules may be loaded by either; else the one that they are for.
func (l *Lab) InBackends() []string {
	legacy, nft := model.BackendLegacy.String(), model.BackendIptablesNFT.String()
	var either bool
	var fixed []string
	for _, h := range l.Hosts {
		for _, r := range h.Rules {
			switch {
			case r.Backend != legacy && r.Backend != nft:
			case r.Fallback != "":
				either = true
			case !slices.Contains(fixed, r.Backend):
				fixed = append(fixed, r.Backend)
			}
		}
	}
	switch {
	case len(fixed) == 0 && either:
		return []string{legacy, nft}
	case len(fixed) == 0:
		return []string{model.BackendNFTables.String()}
	}
	return fixed[:1]
}

// With gives the lab with another iptables backend: rules files of backend from are
// loaded with backend to, and what the lab states of them is stated of the other one.
func (l *Lab) With(from, to string) *Lab {
	c := *l
	c.Hosts = slices.Clone(l.Hosts)
	for i := range c.Hosts {
		h := &c.Hosts[i]
		h.Rules = slices.Clone(h.Rules)
		for j := range h.Rules {
			if h.Rules[j].Backend == from {
				h.Rules[j].Backend = to
			}
		}
	}
	c.Steps = slices.Clone(l.Steps)
	for i := range c.Steps {
		if c.Steps[i].Expect == nil {
			continue
		}
		e := *c.Steps[i].Expect
		if e.By != nil && e.By.Backend == from {
			by := *e.By
			by.Backend = to
			e.By = &by
		}
		e.Sentence = strings.ReplaceAll(e.Sentence, "("+from+")", "("+to+")")
		c.Steps[i].Expect = &e
	}
	return &c
}
