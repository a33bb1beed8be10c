package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"nfscope/model/filter"
)

// The bounds of a lab. What a step may send and how long it may wait is bounded so
// that a lab cannot hurt the machine it runs on.
const (
	maxHosts   = 64
	maxCount   = 1000
	maxTimeout = time.Minute
	maxDev     = 15 // IFNAMSIZ less the final zero
)

// What names look like. A host's has no hyphen: the namespace's name is taken apart
// at hyphens.
func nameOK(s string) bool { return regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`).MatchString(s) }
func hostOK(s string) bool { return regexp.MustCompile(`^[a-z][a-z0-9]{0,14}$`).MatchString(s) }
func devOK(s string) bool {
	return len(s) <= maxDev && regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_.-]*$`).MatchString(s)
}
func sysctlOK(s string) bool {
	return regexp.MustCompile(`^net(\.[a-zA-Z0-9_-]+)+$`).MatchString(s)
}

// Validate says all that is wrong with a lab, a line each, with file and line where
// the lab came from Load; nil where it is sound.
func Validate(l *Lab) error {
	v := &validator{lab: l, addrs: map[netip.Addr]string{}, devs: map[string]bool{}, nets: map[string][]netip.Prefix{}}
	v.head()
	for i := range l.Hosts {
		v.host(fmt.Sprintf("$.hosts[%d]", i), &l.Hosts[i], i)
	}
	for i, link := range l.Links {
		v.link(fmt.Sprintf("$.links[%d]", i), link)
	}
	for i := range l.Hosts {
		v.members(fmt.Sprintf("$.hosts[%d]", i), &l.Hosts[i])
		v.routes(fmt.Sprintf("$.hosts[%d]", i), &l.Hosts[i])
	}
	for i := range l.Steps {
		v.step(fmt.Sprintf("$.steps[%d]", i), &l.Steps[i], i)
	}
	for i, c := range l.Counters {
		w := fmt.Sprintf("$.counters[%d].at", i)
		if _, _, rule, ok := splitPlace(c.At); !ok || rule < 0 {
			v.bad(w, "counter at %q: expected \"table/chain 2\" or \"table/chain policy\"", c.At)
		}
		if c.Family != "" && c.Family != "ip6" {
			v.bad(fmt.Sprintf("$.counters[%d].family", i), "counter at %s of family %q: expected ip6, or none", c.At, c.Family)
		}
	}
	v.measures()
	return errors.Join(v.errs...)
}

type validator struct {
	lab   *Lab
	errs  []error
	addrs map[netip.Addr]string     // which host has an address
	devs  map[string]bool           // host/dev
	nets  map[string][]netip.Prefix // what a host reaches on its links
}

func (v *validator) bad(where, format string, a ...any) {
	v.errs = append(v.errs, v.lab.where.at(where, fmt.Sprintf(format, a...)))
}

func (v *validator) head() {
	l := v.lab
	if !nameOK(l.Name) || l.Name == "test" || strings.HasPrefix(l.Name, "test-") {
		v.bad("$.name", "name %q: expected small letters, digits and hyphens, at most 40, and not test", l.Name)
	}
	if l.Title == (Text{}) {
		v.bad("$.title", "the lab has no title; expected a text in en or zh")
	}
	if n := len(l.Hosts); n == 0 || n > maxHosts {
		v.bad("$.hosts", "%d hosts: expected 1 to %d", n, maxHosts)
	}
	if l.Host(l.Observed) == nil {
		v.bad("$.observed", "observed: there is no host %q", l.Observed)
	}
	if l.Filter == "" {
		v.bad("$.filter", "no trace filter; expected one such as: host 198.51.100.7")
	} else if _, err := filter.Parse(l.Filter); err != nil {
		v.bad("$.filter", "filter: %s", oneLine(err.Error()))
	}
}
