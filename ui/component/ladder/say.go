package ladder

import (
	"strings"

	"nfscope/model/journey"
	"nfscope/ui/component/line"
)

// Say puts a phrase of nfscope's own into the language of who reads a ladder; one that it
// does not know it gives back. nil is English. The kernel's words are not asked about.
type Say func(phrase string) string

// Of says a phrase.
func (s Say) Of(phrase string) string {
	if s == nil || phrase == "" {
		return phrase
	}
	return s(phrase)
}

// Wrap is Wrap for what was said: between Chinese characters are no spaces.
func (s Say) Wrap(text string, width int) []string {
	body := strings.TrimLeft(text, " ")
	if s == nil || width <= 0 || !strings.ContainsFunc(body, line.Ideographic) {
		return wrap(text, width)
	}
	indent := text[:len(text)-len(body)]
	lines := line.Wrap(body, max(width-len(indent), 1))
	for i := range lines {
		lines[i] = indent + lines[i]
	}
	return lines
}

// missed says why a rule did not match, as journey.Step.Missed does.
func (s Say) missed(m *journey.Step) string {
	why := m.Conditions()
	if s == nil || len(why) == 0 {
		return s.Of(m.Missed())
	}
	for i := range why {
		why[i] = s(why[i])
	}
	return s("miss: ") + strings.Join(why, s(", "))
}

// beside puts remarks behind what changed at a step.
func (s Say) beside(changed string, remarks ...string) string {
	for _, text := range remarks {
		if text != "" && changed != "" {
			changed += s.Of("; ")
		}
		changed += s.Of(text)
	}
	return changed
}
