package journey

import (
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/flow"
)

// TestAsleep: where nothing keeps nf_tables' tracer awake, a journey that the legacy tracer
// alone told of is not whole if the packet may have met a chain of nf_tables, of nat and of
// bridges among them, and such a chain may have had the last word; chains that it did not come
// to say nothing, nor does it matter where nf_tables told of the packet all the same.
func TestAsleep(t *testing.T) {
	p := udp("10.1.0.1", 5)
	raw := legacyTable("raw", builtin("raw", "PREROUTING", "ACCEPT"), builtin("raw", "OUTPUT", "ACCEPT"))
	filter := legacyTable("filter", builtin("filter", "FORWARD", "ACCEPT", target("DROP")), builtin("filter", "INPUT", "ACCEPT", target("DROP")))
	mangle := legacyTable("mangle", builtin("mangle", "PREROUTING", "ACCEPT"), builtin("mangle", "POSTROUTING", "ACCEPT"))
	inet := func(c *model.Chain) *model.Table { return nftTable("fw", c) }
	nat := func(c *model.Chain) *model.Table {
		return &model.Table{Backend: model.BackendIptablesNFT, Family: model.FamilyIPv4, Name: "nat", Chains: []*model.Chain{c}}
	}
	bridge := func(h model.Hook, at model.Priority) *model.Table {
		return &model.Table{Backend: model.BackendNFTables, Family: model.FamilyBridge, Name: "b", Chains: []*model.Chain{chainOf("c", h, at, "accept")}}
	}
	device := func(d string) *model.Table {
		c := chainOf("c", model.HookEgress, 0, "accept")
		c.Device = d
		return &model.Table{Backend: model.BackendNFTables, Family: model.FamilyNetdev, Name: "d", Chains: []*model.Chain{c}}
	}
	six := inet(chainOf("f", model.HookForward, 0, "accept"))
	six.Family = model.FamilyIPv6
	begun := line("raw", "PREROUTING", EventPolicy, 1, model.HookPrerouting, p)
	made := line("raw", "OUTPUT", EventPolicy, 1, model.HookOutput, p)
	passes := []Event{begun, line("filter", "FORWARD", EventPolicy, 2, model.HookForward, p)}
	drops := []Event{begun, line("filter", "FORWARD", EventRule, 1, model.HookForward, p)}
	delivered := []Event{begun, line("filter", "INPUT", EventPolicy, 2, model.HookInput, p)}
	refused := []Event{begun, line("filter", "INPUT", EventRule, 1, model.HookInput, p)}
	came := []Event{begun, line("mangle", "PREROUTING", EventPolicy, 1, model.HookPrerouting, p)}
	natSix := nat(builtin("nat", "POSTROUTING", "ACCEPT"))
	natSix.Family = model.FamilyIPv6
	local := []Event{made}
	self := []Event{made, line("mangle", "POSTROUTING", EventPolicy, 1, model.HookPostrouting, p)}
	self[0].Out, self[1].Out, self[1].In = "lo", "lo", ""
	turned := append([]Event{}, self...) // translated in output, whose chains keep the device
	turned[1].Out = "r1"
	told := append(passes[:2:2], message("f", EventPolicy, 0, model.VerdictAccept, p))
	told[2].Out = "r1"
	const egress = "what d/c did with it, if it came there, is not known: nf_tables' chains are not traced"
	const unknown, not = "what fw/f did with it, if it came there, is not known: nf_tables' chains are not traced", "what b/c did with it, if it came there, is not known: nf_tables' chains are not traced"
	forward := func(at model.Priority) *model.Table { return inet(chainOf("f", model.HookForward, at, "accept")) }
	for _, c := range []struct {
		name   string
		table  *model.Table
		events []Event
		end    string
		why    string
	}{
		{"a chain of inet", forward(5), passes, Unknown, unknown},
		{"one before the table that drops", forward(-5), drops, Dropped, unknown},
		{"one beside it", forward(0), drops, Dropped, unknown},
		{"one behind it", forward(5), drops, Dropped, ""},
		{"one before the trace", inet(chainOf("f", model.HookPrerouting, -301, "accept")), passes, Accepted, ""},
		{"another family's", six, passes, Accepted, ""},
		{"another hook's", inet(chainOf("f", model.HookInput, 5, "accept")), passes, Accepted, ""},
		{"iptables-nft's nat", nat(builtin("nat", "POSTROUTING", "ACCEPT")), passes, Unknown, "what nat/POSTROUTING did with it, if it came there, is not known: nf_tables' chains are not traced"},
		{"nat of another family", natSix, passes, Accepted, ""},
		{"nat's input behind the drop", nat(builtin("nat", "INPUT", "ACCEPT")), refused, Dropped, ""},
		{"between two that it came to of prerouting", inet(chainOf("f", model.HookPrerouting, -200, "accept")), came, Unknown, unknown},
		{"nat of another way", nat(builtin("nat", "OUTPUT", "ACCEPT")), passes, Accepted, ""},
		{"nat behind the drop", nat(builtin("nat", "POSTROUTING", "ACCEPT")), drops, Dropped, ""},
		{"a bridge's forward", bridge(model.HookForward, 0), passes, Unknown, not},
		{"a bridge's forward, and it is delivered", bridge(model.HookForward, 0), delivered, Accepted, ""},
		{"a bridge's forward, and it is made here", bridge(model.HookForward, 0), local, Accepted, ""},
		{"a bridge's prerouting, before it", bridge(model.HookPrerouting, -1), passes, Accepted, ""},
		{"a bridge's prerouting, behind it", bridge(model.HookPrerouting, 1), passes, Unknown, not},
		{"a bridge's prerouting, and it is made here", bridge(model.HookPrerouting, 1), local, Accepted, ""},
		{"a bridge's prerouting, behind it, and a drop", bridge(model.HookPrerouting, 1), drops, Dropped, not},
		{"a bridge's prerouting, behind it, and it is delivered", bridge(model.HookPrerouting, 1), delivered, Unknown, not},
		{"a bridge's forward, behind it, and it is made here", bridge(model.HookForward, 1), local, Accepted, ""},
		{"a bridge's input, and it is delivered", bridge(model.HookInput, 0), delivered, Unknown, not},
		{"a bridge's input, and it is made here", bridge(model.HookInput, 0), local, Accepted, ""},
		{"a bridge's input, and it is routed on", bridge(model.HookInput, 0), passes, Unknown, not},
		{"a bridge's output", bridge(model.HookOutput, 0), passes, Unknown, not},
		{"a bridge's output, made here", bridge(model.HookOutput, 0), local, Unknown, not},
		{"a bridge's output, and it is delivered", bridge(model.HookOutput, 0), delivered, Accepted, ""},
		{"a bridge's output behind the drop", bridge(model.HookOutput, 0), drops, Dropped, ""},
		{"a device's egress", device("r1"), passes, Unknown, egress},
		{"another's, on which r1 may stand", device("r9"), passes, Unknown, egress},
		{"a device's egress, and it is sent to this host itself", device("r9"), self, Accepted, ""},
		{"several devices' egress, and it is sent to this host itself", device("r8,r9"), self, Accepted, ""},
		{"loopback's egress", device("lo"), self, Unknown, egress},
		{"loopback's egress among others", device("r9,lo"), self, Unknown, egress},
		{"egress of all whose names begin so", device("l*"), self, Unknown, egress},
		{"egress of devices that are not known", device(""), self, Unknown, egress},
		{"a device's egress, and it was sent to this host itself before it was translated", device("r9"), turned, Unknown, egress},
		{"a bridge's output, and it is sent to this host itself", bridge(model.HookOutput, 0), self, Accepted, ""},
		{"something else keeps it awake", forward(5), told, Accepted, ""},
	} {
		for _, asleep := range []bool{true, false} {
			f := NewFold(Options{})
			f.SetNoNFT(asleep)
			tables := []*model.Table{raw, filter}
			if len(c.events) == 2 && c.events[1].Table == "mangle" {
				tables = append(tables, mangle)
			}
			f.SetRules(rulesOf(append(tables[:len(tables):len(tables)], c.table)...), time.Time{})
			for i := range c.events {
				f.Event(&c.events[i])
			}
			f.Flush()
			j := f.Journeys()[0]
			if !asleep {
				if j.Why == c.why && c.why != "" {
					t.Errorf("%s, awake: %q", c.name, j.Why)
				}
				continue
			}
			if j.Outcome.Verdict != c.end || j.Complete != (c.why == "") || j.Why != c.why || (len(j.Possible) == 2) != (c.end == Unknown) {
				t.Errorf("%s: %s (%s), possible %v, complete %v %q, want %s, %q", c.name, j.Outcome.Verdict, j.Outcome.Sentence, j.Possible, j.Complete, j.Why, c.end, c.why)
			}
		}
	}
}

// TestAsleepKnown: later packets of a connection meet no chain of nat, asleep or not.
func TestAsleepKnown(t *testing.T) {
	p := udp("10.1.0.1", 5)
	rules := rulesOf(legacyTable("raw", builtin("raw", "PREROUTING", "ACCEPT")), legacyTable("filter", builtin("filter", "FORWARD", "ACCEPT")),
		&model.Table{Backend: model.BackendIptablesNFT, Family: model.FamilyIPv4, Name: "nat", Chains: []*model.Chain{builtin("nat", "POSTROUTING", "ACCEPT")}})
	entry := &flow.Flow{ID: 1, Seen: began.Add(-time.Minute)}
	entry.Orig.Tuple, entry.Reply.Tuple = p.Tuple(), p.Tuple().Reverse()
	const nat = "what nat/POSTROUTING did with it, if it came there, is not known: nf_tables' chains are not traced"
	for _, c := range []struct {
		name  string
		entry *flow.Flow
		end   string
		why   string
	}{
		{"of a new connection", &flow.Flow{ID: 2}, Unknown, nat},
		{"of one that was there", entry, Accepted, ""},
	} {
		f := NewFold(Options{})
		f.SetNoNFT(true)
		f.SetFlows(oneFlow{c.entry})
		f.SetRules(rules, time.Time{})
		for _, e := range []Event{line("raw", "PREROUTING", EventPolicy, 1, model.HookPrerouting, p), line("filter", "FORWARD", EventPolicy, 1, model.HookForward, p)} {
			f.Event(&e)
		}
		f.Flush()
		if j := f.Journeys()[0]; j.Outcome.Verdict != c.end || j.Why != c.why {
			t.Errorf("%s: %s (%s), %q, want %s, %q", c.name, j.Outcome.Verdict, j.Outcome.Sentence, j.Why, c.end, c.why)
		}
	}
}
