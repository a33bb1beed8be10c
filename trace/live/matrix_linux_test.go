package live

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/trace/guard"
	"nfscope/trace/nettest"
)

// The dimensions of TestMatrix.
var (
	matrixBackends = []string{"native", "iptables-nft", "mixed", "legacy"}
	matrixFamilies = []model.Family{model.FamilyIPv4, model.FamilyIPv6}
	matrixPaths    = []string{"in", "out", "forward", "bridge", "loopback"}
	matrixFates    = []string{"accept", "drop", "reject", "reset", "policy", "queue", "release", "refuse", "bypass", "notrack"}
	matrixNATs     = []string{"none", "snat", "dnat", "masquerade", "redirect", "hairpin"}
)

// impossible says why no packet can take a path with an address translation, "" where
// one can.
func impossible(backend, path, fate, nat string, nftQueues bool) string {
	switch {
	case backend == "native" && queues(fate) && !nftQueues:
		return "the kernel has no queue expression for nf_tables (nft_queue)"
	case nat == "masquerade" && path == "in":
		return "MASQUERADE stands in POSTROUTING alone, and what is delivered does not come there"
	case nat == "redirect" && path != "in" && path != "loopback":
		return "REDIRECT sends the packet to this host, so that it is delivered"
	case nat == "hairpin" && path != "forward" && path != "bridge":
		return "a hairpin goes out where it came in, so that it is forwarded"
	}
	return ""
}

// portOf is the port that the packets of a fate go to; what DNAT and REDIRECT make of
// it is 100 above.
func portOf(fate string) uint16 { return uint16(9001 + slices.Index(matrixFates, fate)) }

// matrixCase is one packet of the matrix: the ruleset it meets belongs to all fates of
// a batch, each with a port of its own.
type matrixCase struct {
	backend, path, nat, fate string
	family                   model.Family
}

func (c *matrixCase) name() string {
	return fmt.Sprintf("%s %s %s %s nat %s", c.backend, c.family, c.path, c.fate, c.nat)
}

// delivered reports whether the packet is for the router itself: its destination is the
// router's own address, and where tracking is off no translation changes it.
func (c *matrixCase) delivered() bool {
	return c.path == "in" || c.fate == "notrack" && (c.nat == "hairpin" || c.path == "forward" && c.nat == "dnat")
}

// untold reports whether the sender hears nothing of a rejection: a reset of a bridged
// packet goes straight to the port it came from, past conntrack, so that it names the
// translated address (nf_send_reset).
func (c *matrixCase) untold() bool {
	return c.fate == "reset" && c.path == "bridge" && (c.nat == "dnat" || c.nat == "hairpin")
}

// verdict is the outcome that the fate's rule asks for.
func (c *matrixCase) verdict() string {
	switch c.fate {
	case "drop", "policy":
		return journey.Dropped
	case "reject", "reset":
		return journey.Rejected
	case "queue", "refuse":
		return journey.Queued
	}
	return journey.Accepted
}

// TestMatrix sends a packet for every combination of backend, family, path, fate and
// address translation that there can be, and holds what is told of it against the
// counters that the kernel kept, and against what the two ends saw.
func TestMatrix(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "ip6tables-legacy-restore", "iptables-nft-restore", "ip6tables-nft-restore", "nft")
	t.Parallel()
	nftQueues := queuesNatively(t)
	begin := time.Now()
	var mu sync.Mutex
	ran, left := 0, map[string]int{}
	t.Cleanup(func() {
		t.Logf("%d cases in %s; left out because they cannot be:", ran, time.Since(begin).Round(time.Second))
		for why, n := range left {
			t.Logf("%5d %s", n, why)
		}
	})
	// What takes time is waiting until a journey is over, so many run at once, whatever
	// the number of processors.
	var wg sync.WaitGroup
	slots := make(chan struct{}, 20)
	for _, family := range matrixFamilies {
		for _, path := range matrixPaths {
			for _, backend := range matrixBackends {
				wg.Go(func() {
					slots <- struct{}{}
					defer func() { <-slots }()
					t.Run(fmt.Sprintf("%s %s %s", family, path, backend), func(t *testing.T) {
						n := newMatrixNet(t, family, path == "bridge")
						n.nftQueues = nftQueues
						nettest.Queue(t, n.router, queueAccepts, func(nettest.Queued) (nettest.Verdict, uint32) { return nettest.QueueAccept, 0 })
						nettest.Queue(t, n.router, queueDrops, func(nettest.Queued) (nettest.Verdict, uint32) { return nettest.QueueDrop, 0 })
						g := guarded(t)
						for _, nat := range matrixNATs {
							var fates []string
							mu.Lock()
							for _, fate := range matrixFates {
								if why := impossible(backend, path, fate, nat, nftQueues); why != "" {
									left[why]++
								} else {
									fates = append(fates, fate)
								}
							}
							ran += len(fates)
							mu.Unlock()
							if len(fates) > 0 {
								t.Run(nat, func(t *testing.T) { matrixBatch(t, n, g, backend, path, nat, fates) })
							}
						}
					})
				})
			}
		}
	}
	wg.Wait()
}

// matrixBatch loads the ruleset of a backend, a path and a translation, arms once, and
// sends the packets of all fates. The counters are read behind each; the packets are judged
// together when all are told: that is waited for, so it is done once.
func matrixBatch(t *testing.T, n *matrixNet, g *guard.Guard, backend, path, nat string, fates []string) {
	w := n.wire(path, nat)
	loadMatrix(t, n, backend, &w)
	s := openOn(t, n.router, g, Trace{Rate: 10_000, Filter: parse(t, n.word())})
	defer s.shut()
	c := newCounted(t, n.router)
	halves := 1
	if path == "loopback" {
		halves = 2
	}
	var all []*sent
	var told []turn
	for _, fate := range fates {
		p := n.send(t, &matrixCase{backend, path, nat, fate, n.family}, &w)
		if p.of.verdict() != journey.Accepted {
			s.through(p, halves)
		} else if _, ok := p.heard.wait(p.payload); !ok {
			t.Errorf("%s: nobody got the packet", p.of.name())
		}
		all, told = append(all, p), append(told, turn{name: p.of.name(), after: c.read(t)})
	}
	var fresh []*journey.Journey
	main := map[*sent][]*journey.Journey{}
	s.settled(fmt.Sprintf("%s %s nat %s", backend, path, nat), func(list []*journey.Journey) bool {
		fresh = fresh[:0]
		clear(main)
		for _, j := range list {
			if j.Outcome.By.Table == "quiet" {
				continue
			}
			fresh = append(fresh, j)
			for _, p := range all {
				if p.is(j) {
					main[p] = append(main[p], j)
				}
			}
		}
		return !slices.ContainsFunc(all, func(p *sent) bool { return len(main[p]) < halves })
	})
	var others []*journey.Journey
	for _, j := range fresh {
		if of := slices.IndexFunc(all, func(p *sent) bool { return p.is(j) || p.answers(j) }); of >= 0 {
			told[of].journeys = append(told[of].journeys, j)
		} else {
			others = append(others, j)
		}
	}
	bad := c.compareEach(told, others)
	for _, p := range all {
		for _, why := range p.check(t, &w, main[p]) {
			bad = append(bad, fmt.Sprintf("%s, port %d: %s", p.of.name(), portOf(p.of.fate), why))
		}
		if a, ok := n.heard.of(p.payload); ok && p.of.verdict() != journey.Accepted {
			bad = append(bad, fmt.Sprintf("%s: nobody should have got the packet, and %s has", p.of.name(), a.ns))
		}
	}
	for _, j := range fresh {
		bad = append(bad, c.ordered(j)...)
		of := slices.IndexFunc(all, func(p *sent) bool { return p.is(j) })
		if why := incomplete(j, of >= 0 && all[of].of.verdict() == journey.Queued); why != "" {
			bad = append(bad, why)
		}
	}
	if len(bad) > 0 {
		var b strings.Builder
		for _, j := range fresh {
			b.WriteString(describe(j))
		}
		t.Errorf("%s\n%s", strings.Join(bad, "\n"), b.String())
	}
}

// incomplete says what is not known of a journey that must be whole. A rule may have
// queued it.
func incomplete(j *journey.Journey, queued bool) string {
	switch {
	case j.Gaps != 0:
		return fmt.Sprintf("#%d has %d gaps", j.Number, j.Gaps)
	case queued && j.Outcome.Verdict == journey.Queued:
		if j.Complete || strings.Join(j.Possible, " ") != either {
			return fmt.Sprintf("#%d is queued, and what user space did is not known: complete %v, possible %q", j.Number, j.Complete, j.Possible)
		}
	case j.Packet.Proto == model.ProtoICMP && j.Packet.ICMPType == 5:
		// The router's advice to go straight to the other host: address translation drops
		// it (nf_nat_icmp_reply_translation), where no trace tells of it.
		if j.Complete || !strings.Contains(j.Outcome.Sentence, "last seen in the output hook, no rule dropped it: the kernel did") {
			return fmt.Sprintf("#%d is a redirect, which nobody gets: %s", j.Number, j.Outcome.Sentence)
		}
	case !j.Complete:
		return fmt.Sprintf("#%d is incomplete: %s", j.Number, j.Why)
	}
	return ""
}

// check holds the packet's own journeys, two over loopback, against what its ends saw.
func (p *sent) check(t *testing.T, w *wire, main []*journey.Journey) (bad []string) {
	mc := p.of
	say := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	halves := 1
	if mc.path == "loopback" {
		halves = 2
	}
	if len(main) != halves {
		return []string{fmt.Sprintf("%d journeys of one packet, want %d", len(main), halves)}
	}
	last := main[len(main)-1]
	if last.Outcome.Verdict != mc.verdict() {
		say("verdict %q, want %q", last.Outcome.Verdict, mc.verdict())
	}
	if by := w.culprit(mc); !by.is(&last.Outcome.By) {
		say("the last word had %+v, want %+v", last.Outcome.By, by)
	}
	for i, j := range main {
		path, in, out := w.way(mc, i)
		if j.Path != path || j.In != in || j.Out != out {
			say("#%d: path %s in %q out %q, want %s %q %q", j.Number, j.Path, j.In, j.Out, path, in, out)
		}
		if halves == 2 && j.Half != main[1-i].Number {
			say("#%d: the other half is #%d, want #%d", j.Number, j.Half, main[1-i].Number)
		}
		if i > 0 {
			if src, dst := ends(main[i-1]); src != j.Packet.Tuple().SrcString() || dst != j.Packet.Tuple().DstString() {
				say("the first half leaves as %s > %s, the second comes as %s", src, dst, &j.Packet)
			}
		}
	}
	if got := main[0].Packet.Tuple(); got.SrcString() != p.from.String() || got.DstString() != p.to.String() {
		say("the packet is told as %s, was sent as %s > %s", &main[0].Packet, p.from, p.to)
	}
	src, dst := ends(last)
	for _, j := range main {
		if j.NAT != nil && !slices.Contains(j.NAT.Class, w.class(mc)) {
			say("#%d: translated as %q, want %q", j.Number, j.NAT.Class, w.class(mc))
		}
	}
	switch mc.verdict() {
	case journey.Accepted:
		a, ok := p.heard.wait(p.payload)
		switch {
		case !ok:
			say("it is said to be accepted, and nobody got it")
		case a.src.String() != src || a.dst.String() != dst:
			say("%s got %s > %s, the journey ends as %s > %s", a.ns, a.src, a.dst, src, dst)
		}
	case journey.Rejected:
		if (p.refused == nil) != mc.untold() {
			say("it is said to be rejected, and the sender was told %v", p.refused)
		}
	}
	return bad
}

// ends are the packet's addresses when it was through.
func ends(j *journey.Journey) (src, dst string) {
	tp := j.Packet.Tuple()
	src, dst = tp.SrcString(), tp.DstString()
	if j.NAT != nil && j.NAT.Src != nil {
		src = j.NAT.Src[1]
	}
	if j.NAT != nil && j.NAT.Dst != nil {
		dst = j.NAT.Dst[1]
	}
	return src, dst
}

func addrPort(a string, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(a), port)
}
