package ladder

import (
	"strconv"

	"nfscope/model/journey"
)

// At gives the place of the n-th step, from 0, when misses are not counted: a journey
// with its misses has the steps of the one without at other places.
func At(j *journey.Journey, n int) int {
	for i := range j.Steps {
		if j.Steps[i].Kind == journey.KindMiss {
			continue
		}
		if n == 0 {
			return i
		}
		n--
	}
	return max(len(j.Steps)-1, 0)
}

// Folded puts one row in the place of each run of misses: "3 rules before it did not
// match".
func Folded(rows []Row) []Row {
	out := make([]Row, 0, len(rows))
	for i := 0; i < len(rows); i++ {
		r := rows[i]
		if !r.Miss {
			out = append(out, r)
			continue
		}
		n := 1 + r.Beside
		for i+1 < len(rows) && rows[i+1].Miss && rows[i+1].Where == "" {
			i++
			n += 1 + rows[i].Beside
		}
		r.Rule, r.Packet, r.Text = "", "", strconv.Itoa(n)+" rules looked at did not match"
		if n == 1 {
			r.Text = "1 rule looked at did not match"
		}
		r.Text = r.say.Of(r.Text)
		out = append(out, r)
	}
	return out
}
