package lab

import (
	"slices"
	"strings"
)

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
