package ladder

import (
	"strconv"
	"strings"

	"nfscope/model/journey"
)

// miss says why a rule did not match.
func miss(s *journey.Step) string {
	if why := Reasons(s); why != "" {
		return "miss: " + why
	}
	return "miss"
}

// Reasons are the conditions of a rule that failed, or that nobody can know, in words; ""
// where none is known.
func Reasons(s *journey.Step) string {
	var why []string
	for _, b := range s.Because {
		if b.Result != "yes" {
			why = append(why, reason(b))
		}
	}
	return strings.Join(why, ", ")
}

// reason puts a condition that failed, or that nobody can know, in words.
func reason(b journey.Because) string {
	switch unwanted, not := strings.CutPrefix(b.Want, "not "); {
	case b.Result == "unknown" && b.Have == "":
		return strings.TrimSpace(b.Match+" "+b.Want) + " is not known"
	case b.Result == "unknown":
		return strings.TrimSpace(b.Match+" "+b.Want) + " is " + b.Have // is not known: the time
	case strings.HasPrefix(b.Have, "does not hold"): // found by elimination
		return strings.TrimSpace(b.Match+" "+b.Want) + " " + b.Have
	case b.Match == "set match-set" && not:
		return b.Have + " is in " + unwanted
	case b.Match == "set match-set":
		return b.Have + " is not in " + b.Want
	case not && strings.HasPrefix(unwanted, "@"):
		return b.Match + " " + b.Have + " is in " + unwanted
	case strings.HasPrefix(b.Want, "@"):
		return b.Match + " " + b.Have + " is not in " + b.Want
	case b.Want == "":
		return b.Match + ": " + b.Have
	case not && unwanted == b.Have:
		return b.Match + " is " + b.Have
	case not:
		return b.Match + " " + b.Have + " is in " + unwanted
	}
	return b.Match + " " + b.Have + " is not " + b.Want
}

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
		out = append(out, r)
	}
	return out
}
