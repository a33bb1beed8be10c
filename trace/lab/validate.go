package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"nfscope/model"
	"nfscope/model/journey"
)

// The bounds of a lab. What a step may send and how long it may wait is bounded so
// that a lab cannot hurt the machine it runs on.
const (
	maxHosts   = 64
	maxCount   = 1000
	maxTimeout = 10 * time.Second
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
	}
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
	if l.Title.En == "" {
		v.bad("$.title", "the title has no English text (en)")
	}
	if n := len(l.Hosts); n == 0 || n > maxHosts {
		v.bad("$.hosts", "%d hosts: expected 1 to %d", n, maxHosts)
	}
	if l.Host(l.Observed) == nil {
		v.bad("$.observed", "observed: there is no host %q", l.Observed)
	}
	if l.Filter == "" {
		v.bad("$.filter", "no trace filter; expected one such as: host 198.51.100.7")
	}
}

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
		v.dev(fmt.Sprintf("%s.bridges[%d]", w, j), h.Name, b)
	}
	for k := range h.Sysctls {
		if !sysctlOK(k) {
			v.bad(w+".sysctls", "sysctl %q of host %s: only net.* belongs to a namespace", k, h.Name)
		}
	}
	for j, r := range h.Rules {
		v.rules(fmt.Sprintf("%s.rules[%d]", w, j), r)
	}
	seen := map[string]bool{}
	for j, s := range h.Services {
		ws := fmt.Sprintf("%s.services[%d]", w, j)
		if s.Name == "" || strings.ContainsAny(s.Name, "\r\n") {
			v.bad(ws, "a service of host %s has no name of one line", h.Name)
		}
		if !slices.Contains([]string{"tcp", "udp", "http"}, s.Do) {
			v.bad(ws+".do", "service %q does %q: expected tcp, udp or http", s.Name, s.Do)
		}
		if s.Port == 0 {
			v.bad(ws+".port", "service %q: port 0; expected 1 to 65535", s.Name)
		}
		key := strings.Replace(s.Do, "http", "tcp", 1) + strconv.Itoa(int(s.Port))
		if seen[key] {
			v.bad(ws+".port", "two services of host %s listen on the same port %d", h.Name, s.Port)
		}
		seen[key] = true
	}
}

func (v *validator) rules(w string, r Rules) {
	if r.File == "" || !fs.ValidPath(r.File) {
		v.bad(w+".file", "rules file %q: expected the name of a file in the lab's folder", r.File)
	} else if v.lab.files != nil {
		if _, err := fs.Stat(v.lab.files, r.File); err != nil {
			v.bad(w+".file", "rules file %q is not in the lab's folder", r.File)
		}
	}
	known := []string{model.BackendLegacy.String(), model.BackendIptablesNFT.String(), model.BackendNFTables.String()}
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
		if e.Bridge != "" && !slices.Contains(h.Bridges, e.Bridge) {
			v.bad(we+".bridge", "host %s has no bridge %q", e.Host, e.Bridge)
		}
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

func (v *validator) routes(w string, h *Host) {
	for i, r := range h.Routes {
		wr := fmt.Sprintf("%s.routes[%d]", w, i)
		if _, err := netip.ParsePrefix(r.To); err != nil && r.To != "default" {
			v.bad(wr+".to", "route to %q of host %s: expected default or a prefix such as 10.2.0.0/24", r.To, h.Name)
		}
		via, err := netip.ParseAddr(r.Via)
		if err != nil {
			v.bad(wr+".via", "route via %q of host %s: expected an address", r.Via, h.Name)
		} else if !slices.ContainsFunc(v.nets[h.Name], func(p netip.Prefix) bool { return p.Contains(via) }) {
			v.bad(wr+".via", "route via %s: host %s has no link into its network", via, h.Name)
		}
	}
}

func (v *validator) step(w string, s *Step, i int) {
	if !nameOK(s.Name) {
		v.bad(w+".name", "step %q: expected small letters, digits and hyphens", s.Name)
	}
	if v.lab.Step(s.Name) < i {
		v.bad(w+".name", "step %q is there twice", s.Name)
	}
	if s.Title.En == "" {
		v.bad(w, "step %q has no English title", s.Name)
	}
	if v.lab.Host(s.From) == nil {
		v.bad(w+".from", "step %q comes from host %q, which is not there", s.Name, s.From)
	}
	var to netip.Addr
	switch s.Do {
	case "tcp", "udp", "http":
		ap, err := netip.ParseAddrPort(s.To)
		if err != nil || ap.Port() == 0 {
			v.bad(w+".to", "step %q goes to %q: expected address:port", s.Name, s.To)
		}
		to = ap.Addr()
	case "ping":
		var err error
		if to, err = netip.ParseAddr(s.To); err != nil {
			v.bad(w+".to", "step %q pings %q: expected an address", s.Name, s.To)
		}
	default:
		v.bad(w+".do", "step %q does %q: expected tcp, udp, ping or http", s.Name, s.Do)
	}
	if s.Source != "" {
		src, err := netip.ParseAddr(s.Source)
		switch {
		case err != nil:
			v.bad(w+".source", "step %q: source %q is no address", s.Name, s.Source)
		case v.addrs[src] != s.From:
			v.bad(w+".source", "step %q: host %s has no address %s", s.Name, s.From, src)
		case to.IsValid() && src.Is4() != to.Is4():
			v.bad(w+".source", "step %q: source and destination are of different families", s.Name)
		}
	}
	if s.Timeout < 0 || s.Timeout > maxTimeout {
		v.bad(w+".timeout", "step %q: timeout %v; expected at most %v", s.Name, s.Timeout, maxTimeout)
	}
	if s.Count < 0 || s.Count > maxCount {
		v.bad(w+".count", "step %q: count %d; expected at most %d", s.Name, s.Count, maxCount)
	}
	if !slices.Contains(Words(), s.Result) {
		v.bad(w+".result", "step %q: result %q; expected one of: %s", s.Name, s.Result, joinWords())
	}
	if s.Expect != nil {
		v.expect(w+".expect", s)
	}
}

func (v *validator) expect(w string, s *Step) {
	e := s.Expect
	if !slices.Contains([]string{"", journey.Accepted, journey.Dropped, journey.Rejected, journey.Queued}, e.Outcome) {
		v.bad(w+".outcome", "step %q: outcome %q; expected accepted, dropped, rejected or queued", s.Name, e.Outcome)
	}
	for i, h := range e.Hits {
		if _, _, rule, ok := splitPlace(h); !ok || rule < 1 {
			v.bad(fmt.Sprintf("%s.hits[%d]", w, i), "step %q: hit %q; expected \"table/chain 2\"", s.Name, h)
		}
	}
	if e.By != nil && !slices.Contains([]string{"rule", "policy", "kernel"}, e.By.Kind) {
		v.bad(w+".by", "step %q: by kind %q; expected rule, policy or kernel", s.Name, e.By.Kind)
	}
	if e.Flow != nil {
		for _, end := range []string{e.Flow.Reply.Src, e.Flow.Reply.Dst} {
			if _, _, ok := splitEnd(end); end != "" && !ok {
				v.bad(w+".flow", "step %q: %q is no address and no address:port", s.Name, end)
			}
		}
	}
}

// splitPlace takes "table/chain 2" apart; rule is 0 for "table/chain policy".
func splitPlace(s string) (table, chain string, rule int, ok bool) {
	at, num, ok1 := strings.Cut(s, " ")
	table, chain, ok2 := strings.Cut(at, "/")
	if !ok1 || !ok2 || table == "" || chain == "" {
		return "", "", 0, false
	}
	if num == "policy" {
		return table, chain, 0, true
	}
	rule, err := strconv.Atoi(num)
	return table, chain, rule, err == nil && rule > 0
}

// splitEnd reads an address with or without port; port is 0 where there is none.
func splitEnd(s string) (netip.Addr, uint16, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr(), ap.Port(), true
	}
	a, err := netip.ParseAddr(s)
	return a, 0, err == nil
}
