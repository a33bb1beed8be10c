package journey

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
)

// TestSeats holds the seats of a hook against what stands there.
func TestSeats(t *testing.T) {
	rules := func(priorities ...model.Priority) *model.Ruleset {
		rs := &model.Ruleset{}
		for i, p := range priorities {
			rs.Tables = append(rs.Tables, nftTable(fmt.Sprint("t", i), chainOf("c", model.HookPrerouting, p, "accept")))
		}
		return rs
	}
	own := rules(-350, -300)
	own.Tables[0].Name = ProbePrefix + "1_1"
	for _, c := range []struct {
		name string
		rs   *model.Ruleset
		want string
	}{
		{"nothing but conntrack", &model.Ruleset{}, "-349 -201 -199"},
		{"no rules are known", nil, "-349 -201 -199"},
		{"raw and mangle", rules(-300, -150), "-349 -301 -201 -151 -149"},
		{"next to each other", rules(-150, -149, -148), "-349 -201 -151 -147"},
		{"at one", rules(0, 0), "-349 -201 -1 1"},
		{"before the arming", rules(-400, -350), "-349 -201 -199"},
		{"our own", own, "-349 -301 -201 -199"},
		{"at the ends", rules(-1<<31, 1<<31-1), "-349 -201 2147483646"},
	} {
		var got []string
		for _, s := range Seats(c.rs, -350, -350) {
			if s.Hook == model.HookPrerouting {
				got = append(got, fmt.Sprint(int64(s.Priority)))
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

// TestSights: of two packets with the same headers the one that the kernel dropped is known
// by its sk_buff, where they were seen between the chains; and what stands behind the last
// seat is named.
func TestSights(t *testing.T) {
	p := udp("10.2.0.2", 5)
	lower := *p
	lower.TTL--
	rules := rulesOf(legacyTable("filter", builtin("filter", "FORWARD", "ACCEPT")))
	seats := Seats(rules.Ruleset(), armingPriority, armingPriority)
	sight := func(skb uint64, h model.Hook, n int) *Sight {
		for _, s := range seats {
			if s.Hook != h {
				continue
			}
			if n--; n < 0 {
				return &Sight{Seat: s, Time: began, Skb: skb, Packet: *p, In: "r0"}
			}
		}
		t.Fatal("no such seat")
		return nil
	}
	on := func(skb uint64, hooks ...model.Hook) (l []any) {
		for _, h := range hooks {
			for i := range seats {
				if seats[i].Hook == h {
					l = append(l, &Sight{Seat: seats[i], Time: began, Skb: skb, Packet: *p, In: "r0"})
				}
			}
		}
		return l
	}
	of := func(d *drop.Drop, skb uint64) *drop.Drop { c := *d; c.Skb = skb; return &c }
	came, sent := arming(p), probe(model.HookPostrouting, &lower)
	came2, sent2 := came, sent
	came2.ID, sent2.ID = 8, 8
	rp := fallen(p, "IP_RPFILTER", drop.StationRouting)
	refused := fallen(p, "NETFILTER_DROP", drop.StationNetfilter)
	refused.Hook = model.HookPrerouting
	forward := *refused
	forward.Hook = model.HookForward
	kernel, conntrack := "dropped by the kernel at the routing decision", "dropped by conntrack in the prerouting hook, by no rule"
	all := []model.Hook{model.HookPrerouting, model.HookForward, model.HookPostrouting}
	for _, c := range []struct {
		name  string
		parts []any
		want  []string
	}{
		{"one of two", append(append(on(1, model.HookPrerouting), on(2, all...)...), came, came2, sent2, of(rp, 1)), []string{kernel, "sent out of r1"}},
		{"the other's that was not traced", append(on(1, model.HookPrerouting), came, of(rp, 3)), []string{"last seen in the prerouting hook"}},
		{"conntrack", []any{sight(1, model.HookPrerouting, 0), sight(1, model.HookPrerouting, 1), came, of(refused, 1)}, []string{conntrack}},
		{"a table", append(on(1, model.HookPrerouting), sight(1, model.HookForward, 0), came, of(&forward, 1)), []string{"dropped by filter/FORWARD (iptables-legacy) in the forward hook"}},
		{"some were lost", append(on(1, model.HookPrerouting), &Sight{Seat: sight(1, model.HookForward, 0).Seat, Lost: 1, Skb: 9, Packet: *p, Time: began}, came, of(&forward, 1)),
			[]string{"dropped by netfilter in the forward hook, and no rule that was traced did it"}},
		{"its beginning was not seen", []any{sight(1, model.HookForward, 0), came, of(&forward, 1)}, []string{"dropped by netfilter in the forward hook, and no rule that was traced did it"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := NewFold(Options{Probes: true})
			f.SetRules(rules, time.Time{})
			f.SetDrops(true)
			for _, x := range c.parts {
				switch x := x.(type) {
				case Event:
					f.Event(&x)
				case *drop.Drop:
					f.Drop(x)
				case *Sight:
					f.Sight(x)
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
					if !strings.HasPrefix(j.Outcome.Sentence, c.want[i]) {
						t.Errorf("%d. %q, want %q", i, j.Outcome.Sentence, c.want[i])
					}
				}
			}
		})
	}
}
