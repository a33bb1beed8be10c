package ruleset

import (
	"strings"

	"nfscope/model"
	"nfscope/model/match"
	"nfscope/model/nft"
)

// Explain says a rule piece by piece, in its order: what a packet is held against, then
// what the rule does. A rule without text has one part that is not understood. sets are
// the names of the sets and maps that it looks into or fills.
func Explain(t *model.Table, r *model.Rule) (parts []model.Part, sets []string) {
	switch {
	case strings.HasPrefix(r.Text, "#"):
		why := r.Marked
		if why == "" {
			why = "nothing could print it"
		}
		return []model.Part{{Text: r.Text, Unknown: why}}, nil
	case t.Backend == model.BackendNFTables:
		rule := nft.Parse(r.Text, t.Family)
		return rule.Parts(), rule.Sets()
	}
	rule := match.Parse(r.Text, t.Family)
	return rule.Parts(), rule.Sets()
}
