package ruleset

import (
	"strings"

	"nfscope/model"
	"nfscope/model/match"
	"nfscope/model/nft"
)

// Doubt says what of a rule is not understood, "" where all of it is: what was noted
// when its text was read, else the matches, targets and expressions that nobody here
// knows. It parses the rule, so it is asked for what is shown, not for a whole ruleset
// at each refresh.
func Doubt(t *model.Table, r *model.Rule) string { return strings.Join(Doubts(t, r), "; ") }

// Doubts is Doubt part by part: the part's text and why, with a colon between, or why alone.
func Doubts(t *model.Table, r *model.Rule) (why []string) {
	if r.Marked != "" {
		return []string{r.Marked}
	}
	if t.Backend != model.BackendNFTables && (t.Family == model.FamilyARP || t.Family == model.FamilyBridge) {
		return []string{"a rule of arptables or ebtables, shown as it stands"}
	}
	if t.Backend == model.BackendNFTables {
		for _, u := range nft.Parse(r.Text, t.Family).Unknown {
			why = append(why, u.Text+": "+u.Why)
		}
		return why
	}
	for _, u := range match.Parse(r.Text, t.Family).Unknown {
		why = append(why, u.Text+": "+u.Why)
	}
	return why
}
