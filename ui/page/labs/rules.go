package labs

import (
	"fmt"
	"strings"

	"nfscope/model"
	"nfscope/model/guess"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/line"
	"nfscope/ui/component/units"
	"nfscope/ui/page"
)

// The rules that stand in the watched host's box: so many lines at most, and so wide.
const mostInside, wideInside = 12, 64

// chains calls each with the chains that the packet may meet, those with rules or a policy
// that drops, and the one that holds under.
func chains(rs *model.Ruleset, under *guess.Place, each func(*model.Table, *model.Chain)) {
	if rs == nil {
		return
	}
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			if len(c.Rules) > 0 || c.PolicyVerdict() == model.VerdictDrop || under != nil && under.Kind == guess.Policy && under.Table == t.Name && under.Chain == c.Name {
				each(t, c)
			}
		}
	}
}

// under is the rule or policy under the cursor; nil where none is.
func (p *Page) under(rs *model.Ruleset) *guess.Place {
	if p.phase == choosing {
		if l := guess.Places(rs, p.answer.Verdict); p.at < len(l) {
			return &l[p.at]
		}
	}
	return nil
}

// rules lists those that the packet may meet, with the one under the cursor marked, and what
// each had counted when a step was last told, so that one that nothing came to is seen.
func (p *Page) rules(f *page.Frame, w, h int) []string {
	th := f.Theme
	if h <= 0 {
		return nil
	}
	under := p.under(f.Snap.Rules)
	var out []string
	mark := 0
	chains(f.Snap.Rules, under, func(t *model.Table, c *model.Chain) {
		at := guess.Place{Kind: guess.Policy, Backend: t.Backend, Family: t.Family, Table: t.Name, Chain: c.Name, Text: c.Policy}
		head := th.Strong.Render(line.Clean(ladder.Place(t.Backend, t.Family, t.Name, c.Name))) + " " + th.Backend(t.Backend).Render(ladder.Badge(t.Backend, t.Family))
		put := func(at guess.Place, text string) {
			lead := "  "
			if under != nil && *under == at {
				lead, mark = th.Moving.Render(th.Glyphs.Hit)+" ", len(out)
			}
			out = append(out, line.Cut(lead+text, w, th.Glyphs.Dots))
		}
		if c.Policy != "" {
			head += "  " + th.Dim.Render("policy "+c.Policy)
		}
		put(at, head)
		for i := range c.Rules {
			r := &c.Rules[i]
			at.Kind, at.Rule, at.Text = guess.Rule, r.Index, r.Text
			text, lead := line.Clean(strings.TrimPrefix(r.Text, "-A "+c.Name+" ")), fmt.Sprintf("%3d  %s", r.Index, p.hits(f, r))
			if 2+line.Width(lead+text) > w { // what the rule does matters more
				text = ladder.NoComment(text)
			}
			put(at, lead+text)
		}
	})
	if len(out) > h {
		from := min(max(mark-h/2, 0), len(out)-h)
		out = out[from : from+h]
	}
	return out
}

// hits are the packets that a rule had counted when a step was last told, and how many of
// them are that step's; "" before, since that would tell.
func (p *Page) hits(f *page.Frame, r *model.Rule) string {
	n, ok := counted(f.Snap.Rules, p.tally, r)
	if !ok {
		return ""
	}
	rose := ""
	if was, ok := counted(f.Snap.Rules, p.before, r); ok && p.phase == telling && n > was {
		rose = "+" + units.Count(n-was, 5)
	}
	text := fmt.Sprintf("%5s %-6s ", units.Count(n, 5), rose)
	switch {
	case rose != "":
		return f.Theme.Moving.Render(text)
	case n == 0:
		return f.Theme.Warn.Render(text)
	}
	return f.Theme.Dim.Render(text)
}

// fresh are the counters where they were read behind the newest packet; nil where they were
// not: they are read now and then, and would tell of a rule that it has counted nothing.
func fresh(s *snapshot.Snapshot) *model.Counts {
	if n := len(s.Journeys); s.Counts == nil || n > 0 && !s.Counts.Taken.After(s.Journeys[n-1].Start) {
		return nil
	}
	return s.Counts
}

// counted is a rule's packets, where they were read of these rules.
func counted(rs *model.Ruleset, c *model.Counts, r *model.Rule) (uint64, bool) {
	if c == nil || c.Generation != rs.Generation || r.ID < 0 || r.ID >= len(c.Rules) || !c.Rules[r.ID].Valid {
		return 0, false
	}
	return c.Rules[r.ID].Packets, true
}

// inside are the rules as they stand in the watched host's box, nil where they are too many
// or too long for it, and the number of the line of a place, 0 where it has none.
func (p *Page) inside(f *page.Frame, at *guess.Place) (out []string, number int) {
	long := false
	chains(f.Snap.Rules, nil, func(t *model.Table, c *model.Chain) {
		put := func(rule int, text string) {
			out = append(out, line.Clean(text))
			long = long || line.Width(out[len(out)-1]) > wideInside
			if at != nil && at.Backend == t.Backend && at.Family == t.Family && at.Table == t.Name && at.Chain == c.Name && at.Rule == rule {
				number = len(out)
			}
		}
		head := ladder.Place(t.Backend, t.Family, t.Name, c.Name)
		if c.Policy != "" {
			head += "  policy " + c.Policy
		}
		put(0, head)
		for i := range c.Rules {
			put(c.Rules[i].Index, fmt.Sprintf("%2d %s", c.Rules[i].Index, strings.TrimPrefix(c.Rules[i].Text, "-A "+c.Name+" ")))
		}
	})
	if long || len(out) > mostInside {
		return nil, 0
	}
	return out, number
}

// spot is the rule or policy that the packet stands at, or had the last word, or that is
// under the cursor; nil for none.
func (p *Page) spot(f *page.Frame) *guess.Place {
	s := p.stage
	if s == nil || p.phase == finished {
		return p.under(f.Snap.Rules)
	}
	if p.phase == telling && p.truth != nil {
		return &p.truth.By
	}
	j, rung := s.now(), s.rung()
	if j == nil || rung < 0 || rung >= len(j.Steps) || s.part != inside {
		return nil
	}
	st := &j.Steps[rung]
	switch st.Kind {
	case journey.KindRule, journey.KindPolicy, journey.KindMiss:
		return &guess.Place{Backend: st.Backend, Family: st.Family, Table: st.Table, Chain: st.Chain, Rule: st.Rule}
	}
	return nil
}

// rungs is how many lines the way of the packet takes that is under way, or was told.
func (p *Page) rungs() int {
	if p.stage == nil || p.phase == finished {
		return 0
	}
	j := p.stage.now()
	if p.phase == telling && p.truth != nil {
		j = p.truth.Journey
	}
	if j == nil {
		j = p.stage.first()
	}
	if j == nil {
		return 0
	}
	return len(ladder.Rows(j))
}
