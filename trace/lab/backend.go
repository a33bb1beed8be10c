package lab

import (
	"slices"
	"strings"

	"nfscope/model"
)

// backendIPSet marks a rules file that is ipset's, not a firewall's.
const backendIPSet = "ipset"

// loader is something that is loaded into a host: a rules file, or what an agent writes.
type loader struct {
	host, what, family string
	// backend is what loads it, fallback what may stand in for that, "" for nothing.
	backend  *string
	fallback string
}

// loaders lists what is loaded into the lab's hosts.
func (l *Lab) loaders() (list []loader) {
	for i := range l.Hosts {
		h := &l.Hosts[i]
		for j := range h.Rules {
			r := &h.Rules[j]
			list = append(list, loader{h.Name, r.File, r.Family, &r.Backend, r.Fallback})
		}
		for j := range h.Services {
			if s := &h.Services[j]; s.Do == "agent" {
				set := backendIPSet
				list = append(list, loader{h.Name, "the rules of " + s.Name, "", &s.Backend, s.Fallback}, loader{h.Name, "the sets of " + s.Name, "", &set, ""})
			}
		}
	}
	return list
}

// InBackends lists the backends that the lab is stated for: iptables-legacy and
// iptables-nft, where its rules may be loaded by either; else the one that they are for.
func (l *Lab) InBackends() []string {
	legacy, nft := model.BackendLegacy.String(), model.BackendIptablesNFT.String()
	var either bool
	var fixed []string
	for _, r := range l.loaders() {
		switch {
		case *r.backend != legacy && *r.backend != nft:
		case r.fallback != "":
			either = true
		case !slices.Contains(fixed, *r.backend):
			fixed = append(fixed, *r.backend)
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

// With gives the lab with another iptables backend: what backend from would load is
// loaded with backend to, and what the lab states of them is stated of the other one.
func (l *Lab) With(from, to string) *Lab {
	c := *l
	c.Hosts = slices.Clone(l.Hosts)
	for i := range c.Hosts {
		h := &c.Hosts[i]
		h.Rules, h.Services = slices.Clone(h.Rules), slices.Clone(h.Services)
	}
	for _, r := range c.loaders() {
		if *r.backend == from {
			*r.backend = to
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
