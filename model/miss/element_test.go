package miss_test

import (
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/model/miss"
)

// TestElements: of a rule that asks a verdict map the element is named that gave the verdict which
// the kernel told of, by the packet's key or because no other gives that verdict; where another
// may have been it none is. Told are "FROM to VERDICT" and the element.
func TestElements(t *testing.T) {
	const maps = `table inet t {
	map ports { type inet_service : verdict
		elements = { 8 : drop, 9 : drop, 20-30 : goto bad }
	}
	map far { type ipv4_addr . inet_service : verdict
		flags interval
		elements = { 10.1.0.0/16 . 9 comment "the lab" : goto bad, 10.1.0.2 . 8 : drop }
	}
	map fed { type inet_service : verdict
		flags dynamic,timeout
		elements = { 7 : accept, 9 expires 5s : drop }
	}
	map marks { type mark : verdict
		elements = { 0x00000001 : accept, 0x00000002 : drop }
	}
	map rest { type inet_service : verdict
		elements = { 9 : accept, * : drop }
	}
	chain bad { drop; }
	chain in { type filter hook input priority 0
		%
	}
}
`
	for _, c := range []struct {
		name, rule string
		verdict    model.Verdict
		leads      bool
		want       string
	}{
		{"the packet's own key", "udp dport vmap @ports", model.VerdictDrop, false, "9 : drop"},
		{"in the rule", "udp dport vmap { 8 : drop, 9 : drop }", model.VerdictDrop, false, "9 : drop"},
		{"a range", "udp dport vmap { 1-8 : drop, 9-12 : drop }", model.VerdictDrop, false, "9-12 : drop"},
		{"two fields, led to a chain", "ip saddr . udp dport vmap @far", model.VerdictGoto, true, `10.1.0.0/16 . 9 comment "the lab" : goto bad`},
		{"led to where nothing was told", "ip saddr . udp dport vmap @far", model.VerdictGoto, false, ""},
		{"the map says otherwise now", "udp dport vmap @ports", model.VerdictAccept, false, ""},
		{"the only one that drops", "ct state vmap { established : accept, invalid : drop }", model.VerdictDrop, false, "invalid : drop"},
		{"one of two that drop", "ct state vmap { untracked : drop, invalid : drop }", model.VerdictDrop, false, ""},
		{"one that packets put in, by its key", "udp dport vmap @fed", model.VerdictDrop, false, "9 expires 5s : drop"},
		{"one that packets may have put in", "ct zone vmap @fed", model.VerdictDrop, false, ""},
		{"what an earlier statement wrote", "meta mark set 0x00000002 meta mark vmap @marks", model.VerdictDrop, false, "0x00000002 : drop"},
		{"all others", "udp sport vmap @rest", model.VerdictDrop, false, "* : drop"},
		{"a map of nobody", "udp dport vmap @none", model.VerdictDrop, false, ""},
		{"no map", "udp dport 9 drop", model.VerdictDrop, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			steps := []string{"in 1"}
			if c.leads {
				steps = append(steps, "in bad 1")
			}
			j := walked(t, strings.Replace(maps, "%", c.rule, 1), steps...)
			j.Steps[0].Verdict = c.verdict
			f := miss.New(miss.Known{})
			for name, got := range map[string]*journey.Journey{"Elements": f.Elements(j), "Look": f.Look(j, 0)} {
				if got.Steps[0].Element != c.want {
					t.Errorf("%s: %q, want %q", name, got.Steps[0].Element, c.want)
				}
			}
			if j.Steps[0].Element != "" {
				t.Error("the journey itself was changed")
			}
		})
	}
}

// TestElementsUnread: of a map whose elements were not all read the only one that drops may not be
// the only one, and the packet's own key is still its own.
func TestElementsUnread(t *testing.T) {
	const table = "table inet t {\n\tmap m { type inet_service : verdict\n\t\telements = { 9 : drop }\n\t}\n\tchain in { type filter hook input priority 0\n\t\t% vmap @m\n\t}\n}\n"
	for key, want := range map[string]string{"udp dport": "9 : drop", "ct zone": ""} {
		for _, more := range []bool{false, true} {
			j := walked(t, strings.Replace(table, "%", key, 1), "in 1")
			rs := j.Rules.Ruleset()
			rs.Terse, rs.Tables[0].Maps = true, []model.VerdictMap{{Name: "m", More: more}}
			j.Steps[0].Verdict = model.VerdictDrop
			if !more && want == "" {
				continue
			}
			if got := miss.New(miss.Known{}).Elements(j).Steps[0].Element; got != want {
				t.Errorf("%s, more %v: %q, want %q", key, more, got, want)
			}
		}
	}
}

// TestElementsAlongTheWay: an element goes by what earlier rules wrote and by where the packet went
// next in that walk; none is named of a packet whose end is open, or of a rule that reads otherwise now.
func TestElementsAlongTheWay(t *testing.T) {
	const table = "table inet t {\n\tchain bad {\n\t\tdrop\n\t}\n\tchain in {\n\t\ttype filter hook input priority 0\n\t\tmeta mark set 0x00000002\n\t\tmeta mark vmap { 0x00000001 : jump bad, 0x00000002 : jump bad }\n\t}\n}\n"
	for name, c := range map[string]struct {
		change func(j *journey.Journey)
		want   string
	}{
		"whole":                       {func(*journey.Journey) {}, "0x00000002 : jump bad"},
		"its end is open":             {func(j *journey.Journey) { j.Closed = false }, ""},
		"it reads otherwise now":      {func(j *journey.Journey) { j.Steps[1].Text += " comment \"old\"" }, ""},
		"what comes next is far away": {func(j *journey.Journey) { j.Steps[2].Hook = model.HookPostrouting }, ""},
	} {
		j := walked(t, table, "in 1", "in 2", "in bad 1")
		j.Steps[0].Verdict, j.Steps[1].Verdict, j.Steps[2].Verdict = model.VerdictContinue, model.VerdictJump, model.VerdictDrop
		if c.change(j); miss.New(miss.Known{}).Elements(j).Steps[1].Element != c.want {
			t.Errorf("%s: %q, want %q", name, miss.New(miss.Known{}).Elements(j).Steps[1].Element, c.want)
		}
	}
}
