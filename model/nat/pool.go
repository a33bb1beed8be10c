package nat

import (
	"cmp"
	"hash/maphash"
	"iter"
	"net/netip"
	"slices"
	"time"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/flow"
	"nfscope/model/ruleset"
	"nfscope/model/walk"
)

// Pool is the ports of one source address towards one destination: the kernel needs the
// reply tuple to be unique, so each destination has the whole range for itself.
type Pool struct {
	Addr  netip.Addr
	Proto model.Proto
	// To and ToPort are the far end, after DNAT; invalid and 0 for a pool that nothing uses.
	To     netip.Addr
	ToPort uint16
	// Ports are those that the kernel chooses from. They are those of the rule, or by the
	// class of the port that the client had: 1-511, 600-1023, 1024-65535
	// (nf_nat_l4proto_unique_tuple, nf_nat_core.c; ip_local_port_range has no part in it).
	// Identifiers of echo requests are 0-65535.
	Ports Ports
	// Given says that a rule names Ports.
	Given bool
	// Used is how many of the ports are taken by entries of conntrack's table. Closing counts
	// those that newer kernels may take back when they find no free one: TCP in TIME_WAIT or
	// CLOSE (nf_nat_used_tuple_harder).
	Used, Closing int
	// Rules are those that translate to the address.
	Rules []Rule
	// Growth is ports a second, over the time that it was watched; Full is how long until none
	// is left at that rate, 0 where it does not grow or nobody watched.
	Growth float64
	Full   time.Duration
}

// Share is how much of the pool is used, from 0 to 1.
func (p *Pool) Share() float64 {
	if p.Ports.Size() == 0 {
		return 0
	}
	return float64(p.Used) / float64(p.Ports.Size())
}

// The shares from which a pool is looked at with worry. Where a range has more than 128
// ports the kernel tries 240 of them, in four runs side by side, and then drops the packet:
// so new connections begin to fail by chance long before the last port is taken, at 92 % in
// a test with 2000 ports (TestLargePoolFailsEarly).
const (
	PoolFilling = 0.8
	PoolFull    = 0.9
)

// source is a rule that translates the source.
type source struct {
	Rule
	family model.Family
	only   flow.Only
	read   *walk.Rule
}

// Sources are the rules that translate the source, and what addresses are the host's own.
type Sources struct {
	rules []source
	host  Host
	// ranges are the ranges that count for an address, as they were found.
	ranges map[netip.Addr]ranges
}

// ranges are the ranges of one address that rules name, and all rules that give it.
type ranges struct {
	given []Ports
	rules []source
}

// NewSources reads the rules that translate the source.
func NewSources(x *ruleset.Index, h Host) *Sources {
	s := &Sources{host: h, ranges: map[netip.Addr]ranges{}}
	for _, t := range x.Ruleset().Tables {
		for _, c := range t.Chains {
			if c.Base() && c.Hook != model.HookPostrouting && c.Hook != model.HookInput {
				continue
			}
			for i := range c.Rules {
				r := &c.Rules[i]
				if !translates(r) {
					continue
				}
				hook := c.Hook
				if hook == model.HookNone { // a chain of one's own: NETMAP may be of either kind
					hook = model.HookPostrouting
				}
				read := walk.ReadRule(t, r)
				if m, ok := MappingOf(read, hook); ok && m.Source() {
					s.rules = append(s.rules, source{Rule{t, c, r, m}, t.Family, flow.OnlyOf(r.Text), read})
				}
			}
		}
	}
	return s
}

// translates is quick: most rules do not.
func translates(r *model.Rule) bool {
	switch r.Target {
	case "SNAT", "MASQUERADE", "NETMAP", "snat", "masquerade":
		return true
	}
	return false
}

// of finds the ranges of an address.
func (s *Sources) of(a netip.Addr) ranges {
	if r, ok := s.ranges[a]; ok {
		return r
	}
	family := model.FamilyIPv4
	if a.Is6() {
		family = model.FamilyIPv6
	}
	var out ranges
	for _, x := range s.rules {
		m := &x.Mapping
		if !x.family.Carries(family) || m.Open {
			continue
		}
		switch {
		case m.Class == flow.ClassMasquerade:
			if s.host.local(a) == fact.No || !s.host.masquerades(x.read, family, a) {
				continue
			}
		case !slices.ContainsFunc(m.Addrs, func(r flow.Range) bool { return r.Contains(a) }):
			continue
		}
		out.rules = append(out.rules, x)
		if m.Ports != nil && !slices.Contains(out.given, *m.Ports) {
			out.given = append(out.given, *m.Ports)
		}
	}
	if len(s.ranges) >= 1<<12 {
		clear(s.ranges)
	}
	s.ranges[a] = out
	return out
}

// The classes of ports where no range is given (nf_nat_core.c).
var classesOfPorts = [...]Ports{{First: 1, Last: 511}, {First: 600, Last: 1023}, {First: 1024, Last: 65535}}

// portsOf is the range that a flow's port was chosen from.
func (s *Sources) portsOf(l *flow.Look) (p Ports, given bool) {
	if l.Orig.Proto.ICMP() {
		return Ports{First: 0, Last: 65535}, false
	}
	port := l.Reply.DPort
	for _, g := range s.of(l.Reply.Dst).given {
		if g.Has(port) {
			return g, true
		}
	}
	for _, c := range classesOfPorts {
		if c.Has(port) {
			return c, false
		}
	}
	return classesOfPorts[2], false // 0, or 512 to 599: a port of its own that nobody clashed with
}

// bucket is what a pool is told apart by.
type bucket struct {
	addr, to netip.Addr
	proto    model.Proto
	toPort   uint16
	ports    Ports
}

func (s *Sources) bucket(l *flow.Look) bucket {
	b := bucket{addr: l.Reply.Dst, to: l.Reply.Src, proto: l.Reply.Proto, toPort: l.Reply.SPort}
	if l.Reply.Proto.ICMP() {
		b.toPort = 0
	}
	b.ports, _ = s.portsOf(l)
	return b
}

// counts reports whether a flow takes a port of a pool: its source is translated, or its
// answers come to an address that others are translated to.
func counts(l *flow.Look, addrs map[netip.Addr]bool) bool {
	return !l.Gone && (l.Reply.Proto.Ports() || l.Reply.Proto.ICMP()) && (l.Status&flow.SrcNAT != 0 || addrs[l.Reply.Dst])
}

// Pools counts the ports in use and gives the n fullest pools, by their share, and then
// the rules that name an address which nothing uses. flows is gone through three times;
// what is kept of a million destinations is some 40 MB until it is done.
func (s *Sources) Pools(flows iter.Seq[*flow.Look], n int) []Pool {
	addrs := map[netip.Addr]bool{}
	for l := range flows {
		if l.Status&flow.SrcNAT != 0 && !l.Gone {
			addrs[l.Reply.Dst] = true
		}
	}
	seed := maphash.MakeSeed()
	used := map[uint64]uint32{}
	for l := range flows {
		if counts(l, addrs) {
			used[maphash.Comparable(seed, s.bucket(l))]++
		}
	}
	type big struct {
		hash uint64
		n    uint32
	}
	var most []big
	for h, k := range used {
		most = append(most, big{h, k})
	}
	slices.SortFunc(most, func(a, b big) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.hash, b.hash)) })
	// The fullest are among the most used, but for small ranges: those that a rule names
	// stay too.
	keep := map[uint64]bool{}
	for _, m := range most[:min(len(most), 4*n)] {
		keep[m.hash] = true
	}
	pools := map[bucket]*Pool{}
	for l := range flows {
		if !counts(l, addrs) {
			continue
		}
		b := s.bucket(l)
		p := pools[b]
		if p == nil {
			_, given := s.portsOf(l)
			if !keep[maphash.Comparable(seed, b)] && !(given && len(pools) < 16*n) {
				continue
			}
			p = &Pool{Addr: b.addr, Proto: b.proto, To: b.to, ToPort: b.toPort, Ports: b.ports, Given: given, Rules: s.forPool(&b, given)}
			pools[b] = p
		}
		p.Used++
		if l.Reply.Proto == model.ProtoTCP && l.Status&flow.SrcNAT != 0 && (l.State == "TIME_WAIT" || l.State == "CLOSE") {
			p.Closing++
		}
	}
	out := make([]Pool, 0, len(pools))
	for _, p := range pools {
		out = append(out, *p)
	}
	slices.SortFunc(out, compare)
	out = out[:min(len(out), n)]
	return append(out, s.unused(addrs)...)
}

func compare(a, b Pool) int {
	return cmp.Or(cmp.Compare(b.Share(), a.Share()), cmp.Compare(b.Used, a.Used), a.Addr.Compare(b.Addr), cmp.Compare(a.Proto, b.Proto),
		a.To.Compare(b.To), cmp.Compare(a.ToPort, b.ToPort), cmp.Compare(a.Ports.First, b.Ports.First))
}

// forPool are the rules that give a pool's ports: those of the address with the range, of
// which the text does not say that they are for another protocol or far end.
func (s *Sources) forPool(b *bucket, given bool) (out []Rule) {
	for _, r := range s.of(b.addr).rules {
		if given == (r.Ports != nil) && (!given || *r.Ports == b.ports) && r.only.Reaches(b.proto, b.to, b.toPort) {
			out = append(out, r.Rule)
		}
	}
	return out
}

// unused are the single addresses that rules name and no flow has.
func (s *Sources) unused(addrs map[netip.Addr]bool) (out []Pool) {
	seen := map[netip.Addr]bool{}
	for _, x := range s.rules {
		if x.Net || x.Open {
			continue
		}
		for _, r := range x.Addrs {
			if r.First != r.Last || addrs[r.First] || seen[r.First] || len(out) >= 64 {
				continue
			}
			seen[r.First] = true
			p := Pool{Addr: r.First, Ports: classesOfPorts[2], Rules: []Rule{x.Rule}}
			if x.Ports != nil {
				p.Ports, p.Given = *x.Ports, true
			}
			out = append(out, p)
		}
	}
	return out
}

// Growth follows pools to tell how fast they fill. The zero value is ready.
type Growth struct{ seen map[bucket]grown }

type grown struct {
	used    int
	at      time.Time
	rate    float64
	watched bool
}

// half is after how long an older rate counts for half.
const half = 10 * time.Second

// Add takes pools that were counted at a moment, and fills their Growth and Full in.
func (g *Growth) Add(pools []Pool, at time.Time) {
	next := make(map[bucket]grown, len(pools))
	for i := range pools {
		p := &pools[i]
		b := bucket{p.Addr, p.To, p.Proto, p.ToPort, p.Ports}
		now := grown{used: p.Used, at: at}
		if old, ok := g.seen[b]; ok {
			d := at.Sub(old.at)
			rate := float64(p.Used-old.used) / d.Seconds()
			w := float64(d) / float64(d+half)
			switch {
			case d <= 0:
				now = old
			case !old.watched:
				now.rate, now.watched = rate, true
			default:
				now.rate, now.watched = old.rate*(1-w)+w*rate, true
			}
		}
		next[b] = now
		if p.Growth = now.rate; p.Growth > 0.01 {
			// Connections of several zones may share ports: more are in use then than there are. It is
			// 76 days at most.
			p.Full = time.Duration(float64(max(p.Ports.Size()-p.Used, 0)) / p.Growth * float64(time.Second))
		}
	}
	g.seen = next
}
