package journey

import (
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
)

// fallen is a drop of a packet, a moment after the events of these tests.
func fallen(p *model.Packet, reason string, s drop.Station) *drop.Drop {
	return &drop.Drop{Time: began.Add(time.Millisecond), Source: drop.StepBPF, Reason: reason, Place: "ip_rcv_finish_core", Station: s, In: "r0", Packet: *p, Count: 1}
}

// TestFall holds a drop of the kernel's against packets that it is the end of, and against
// others: it may come before their events, among them, or when the journey is closed.
func TestFall(t *testing.T) {
	p := udp("10.2.0.2", 5)
	twin, nat, lower := *p, *p, *p
	nat.Dst, lower.TTL = p.Dst.Next(), p.TTL-1
	both := lower
	both.Src, both.Dst = p.Src.Next(), p.Dst.Next()
	came, sent, in := arming(p), probe(model.HookPostrouting, &lower), probe(model.HookInput, p)
	held := came
	held.Late = 900 * time.Millisecond
	other := came
	other.ID = 8
	dropped := line("filter", "INPUT", EventPolicy, 1, model.HookInput, p)
	rp := fallen(p, "IP_RPFILTER", drop.StationRouting)
	at := func(d *drop.Drop, after time.Duration) *drop.Drop { c := *d; c.Time = began.Add(after); return &c }
	with := func(d *drop.Drop, change func(*drop.Drop)) *drop.Drop { c := *d; change(&c); return &c }
	kernel := "dropped by the kernel at the routing decision (IP_RPFILTER)"
	const neighbour = "dropped by the kernel at the interface it should leave by (NEIGH_FAILED)"
	socket, device := fallen(p, "NO_SOCKET", drop.StationSocket), fallen(&lower, "NEIGH_FAILED", drop.StationDeviceOut)
	device.In, device.Out = "", "r1"
	refused := with(fallen(p, "NETFILTER_DROP", drop.StationNetfilter), func(d *drop.Drop) { d.Hook = model.HookInput })
	legacy := rulesOf(legacyTable("filter", builtin("filter", "INPUT", "DROP")))
	native := rulesOf(nftTable("fw", chainOf("in", model.HookInput, 5, "accept", model.Rule{Text: "queue to 3", Target: "queue"})))
	queue := message("in", EventRule, native.Ruleset().Tables[0].Chains[0].Rules[0].Handle, model.VerdictQueue, p)
	unconfirmed := sent
	unconfirmed.CT = &CT{ID: 77, State: ctNew}
	untaken := with(fallen(&lower, "NETFILTER_DROP", drop.StationNetfilter), func(d *drop.Drop) {
		d.Hook, d.Orig, d.State = model.HookPostrouting, p.Tuple(), "NEW"
		d.Facts = &drop.Facts{Conntrack: &drop.Conntrack{InsertFailed: 1}}
	})
	unclear := line("mangle", "PREROUTING", EventRule, 1, model.HookPrerouting, p)
	preRefused := with(refused, func(d *drop.Drop) { d.Hook = model.HookPrerouting })
	tproxy := rulesOf(legacyTable("mangle", builtin("mangle", "PREROUTING", "ACCEPT", model.Rule{Target: "TPROXY", Text: "-j TPROXY"})))
	for _, c := range []struct {
		name  string
		parts []any // events and drops in the order they come; a duration lets time pass
		want  []string
		whole bool // of the first
	}{
		{"behind", []any{came, rp}, []string{kernel}, true},
		{"before", []any{rp, came}, []string{kernel}, true},
		{"late", []any{came, time.Second, rp, time.Second}, []string{kernel}, true},
		{"too long ago", []any{at(rp, -time.Second), came}, []string{"last seen in the prerouting hook, no rule dropped it"}, false},
		{"long ago, and its events were read as late", []any{at(rp, -time.Second), held}, []string{kernel}, true},
		{"much later", []any{came, at(rp, time.Minute)}, []string{"last seen in the prerouting hook, no rule dropped it"}, false},
		{"waited for a neighbour", []any{came, sent, time.Second, at(device, 3*time.Second), 4 * time.Second}, []string{neighbour}, true},
		{"at a socket", []any{came, in, socket}, []string{"dropped by the kernel at the socket (NO_SOCKET)"}, true},
		{"at a socket, and it was sent on", []any{came, sent, socket}, []string{"sent out of r1"}, true},
		{"routed, and it was behind that", []any{came, sent, rp}, []string{"sent out of r1"}, true},
		{"another interface", []any{came, with(rp, func(d *drop.Drop) { d.In = "r9" })}, []string{"last seen in the prerouting hook"}, false},
		{"another packet", []any{came, with(rp, func(d *drop.Drop) { d.Packet.IPID++ })}, []string{"last seen in the prerouting hook"}, false},
		{"other ends", []any{came, with(rp, func(d *drop.Drop) { d.Packet.Src = d.Packet.Src.Next() })}, []string{"last seen in the prerouting hook"}, false},
		{"another hop limit", []any{came, with(rp, func(d *drop.Drop) { d.Packet.TTL -= 2 })}, []string{"last seen in the prerouting hook"}, false},
		{"translated", []any{came, with(rp, func(d *drop.Drop) { d.Packet, d.Orig, d.Reply = nat, p.Tuple(), nat.Tuple().Reverse() })}, []string{kernel}, true},
		{"translated without a connection", []any{came, with(rp, func(d *drop.Drop) { d.Packet = nat })}, []string{"last seen in the prerouting hook"}, false},
		{"translated at both ends", []any{came, with(device, func(d *drop.Drop) { d.Packet, d.Orig, d.Reply = both, p.Tuple(), both.Tuple().Reverse() })}, []string{neighbour}, true},
		{"another connection with its id", []any{came, with(device, func(d *drop.Drop) { d.Packet, d.Orig, d.Reply = both, both.Tuple(), both.Tuple().Reverse() })}, []string{"last seen in the prerouting hook"}, false},
		{"another with its id", []any{came, with(device, func(d *drop.Drop) { d.Packet = both })}, []string{"last seen in the prerouting hook"}, false},
		{"a copy", []any{came, in, with(socket, func(d *drop.Drop) { d.Callers = []string{"raw_local_deliver"} })}, []string{"delivered to this host"}, true},
		{"several", []any{came, with(rp, func(d *drop.Drop) { d.Count = 2 })}, []string{"last seen in the prerouting hook"}, false},
		{"it has done its work", []any{came, in, with(socket, func(d *drop.Drop) { d.Reason = "TCP_OLD_DATA" })}, []string{"delivered to this host"}, true},
		{"a rule's", []any{came, dropped, refused}, []string{"dropped by the policy of filter/INPUT (iptables-legacy)"}, true},
		{"a rule's, told before", []any{refused, came, dropped}, []string{"dropped by the policy of filter/INPUT (iptables-legacy)"}, true},
		{"a rule's that was not told", []any{came, refused}, []string{"dropped by netfilter in the input hook, and no rule that was traced did it"}, false},
		{"two packets, one dropped", []any{came, other, rp}, []string{"one or some of 2 packets with these headers (IP_RPFILTER)", "one or some of 2"}, false},
		{"two packets, both dropped", []any{came, other, rp, at(rp, 2*time.Millisecond)}, []string{kernel, kernel}, true},
		{"two packets, two reasons", []any{came, other, rp, with(rp, func(d *drop.Drop) { d.Reason = "IP_INNOROUTES" })}, []string{"which of them is not known", "which of them is not known"}, false},
		{"conntrack refused it, and its counters tell nothing", []any{came, unconfirmed, with(untaken, func(d *drop.Drop) { d.Facts = nil })}, []string{"dropped by conntrack in the postrouting hook, by no rule: it refused the packet or its connection"}, true},
		{"conntrack or a chain behind ours", []any{came, unconfirmed, with(untaken, func(d *drop.Drop) { d.Facts = nil })}, []string{"dropped by netfilter in the postrouting hook, and no rule that was traced did it"}, false},
		{"a target's of which nothing tells", []any{came, unclear, preRefused}, []string{"dropped by rule 1 of mangle/PREROUTING (iptables-legacy): -j TPROXY (no socket took it)"}, true},
		{"a target's, told before", []any{preRefused, came, unclear}, []string{"dropped by rule 1 of mangle/PREROUTING (iptables-legacy): -j TPROXY (no socket took it)"}, true},
		{"a target's, late", []any{came, unclear, 4 * time.Second, preRefused, time.Second}, []string{"dropped by rule 1 of mangle/PREROUTING (iptables-legacy): -j TPROXY (no socket took it)"}, true},
		{"a target's, and it was dropped in another hook", []any{came, unclear, refused}, []string{"dropped by netfilter in the input hook, and no rule that was traced did it"}, false},
		{"a target's, and another of its kind", []any{came, other, unclear, line("mangle", "PREROUTING", EventRule, 1, model.HookPrerouting, p), preRefused}, []string{"which of them is not known", "which of them is not known"}, false},
		{"a target's, and a chain that tells nothing", []any{unclear, preRefused}, []string{"dropped by netfilter in the prerouting hook, and no rule that was traced did it"}, false},
		{"queued, nobody reads", []any{came, queue, with(refused, func(d *drop.Drop) { d.Reason, d.Place = "NOT_SPECIFIED", "nf_queue" })},
			[]string{"dropped: a rule in input handed it to user space (NFQUEUE), and no program reads that queue; rule 1 of inet fw/in (nftables): queue to 3"}, true},
		{"queued, nobody reads, late", []any{came, queue, 4 * time.Second, with(refused, func(d *drop.Drop) { d.Reason, d.Place = "NOT_SPECIFIED", "nf_queue" }), time.Second},
			[]string{"dropped: a rule in input handed it to user space (NFQUEUE), and no program reads that queue"}, true},
		{"conntrack refused it", []any{came, unconfirmed, untaken}, []string{"dropped by netfilter in the postrouting hook, by no rule: conntrack could not take"}, true},
		{"conntrack refused it, late", []any{came, unconfirmed, 4 * time.Second, untaken, time.Second}, []string{"dropped by netfilter in the postrouting hook, by no rule: conntrack could not take"}, true},
		{"queued, and the program says drop", []any{came, queue, with(refused, func(d *drop.Drop) {
			d.Reason, d.Place, d.Hook = "NOT_SPECIFIED", "nfqnl_reinject", model.HookNone
		}), time.Second},
			[]string{"dropped: the program that reads the queue (NFQUEUE) dropped it, or ended before it had decided; rule 1 of inet fw/in (nftables): queue to 3"}, true},
		{"before any chain", []any{fallen(p, "OTHERHOST", drop.StationDeviceIn), time.Second}, []string{"dropped by the kernel where it came in, before any chain (OTHERHOST)"}, true},
		{"before any chain, another's", []any{fallen(&nat, "OTHERHOST", drop.StationDeviceIn), time.Second}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := NewFold(Options{Probes: true})
			switch {
			case strings.HasPrefix(c.name, "a rule's"):
				f.SetRules(legacy, time.Time{})
			case strings.HasSuffix(c.name, "a chain that tells nothing"):
				f.SetNoNFT(true)
				f.SetRules(rulesOf(tproxy.Ruleset().Tables[0], nftTable("fw", chainOf("pre", model.HookPrerouting, 0, "accept"))), time.Time{})
			case strings.HasSuffix(c.name, "a chain behind ours"):
				f.SetRules(rulesOf(nftTable("fw", chainOf("post", model.HookPostrouting, probePriority+1, "accept"))), time.Time{})
			case strings.HasPrefix(c.name, "a target's"):
				f.SetRules(tproxy, time.Time{})
			case strings.HasPrefix(c.name, "queued"):
				f.SetRules(native, time.Time{})
			default:
				f.SetRules(rulesOf(), time.Time{})
			}
			f.SetFlows(notYet{})
			f.SetDrops(true)
			f.SetArmed(true)
			f.SetChosen(func(j *Journey) bool { return j.Packet.Dst == twin.Dst }, "")
			now := began
			for _, x := range c.parts {
				switch x := x.(type) {
				case Event:
					f.Event(&x)
				case *drop.Drop:
					f.Drop(x)
				case time.Duration:
					now = now.Add(x)
					f.Tick(now)
				}
			}
			c2 := f.Clone()
			for _, f := range []*Fold{f, c2} {
				f.Flush()
				js := f.Journeys()
				if len(js) != len(c.want) {
					t.Fatalf("%d journeys, want %d", len(js), len(c.want))
				}
				for i, j := range js {
					if !strings.Contains(j.Outcome.Sentence, c.want[i]) || i == 0 && j.Complete != c.whole {
						t.Errorf("%q (whole %v: %s), want %q", j.Outcome.Sentence, j.Complete, j.Why, c.want[i])
					}
					if ours := j.Outcome.By.Kind == "kernel" && j.Outcome.By.Reason != ""; ours != (j.Outcome.Verdict == Dropped && (strings.Contains(c.want[i], "by the kernel") || strings.Contains(c.want[i], "by no rule:"))) {
						t.Errorf("culprit %+v of %q", j.Outcome.By, j.Outcome.Sentence)
					}
				}
			}
		})
	}
}

// A packet that waits for user space is closed as soon as the kernel tells of its drop.
func TestQueuedAndDropped(t *testing.T) {
	p := udp("10.1.0.1", 7)
	for _, dropped := range []bool{false, true} {
		f := NewFold(Options{})
		rules := rulesOf(nftTable("fw", chainOf("in", model.HookInput, 5, "accept", model.Rule{Text: "queue to 3", Target: "queue"})))
		f.SetRules(rules, time.Time{})
		f.SetDrops(true)
		e := message("in", EventRule, rules.Ruleset().Tables[0].Chains[0].Rules[0].Handle, model.VerdictQueue, p)
		f.Event(&e)
		if dropped {
			d := fallen(p, "NOT_SPECIFIED", drop.StationNetfilter)
			d.Place = "nfqnl_reinject"
			f.Drop(d)
		}
		f.Tick(began.Add(time.Second))
		if js := f.Journeys(); len(js) != 1 || js[0].Closed != dropped {
			t.Errorf("dropped %v: %d journeys, %+v", dropped, len(js), js[0].Outcome)
		}
	}
}
