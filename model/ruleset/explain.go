package ruleset

import (
	"strings"

	"nfscope/model"
	"nfscope/model/match"
	"nfscope/model/nft"
)

// Explain says a rule piece by piece, in its order: what a packet is held against, then
// what the rule does. A rule without text has one part that is not understood.
func Explain(t *model.Table, r *model.Rule) []model.Part { return ExplainIn(t, r, nil) }

// ExplainIn says it in another language; why a part is not understood stays.
func ExplainIn(t *model.Table, r *model.Rule, say model.Say) []model.Part {
	switch {
	case strings.HasPrefix(r.Text, "#"):
		why := r.Marked
		if why == "" {
			why = "nothing could print it"
		}
		return []model.Part{{Text: r.Text, Unknown: why}}
	case t.Backend == model.BackendNFTables:
		return nft.Parse(r.Text, t.Family).PartsIn(say)
	}
	return match.Parse(r.Text, t.Family).PartsIn(say)
}
