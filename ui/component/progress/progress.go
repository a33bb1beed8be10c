// Package progress draws how far something is: a bar, and a line of words beside it.
package progress

import (
	"fmt"
	"strings"
	"time"

	"nfscope/model/snapshot"
	"nfscope/ui/component/line"
	"nfscope/ui/component/units"
	"nfscope/ui/theme"
)

// moment is how long a reading takes before it is worth a word where rules are in sight.
const moment = 500 * time.Millisecond

// Bar draws done of total, width cells wide. A total of 0 is not known: then there is a
// bar without a filled part, so that it says nothing.
func Bar(th *theme.Theme, done, total, width int) string {
	if width <= 0 {
		return ""
	}
	sparks := th.Glyphs.Sparks
	full, rest := 0, ""
	if total > 0 {
		steps := len(sparks) * width * max(0, min(done, total)) / total
		full = steps / len(sparks)
		if part := steps % len(sparks); part > 0 && !th.ASCII {
			rest = sparks[part-1]
		}
	}
	filled := strings.Repeat(sparks[len(sparks)-1], full) + rest
	return th.Moving.Render(filled) + th.Border.Render(strings.Repeat(th.Glyphs.H, width-line.Width(filled)))
}

// Worth reports whether there is anything to say of the reading: always while there are
// no rules, else once that has lasted more than a moment.
func Worth(s *snapshot.Snapshot, now time.Time) bool {
	r := s.Reading
	return !r.Over() && (s.Rules == nil || now.Sub(r.Since) >= moment)
}

// Word is the reading in a word or two for the header, stale where what is shown is not
// what is in force; "" where there is nothing to say.
func Word(s *snapshot.Snapshot, now time.Time) (word string, stale bool) {
	if !Worth(s, now) {
		return "", false
	}
	r := s.Reading
	age := ""
	if d := now.Sub(r.Since); d >= time.Second {
		age = " " + units.Span(d)
	}
	switch {
	case s.Rules == nil && r.Failed != "":
		return "NO RULES" + age, true
	case s.Rules != nil:
		return "STALE" + age, true
	case r.Total > 0:
		return fmt.Sprintf("reading %d %%", percent(r)), false
	}
	return "reading", false
}

func percent(r *snapshot.Reading) int { return 100 * r.Done / max(r.Total, 1) }

// Line says in one line how far the reading is, or why it failed; "" where there is
// nothing to say.
func Line(th *theme.Theme, s *snapshot.Snapshot, now time.Time, width int) string {
	if !Worth(s, now) || width <= 0 {
		return ""
	}
	r := s.Reading
	age := now.Sub(r.Since)
	if r.Failed != "" {
		says := "stale"
		if s.Rules == nil {
			says = "the rules could not be read"
		}
		if age >= time.Second {
			says += " for " + units.Span(age)
		}
		return th.Warn.Render(line.Fit(line.Clean(" "+says+", tried again: "+r.Failed), width, th.Glyphs.Dots))
	}
	words := r.What
	if s.Rules != nil {
		words = "the rules changed, these are stale: " + words
	}
	if age >= time.Second {
		words += ", " + units.Span(age)
	}
	figures := "? rules"
	switch {
	case r.Total > 0:
		figures = fmt.Sprintf("%3d %%  %s of %s", percent(r), units.Count(uint64(r.Done), 6), units.Plural(uint64(r.Total), 6, "rule"))
	case r.Done > 0:
		figures = units.Count(uint64(r.Done), 6) + " of ? rules"
	}
	cells := min(max(width/5, 8), 30)
	left := " " + Bar(th, r.Done, r.Total, cells) + " " + th.Moving.Render(figures) + "  "
	return line.Fit(left+th.Dim.Render(line.Cut(line.Clean(words), max(0, width-line.Width(left)), th.Glyphs.Dots)), width, th.Glyphs.Dots)
}
