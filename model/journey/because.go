package journey

import "strings"

// Missed says why a rule did not match: "miss: tcp dport 80 is not 22".
func (s *Step) Missed() string {
	if why := s.Reasons(); why != "" {
		return "miss: " + why
	}
	return "miss"
}

// Reasons are the conditions of a rule that failed, or that nobody can know, in words; ""
// where none is known.
func (s *Step) Reasons() string { return strings.Join(s.Conditions(), ", ") }

// Conditions are the Reasons one by one.
func (s *Step) Conditions() []string {
	var why []string
	for _, b := range s.Because {
		if b.Result != "yes" {
			why = append(why, b.Words())
		}
	}
	return why
}

// Words puts a condition that failed, or that nobody can know, in words.
func (b Because) Words() string {
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
