package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"nfscope/model/journey"
)

func (v *validator) step(w string, s *Step, i int) {
	if !nameOK(s.Name) {
		v.bad(w+".name", "step %q: expected small letters, digits and hyphens", s.Name)
	}
	if v.lab.Step(s.Name) < i {
		v.bad(w+".name", "step %q is there twice", s.Name)
	}
	if s.Title == (Text{}) {
		v.bad(w, "step %q has no title; expected a text in en or zh", s.Name)
	}
	if v.lab.Host(s.From) == nil {
		v.bad(w+".from", "step %q comes from host %q, which is not there", s.Name, s.From)
	}
	var to netip.Addr
	switch s.Do {
	case "tcp", "udp", "http", "dns":
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
		v.bad(w+".do", "step %q does %q: expected tcp, udp, ping, http or dns", s.Name, s.Do)
	}
	if (s.Do == "dns") != (s.Ask != "") || len(s.Ask) > 253 {
		v.bad(w+".ask", "step %q: dns, and only dns, asks for a name of at most 253 letters", s.Name)
	}
	if s.Send != "" && s.Do != "tcp" && s.Do != "udp" || strings.ContainsAny(s.Send, "\r\n") || len(s.Send) > 200 {
		v.bad(w+".send", "step %q: tcp and udp send one line of at most 200 bytes, and nothing else does", s.Name)
	}
	if s.SPort != 0 && s.Do == "ping" {
		v.bad(w+".sport", "step %q: a ping has no port to come from", s.Name)
	}
	for i, sh := range s.Shares {
		if sh.Answer == "" || !(sh.Of >= 0 && sh.Of <= 1) || !(sh.Within >= 0 && sh.Within <= 1) {
			v.bad(fmt.Sprintf("%s.shares[%d]", w, i), "step %q: a share wants an answer, and of and within from 0 to 1", s.Name)
		}
	}
	if s.Source != "" {
		v.source(w+".source", s, s.Source, to)
	}
	for i, source := range s.Sources {
		v.source(fmt.Sprintf("%s.sources[%d]", w, i), s, source, to)
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

// source checks an address that a step sends from.
func (v *validator) source(w string, s *Step, source string, to netip.Addr) {
	src, err := netip.ParseAddr(source)
	switch {
	case err != nil:
		v.bad(w, "step %q: source %q is no address", s.Name, source)
	case v.addrs[src] != s.From:
		v.bad(w, "step %q: host %s has no address %s", s.Name, s.From, src)
	case to.IsValid() && src.Is4() != to.Is4():
		v.bad(w, "step %q: source and destination are of different families", s.Name)
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
	for i, n := range e.Never {
		if _, _, _, ok := splitNever(n); !ok {
			v.bad(fmt.Sprintf("%s.never[%d]", w, i), "step %q: never %q; expected a table, \"table/chain\" or \"table/chain 2\"", s.Name, n)
		}
	}
	for i, m := range e.Misses {
		if _, _, rule, ok := splitPlace(m.At); !ok || rule < 1 {
			v.bad(fmt.Sprintf("%s.misses[%d].at", w, i), "step %q: miss at %q; expected \"table/chain 2\"", s.Name, m.At)
		}
	}
	if !slices.Contains([]string{"", journey.PathInput, journey.PathForward, journey.PathOutput}, e.Path) {
		v.bad(w+".path", "step %q: path %q; expected input, forward or output", s.Name, e.Path)
	}
	if !slices.Contains([]string{"", "NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"}, e.State) {
		v.bad(w+".state", "step %q: state %q; expected NEW, ESTABLISHED, RELATED, INVALID or UNTRACKED", s.Name, e.State)
	}
	if e.Unseen && (e.Outcome != "" || e.State != "" || e.By != nil || len(e.Hits)+len(e.Misses) > 0) {
		v.bad(w+".unseen", "step %q: of a packet that was not seen nothing else can be stated", s.Name)
	}
	if e.Drop != nil && e.Drop.Reason == "" {
		v.bad(w+".drop", "step %q: a drop without a reason; expected one such as IP_RPFILTER", s.Name)
	}
	if e.Flow != nil {
		if !slices.Contains([]string{"", "kept", "rewritten"}, e.Flow.Port) {
			v.bad(w+".flow.port", "step %q: port %q; expected kept or rewritten", s.Name, e.Flow.Port)
		}
		if e.Flow.None && (len(e.Flow.Class) > 0 || e.Flow.Reply != (Ends{}) || e.Flow.Port != "") {
			v.bad(w+".flow", "step %q: a flow that is not there has neither class nor ends", s.Name)
		}
		for _, end := range []string{e.Flow.Reply.Src, e.Flow.Reply.Dst} {
			if _, _, ok := splitEnd(end); end != "" && !ok {
				v.bad(w+".flow", "step %q: %q is no address and no address:port", s.Name, end)
			}
		}
	}
}

// measures checks what is stated of the kernel's counters and of pools.
func (v *validator) measures() {
	for i, k := range v.lab.Kernel {
		w := fmt.Sprintf("$.kernel[%d]", i)
		if k.Host != "" && v.lab.Host(k.Host) == nil {
			v.bad(w+".host", "counter %s of host %q, which is not there", k.Counter, k.Host)
		}
		if of, name, ok := strings.Cut(k.Counter, "."); !ok || of == "" || name == "" {
			v.bad(w+".counter", "counter %q: expected one such as conntrack.insert_failed, TcpExt.IPReversePathFilter or queue.50", k.Counter)
		}
	}
	for i, p := range v.lab.Pools {
		w := fmt.Sprintf("$.pools[%d]", i)
		if _, err := netip.ParseAddr(p.Address); err != nil {
			v.bad(w+".address", "pool of %q: expected an address", p.Address)
		}
		if _, _, ok := splitRange(p.Ports); !ok {
			v.bad(w+".ports", "pool of ports %q: expected one such as 40000-40003", p.Ports)
		}
	}
}
