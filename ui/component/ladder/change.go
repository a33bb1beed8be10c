package ladder

import (
	"slices"
	"strconv"
	"strings"

	"nfscope/model/journey"
	"nfscope/ui/component/canvas"
)

// changed puts in words what belongs to a step: what its rule did, and what its event
// shows that no rule before it did, with who did it where that is known.
func (say Say) changed(j *journey.Journey, i int) string {
	s := &j.Steps[i]
	var parts []string
	if did := Changes(s.Did); did != "" {
		parts = append(parts, did)
	}
	var left journey.Delta
	for _, c := range s.Packet {
		if !slices.Contains(s.Did, c) && !done(j.Steps[:i], c) {
			left = append(left, c)
		}
	}
	for len(left) > 0 { // those of one author stand together
		by := author(s, left[0].Field)
		n := 1
		for n < len(left) && author(s, left[n].Field) == by {
			n++
		}
		w := Changes(left[:n])
		if by != "" {
			w += say.Of(" by " + by)
		}
		parts, left = append(parts, w), left[n:]
	}
	return strings.Join(parts, ", ")
}

// done reports whether a rule among the steps is who made a change: then it stands there.
func done(steps []journey.Step, c journey.Change) bool {
	for i := len(steps) - 1; i >= 0; i-- {
		for _, d := range steps[i].Did {
			if d.Field == c.Field {
				return d.Value == c.Value
			}
		}
	}
	return false
}

func author(s *journey.Step, field string) string {
	for _, a := range s.By {
		if a.Field == field {
			return a.By
		}
	}
	return ""
}

// note is what stands in the column of changes, as long as the width allows; 0 is any
// width.
func (r *Row) note(w int) string {
	n := len(r.Ahead)
	if n == 0 {
		return r.Packet
	}
	can := "1 chain can still drop"
	if n > 1 {
		can = strconv.Itoa(n) + " chains can still drop"
	}
	join := func(s string) string { return strings.TrimPrefix(r.Packet+", "+s, ", ") }
	long := join(r.say.Of(can + ": " + strings.Join(r.Ahead, ", ")))
	if n == 1 {
		long = join(r.say.Of(r.Ahead[0] + " can still drop"))
	}
	switch short := join(r.say.Of(can)); {
	case w <= 0 || canvas.Width(long) <= w:
		return long
	case canvas.Width(short) <= w:
		return short
	}
	return join(r.say.Of(strconv.Itoa(n) + " can still drop"))
}

// Ahead says of the rules that accepted the packet, but had not the last word, which chains
// came after them and could have dropped it. Where a ladder is narrow it only counts them.
func Ahead(j *journey.Journey) []string {
	var out []string
	for i := range j.Steps {
		s := &j.Steps[i]
		if s.Kind == journey.KindRule && len(s.Ahead) > 1 {
			out = append(out, "rule "+strconv.Itoa(s.Rule)+" of "+Place(s.Backend, s.Family, s.Table, s.Chain)+
				" accepted it; these can still drop it: "+strings.Join(s.Ahead, ", "))
		}
	}
	return out
}
