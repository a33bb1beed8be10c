package path

import (
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// TestProvenOrder: chains at one priority stand in the order that the newest packet proved,
// unmarked; before that, and when they were made anew since, the order is a guess and marked.
func TestProvenOrder(t *testing.T) {
	f := uitest.Frame(theme.Options{}, 120, 40, 0)
	legacy, variant := &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "filter"}, &model.Table{Backend: model.BackendIptablesNFT, Family: model.FamilyIPv4, Name: "filter", Handle: 1}
	native := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "fw", Handle: 2}
	for _, x := range []*model.Table{legacy, variant, native} {
		x.Chains = []*model.Chain{{Name: "FORWARD", Hook: model.HookForward, Policy: "DROP"}}
	}
	of := func(x *model.Table) model.Called { return model.CalledOf(x, x.Chains[0]) }
	rules := func(tables ...*model.Table) *model.Ruleset {
		rs := &model.Ruleset{Tables: tables}
		rs.Number()
		return rs
	}
	rs := rules(legacy, variant, native)
	packet := func(n int, closed bool, first ...*model.Table) *journey.Journey {
		j := &journey.Journey{Number: n, Closed: closed}
		for i := range len(first) - 1 {
			j.Orders = append(j.Orders, journey.Order{First: of(first[i]), Then: of(first[i+1])})
		}
		return j
	}
	again := *variant
	again.Handle = 7
	pg := New()
	for _, c := range []struct {
		name  string
		rules *model.Ruleset
		list  []*journey.Journey
		want  string
	}{
		{"nothing was seen", rs, nil, "L~ N~ I~"},
		{"one pair was", rs, []*journey.Journey{packet(1, true, variant, legacy)}, "N~ I~ L"},
		{"all were", rs, []*journey.Journey{packet(1, true, variant, legacy), packet(2, true, legacy, native)}, "I L N"},
		{"nothing new", rs, []*journey.Journey{packet(2, true, legacy, native), packet(3, false)}, "I L N"},
		{"the packet is over now", rs, []*journey.Journey{packet(2, true, legacy, native), packet(3, true, native, legacy, variant)}, "N L I"},
		{"a table was made anew", rules(legacy, &again, native), []*journey.Journey{packet(3, true, native, legacy, variant)}, "I~ N~ L"},
		{"one is under way while another proves it", rs, []*journey.Journey{packet(4, false), packet(5, true, variant, legacy)}, "N~ I~ L"},
		{"a chain without a handle is gone", rules(variant, native), []*journey.Journey{packet(4, false), packet(5, true, variant, legacy)}, "N~ I~"},
		{"it came again", rs, []*journey.Journey{packet(4, false), packet(5, true, variant, legacy)}, "L~ N~ I~"},
		{"what was under way when it went is over", rs, []*journey.Journey{packet(4, true, variant, legacy), packet(5, true, variant, legacy)}, "L~ N~ I~"},
		{"what came since", rs, []*journey.Journey{packet(5, true, variant, legacy), packet(6, true, variant, legacy)}, "N~ I~ L"},
		{"another session", rs, []*journey.Journey{packet(1, true)}, "L~ N~ I~"},
		// Nothing is proved yet, or nothing of the chain that goes, and one is under way.
		{"a packet is under way, nothing is proved", rs, []*journey.Journey{packet(2, false)}, "L~ N~ I~"},
		{"the chain goes", rules(variant, native), []*journey.Journey{packet(2, false)}, "N~ I~"},
		{"it came again before the packet is over", rs, []*journey.Journey{packet(2, false)}, "L~ N~ I~"},
		{"the packet is over, of the old chain", rs, []*journey.Journey{packet(2, true, variant, legacy)}, "L~ N~ I~"},
		{"another pair is proved", rs, []*journey.Journey{packet(3, true, variant, native), packet(4, false)}, "L~ I~ N"},
		{"a chain of none goes", rules(variant, native), []*journey.Journey{packet(3, true, variant, native), packet(4, false)}, "I N"},
		{"and comes, and the packet is over", rs, []*journey.Journey{packet(3, true, variant, native), packet(4, true, variant, legacy)}, "L~ I~ N"},
		{"what came since again", rs, []*journey.Journey{packet(4, true), packet(5, true, variant, legacy), packet(6, true, legacy, native)}, "I L N"},
	} {
		f.Snap = &snapshot.Snapshot{Rules: c.rules, Counts: c.rules.Counts(), Journeys: c.list}
		text := ansi.Strip(pg.View(f))
		got := drawn(pg, f)
		if w := pg.world; drawn(pg, f) != got || pg.world != w {
			t.Errorf("%s: it is made again for the same picture", c.name)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s\n%s", c.name, got, c.want, text)
		}
	}
}

// drawn are the badges of the chains at FORWARD as they stand, with the mark of a guess.
func drawn(pg *Page, f *page.Frame) string {
	pg.prepare(f)
	var out []string
	for _, e := range pg.world.stations[slices.Index(names[:], "FORWARD")].entries {
		s := map[model.Backend]string{model.BackendLegacy: "L", model.BackendIptablesNFT: "I", model.BackendNFTables: "N"}[e.key.backend]
		if !e.sure {
			s += "~"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}
