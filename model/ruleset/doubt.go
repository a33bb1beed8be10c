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
func Doubt(t *model.Table, r *model.Rule) string {
	if r.Marked != "" {
		return r.Marked
	}
	if t.Backend != model.BackendNFTables && (t.Family == model.FamilyARP || t.Family == model.FamilyBridge) {
		return "a rule of arptables or ebtables, shown as it stands"
	}
	var why []string
	if t.Backend == model.BackendNFTables {
		for _, u := range nft.Parse(r.Text, t.Family).Unknown {
			why = append(why, u.Text+": "+u.Why)
		}
	} else {
		for _, u := range match.Parse(r.Text, t.Family).Unknown {
			why = append(why, u.Text+": "+u.Why)
		}
	}
	return strings.Join(why, "; ")
}
