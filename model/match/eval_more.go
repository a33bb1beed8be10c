package match

import (
	"fmt"
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/fact"
)

// questions tell how each module is asked. A module that is not here, or that asks for
// what no packet shows, is Unsure with the fact that is missing.
var questions = map[string]question{
	"":        {about: aboutBase},
	"tcp":     header(aboutPorts, model.ProtoTCP),
	"udp":     header(aboutPorts, model.ProtoUDP),
	"udplite": header(aboutPorts, model.ProtoUDPLite),
	"sctp":    header(aboutPorts, model.ProtoSCTP),
	"dccp":    header(aboutPorts, model.ProtoDCCP),
	"icmp":    header(aboutICMP, model.ProtoICMP),
	"icmp6":   header(aboutICMP, model.ProtoICMPv6),
	"multiport": header(aboutPorts, model.ProtoTCP, model.ProtoUDP, model.ProtoUDPLite, model.ProtoSCTP,
		model.ProtoDCCP),

	"iprange":  {about: aboutRange},
	"length":   {about: aboutNumbers},
	"ttl":      {about: aboutNumbers},
	"hl":       {about: aboutNumbers},
	"tos":      {about: aboutTOS},
	"dscp":     {about: aboutTOS},
	"ecn":      {about: aboutTOS},
	"mark":     {about: aboutMark},
	"connmark": {about: aboutMark},
	"pkttype": {about: func(e *evaluation, o *Option) (string, fact.Answer) {
		return of(e.f.PacketType, "the link layer's address", func(s string) bool { return s == o.Value.String() })
	}},
	"mac": {about: func(e *evaluation, o *Option) (string, fact.Answer) {
		return of(e.f.Source, "the link layer's address", func(m fact.MAC) bool { return m == o.Value })
	}},
	"owner":     {about: aboutOwner},
	"conntrack": {about: aboutConntrack, whole: true},
	"state":     {about: aboutConntrack, whole: true},
	"statistic": {about: aboutStatistic, whole: true},

	"set":       {about: aboutSet, whole: true},
	"addrtype":  {about: aboutAddrType, whole: true},
	"limit":     {about: missing("how many packets came before"), whole: true},
	"hashlimit": {about: missing("how many packets came before"), whole: true},
	"recent":    {about: missing("what the list holds"), whole: true},
	"quota":     {about: missing("what is left of the quota"), whole: true},
	"connlimit": {about: missing("how many connections there are"), whole: true},
	"connbytes": {about: missing("the connection's counters"), whole: true},
	"time":      {about: missing("the time"), whole: true},
	"string":    {about: missing("the packet's content"), whole: true},
	"u32":       {about: missing("the packet's bytes"), whole: true},
	"bpf":       {about: missing("the packet's bytes"), whole: true},
	"socket":    {about: missing("the host's sockets"), whole: true},
	"rpfilter":  {about: missing("the host's routes"), whole: true},
	"realm":     {about: missing("the host's routes"), whole: true},
	"policy":    {about: missing("the host's IPsec policies"), whole: true},
	"physdev":   {about: missing("the bridge's ports"), whole: true},
	"cgroup":    {about: missing("the sender's cgroup"), whole: true},
	"helper":    {about: aboutHelper, whole: true},
	"connlabel": {about: missing("the connection's labels"), whole: true},
	"nfacct":    {about: func(*evaluation, *Option) (string, fact.Answer) { return "it counts", fact.Yes }, whole: true},
	"cpu":       {about: missing("the CPU"), whole: true},
}

// header is a module that reads a protocol's header; without options it says yes to
// every packet that has one.
func header(about func(*evaluation, *Option) (string, fact.Answer), protos ...model.Proto) question {
	before := transport(protos...)
	return question{before: before, about: func(e *evaluation, o *Option) (string, fact.Answer) {
		if o != nil {
			return about(e, o)
		}
		return e.p.Proto.String(), fact.Yes
	}}
}

func aboutRange(e *evaluation, o *Option) (string, fact.Answer) {
	v, _ := o.Value.(AddrRange)
	if o.Name == "--dst-range" {
		return addrAnswer(e.p.Dst, v.Has)
	}
	return addrAnswer(e.p.Src, v.Has)
}

func aboutMark(e *evaluation, o *Option) (string, fact.Answer) {
	v, _ := o.Value.(Masked)
	f, what := e.f.Mark, "the packet's mark"
	if e.m.Name == "connmark" {
		f, what = fact.Fact[uint32]{}, "the connection's mark"
		switch c := e.f.Connection; exists(c) {
		case fact.Yes:
			f = c.Value.Mark
		case fact.No: // without a connection the module says no, negated or not
			if o.Negated {
				return "no connection", fact.Yes
			}
			return "no connection", fact.No
		}
	}
	if !f.Known {
		return fact.Missing + what, fact.Unsure
	}
	return Number{uint64(f.Value), Hex}.String(), fact.Is(f.Value&v.Mask == v.Value)
}

func aboutOwner(e *evaluation, o *Option) (string, fact.Answer) {
	f := e.f.User
	if o.Name == "--gid-owner" {
		f = e.f.Group
	}
	v, ok := o.Value.(Range)
	if !ok || e.m.Option("--suppl-groups") != nil && o.Name == "--gid-owner" {
		return "not known: the sender's socket", fact.Unsure
	}
	return of(f, "the sender's socket", func(id uint32) bool { return v.Has(uint64(id)) })
}

// aboutStatistic knows only what is always or never so.
func aboutStatistic(e *evaluation, _ *Option) (string, fact.Answer) {
	if o := e.m.Option("--probability"); o != nil && o.Unknown == "" {
		p, _ := o.Value.(Probability)
		share := p.Share()
		if o.Negated {
			share = 1 - share
		}
		switch share {
		case 0, 1:
			return fmt.Sprintf("a chance of %g", share), fact.Is(share == 1)
		}
		return fmt.Sprintf("not known: a chance of %.4g", share), fact.Unsure
	}
	return "not known: how many packets came before", fact.Unsure
}

// aboutConntrack asks for each state that the packet may have: where all answers are the
// same it does not matter which it is.
func aboutConntrack(e *evaluation, _ *Option) (string, fact.Answer) {
	if !e.f.Connection.Known || e.f.Connection.Value.States() == 0 {
		return "not known: the connection", fact.Unsure
	}
	c := e.f.Connection.Value
	states := c.States()
	have, all := "", fact.Unsure
	for i, s := range states.List() {
		h, a := inState(e, c.As(s))
		switch {
		case i == 0:
			have, all = h, a
		case a != all && states == fact.AnyState:
			return fact.Missing + "the connection", fact.Unsure
		case a != all:
			return fact.Missing + "whether it is " + states.String(), fact.Unsure
		case h != have:
			have = states.String()
		}
	}
	return have, all
}

// inState is xt_conntrack.c for a packet of which the state is known: the state first; a
// packet without connection then passes all other conditions when a state was asked for,
// and fails else.
func inState(e *evaluation, c *fact.Connection) (string, fact.Answer) {
	all := fact.Yes
	var have []string
	say := func(o *Option, h string, a fact.Answer) {
		if o.Negated {
			a = a.Not()
		}
		all = min(all, a)
		have = append(have, h)
	}
	asked := false
	for i := range e.m.Options {
		o := &e.m.Options[i]
		switch {
		case o.Unknown != "":
			say(o, o.Unknown, fact.Unsure)
		case o.Name == "--ctstate" || o.Name == "--state":
			asked = true
			h, a := stateAnswer(c, o.Value)
			say(o, h, a)
		}
	}
	if c.Exists() == fact.No {
		if !asked {
			return "no connection", fact.No
		}
		return strings.Join(have, ", "), all
	}
	for i := range e.m.Options {
		if o := &e.m.Options[i]; o.Unknown == "" && o.Name != "--ctstate" && o.Name != "--state" {
			h, a := connectionAnswer(c, o)
			say(o, h, a)
		}
	}
	return strings.Join(have, ", "), all
}

func stateAnswer(c *fact.Connection, v Value) (string, fact.Answer) {
	want, _ := v.(Names)
	if c == nil {
		return "INVALID", fact.Is(want.Has("INVALID"))
	}
	state := c.State.String()
	if want.Has(state) {
		return state, fact.Yes
	}
	for _, nat := range []string{"SNAT", "DNAT"} {
		switch {
		case !want.Has(nat):
		case !c.Status.Known && !c.NAT.Known:
			return state + ", not known: its NAT", fact.Unsure
		case slices.Contains(c.Status.Value, nat) || slices.Contains(c.NAT.Value, nat):
			return state + ", " + nat, fact.Yes
		}
	}
	return state, fact.No
}

func connectionAnswer(c *fact.Connection, o *Option) (string, fact.Answer) {
	switch v := o.Value.(type) {
	case Names: // --ctstatus
		return of(c.Status, "the connection's status", func(s []string) bool {
			return slices.ContainsFunc(s, v.Has)
		})
	case Keyword: // --ctdir
		return of(c.Reply, "the direction", func(reply bool) bool { return reply == (v == "REPLY") })
	case Number: // --ctproto
		return of(c.Original, "the connection's addresses", func(t model.Tuple) bool { return uint64(t.Proto) == v.N })
	case Net:
		return of(tupleOf(c, o), "the connection's addresses", func(t model.Tuple) bool {
			if strings.HasSuffix(o.Name, "src") {
				return v.Has(t.Src)
			}
			return v.Has(t.Dst)
		})
	case Range:
		if o.Name == "--ctexpire" {
			return "not known: when the connection expires", fact.Unsure
		}
		return of(tupleOf(c, o), "the connection's ports", func(t model.Tuple) bool {
			if strings.HasSuffix(o.Name, "srcport") {
				return v.Has(uint64(t.SPort))
			}
			return v.Has(uint64(t.DPort))
		})
	}
	return fact.Missing + o.Name, fact.Unsure
}

func tupleOf(c *fact.Connection, o *Option) fact.Fact[model.Tuple] {
	if strings.HasPrefix(o.Name, "--ctrepl") {
		return c.Answered
	}
	return c.Original
}
