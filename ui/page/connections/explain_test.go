package connections

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/nat"
	"nfscope/ui/page"
)

// shows are the items of the inspector as "name: value".
func shows(p *Page, f *page.Frame, fl *flow.Flow) (out []string) {
	for _, x := range p.explain(f.Theme, f, fl) {
		out = append(out, x.Name+": "+x.Value)
	}
	return out
}

// TestEveryFieldIsNamed: what conntrack keeps of a flow stands in the inspector, and of one that
// is over since when.
func TestEveryFieldIsNamed(t *testing.T) {
	t.Parallel()
	p, f, fl := translated(t, "-A POSTROUTING -j MASQUERADE\n")
	f.Snap.Flows.Accounting, f.Snap.Flows.Timeouts = true, flow.Timeouts{"tcp_timeout_established": 432000}
	x := *fl
	x.Mark, x.Zone, x.Helper, x.Context = 0xabc, 3, "sip", "system_u"
	x.Orig.Zone, x.Reply.Zone = 5, 6
	x.Orig.Count, x.Reply.Count = model.Counters{Packets: 3, Bytes: 300, Valid: true}, model.Counters{Packets: 2, Bytes: 200, Valid: true}
	x.Orig.Adjust.After, x.Reply.Adjust.After = 4, -5
	x.Synproxy = flow.Synproxy{ISN: 11, ITS: 22}
	x.Start, x.Timeout, x.TimeoutMax = f.Now.Add(-90*time.Second), 100*time.Second, 432000*time.Second
	has := func(got []string, want ...string) {
		t.Helper()
		for _, w := range want {
			found := false
			for _, g := range got {
				found = found || strings.Contains(g, w)
			}
			if !found {
				t.Errorf("%q is not shown:\n%s", w, strings.Join(got, "\n"))
			}
		}
	}
	alive := shows(p, f, &x)
	has(alive, "original: tcp 10.1.0.5:51000 > 93.184.216.34:443, 3 packets, 300 B", "reply: tcp 93.184.216.34:443 > 10.2.0.1:51000, 2 packets, 200 B", "status: seen_reply assured src_nat",
		"mark 0xabc", "zone 3", "helper sip", "began "+x.Start.Format("15:04:05")+", 90 s ago", "zones: 5 in the original direction, 6 in the reply's", "moved: original +4, reply -5",
		"sequence numbers from 11 and timestamps from 22", "context: system_u", "timeout: 100 s left of 432000 s (nf_conntrack_tcp_timeout_established)")
	if got := strings.Join(alive, "\n"); strings.Contains(got, "gone for") || strings.Contains(got, "ended") {
		t.Errorf("it lives, and:\n%s", got)
	}
	x.Gone, x.Stop = f.Now.Add(-2*time.Second), f.Now.Add(-3*time.Second)
	over := shows(p, f, &x)
	has(over, "tcp ESTABLISHED, masquerade, gone for 2 s", "began "+x.Start.Format("15:04:05")+", ended "+x.Stop.Format("15:04:05"))
	if got := strings.Join(over, "\n"); strings.Contains(got, "timeout") || strings.Contains(got, "ago") {
		t.Errorf("it is over, and:\n%s", got)
	}
}

// TestTracedRules: of the packets traced only the first of this very connection tells the rules, the
// first that translates each half; one that is not what it was is named and not gone to.
func TestTracedRules(t *testing.T) {
	t.Parallel()
	_, f, fl := translated(t, "-A POSTROUTING -p tcp -j MASQUERADE\n-A POSTROUTING -j SNAT --to-source 10.2.0.1\n")
	b := newBasis(f.Snap, nil)
	b.prepare()
	rules := f.Snap.Rules.Tables[0].Chains[1].Rules
	step := func(h model.Hook, kind journey.Kind, n int, target, text string) journey.Step {
		return journey.Step{Kind: kind, Hook: h, Backend: model.BackendLegacy, Family: model.FamilyIPv4, Table: "nat", Chain: "POSTROUTING", Rule: n, Target: target, Text: text}
	}
	post := step(model.HookPostrouting, journey.KindRule, 1, "MASQUERADE", rules[0].Text)
	first := func(steps ...journey.Step) *journey.Journey {
		o := fl.Orig.Tuple
		return &journey.Journey{Number: 4, Flow: fl.ID, FlowBy: journey.FlowByID, CTState: "NEW", Steps: steps,
			Packet: model.Packet{Family: model.FamilyIPv4, Proto: o.Proto, Src: o.Src, Dst: o.Dst, SPort: o.SPort, DPort: o.DPort, Transport: true}}
	}
	with := func(change func(*journey.Journey)) *journey.Journey {
		j := first(post)
		change(j)
		return j
	}
	for name, c := range map[string]struct {
		j       *journey.Journey
		packets int
		exact   [2]int // the number of the rule that was traced
		ids     [2]int // and of that which is gone to, -1 for none
	}{
		"the first packet":          {first(post), 1, [2]int{0, 1}, [2]int{-1, rules[0].ID}},
		"another packet":            {with(func(j *journey.Journey) { j.CTState = "ESTABLISHED" }), 1, [2]int{}, [2]int{-1, -1}},
		"another connection":        {with(func(j *journey.Journey) { j.Flow++ }), 0, [2]int{}, [2]int{-1, -1}},
		"a number by chance":        {with(func(j *journey.Journey) { j.FlowBy = "" }), 0, [2]int{}, [2]int{-1, -1}},
		"other ends, as of old":     {with(func(j *journey.Journey) { j.Packet.SPort++ }), 0, [2]int{}, [2]int{-1, -1}},
		"the rule is another":       {first(step(model.HookPostrouting, journey.KindRule, 1, "MASQUERADE", "-A POSTROUTING -j MASQUERADE")), 1, [2]int{0, 1}, [2]int{-1, -1}},
		"in INPUT":                  {first(step(model.HookInput, journey.KindRule, 2, "SNAT", rules[1].Text)), 1, [2]int{0, 2}, [2]int{-1, rules[1].ID}},
		"in PREROUTING":             {first(step(model.HookPrerouting, journey.KindRule, 2, "SNAT", rules[1].Text)), 1, [2]int{2, 0}, [2]int{rules[1].ID, -1}},
		"it did not match":          {first(step(model.HookPostrouting, journey.KindMiss, 1, "MASQUERADE", rules[0].Text)), 1, [2]int{}, [2]int{-1, -1}},
		"the first that translates": {first(step(model.HookPostrouting, journey.KindRule, 2, "LOG", rules[1].Text), post, step(model.HookPostrouting, journey.KindRule, 2, "SNAT", rules[1].Text)), 1, [2]int{0, 1}, [2]int{-1, rules[0].ID}},
	} {
		s := *f.Snap
		s.Journeys = []*journey.Journey{c.j}
		k := b.look(&s, fl)
		var exact [2]int
		for i, st := range k.exact {
			if st != nil {
				exact[i] = st.Rule
			}
		}
		if k.packets != c.packets || exact != c.exact || k.rules != c.ids {
			t.Errorf("%s: %d packets, traced %v, to go to %v; expected %+v", name, k.packets, exact, k.rules, c)
		}
	}
}

// TestWhoTranslated: what is said of the half that is translated, where no rule of now is the one.
func TestWhoTranslated(t *testing.T) {
	t.Parallel()
	_, _, fl := translated(t, "")
	for want, k := range map[string]known{
		"it was expected": {origin: nat.Origin{Unknown: "it was expected"}},
		"no rule: the kernel chose another port, since the one of the client was taken (inferred)": {origin: nat.Origin{Src: nat.Made{Plain: true}}},
		"a rule that is not there any more, or that matches no more":                               {},
	} {
		if got := k.lines(fl); len(got) != 1 || got[0] != [2]string{"source by", want} {
			t.Errorf("%q, expected %q", got, want)
		}
	}
}

// TestAwaited: what the mask has no bit of is any.
func TestAwaited(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddr
	x := flow.Expectation{Tuple: model.Tuple{Proto: model.ProtoTCP, Src: addr("10.0.0.1"), SPort: 7, Dst: addr("10.0.0.2"), DPort: 80}}
	x.Mask = model.Tuple{Src: addr("255.255.255.255"), Dst: addr("255.255.255.255"), DPort: 0xffff}
	if got, want := awaited(&x), "tcp from 10.0.0.1 to 10.0.0.2:80"; got != want {
		t.Errorf("%q, expected %q", got, want)
	}
}
