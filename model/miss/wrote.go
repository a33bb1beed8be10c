package miss

import (
	"strings"

	"nfscope/model"
	"nfscope/model/fact"
)

// writing is what rules before the trace began may have written since a rule was met: then
// what the trace showed first is not what that rule saw.
type writing struct {
	// aside is what goes with the packet: its mark, its connection.
	aside, headers bool
}

// since fills in what may have been written since the rules of each gap were met, in it and
// in those behind it. It reports false where a rule that should have led to the next chain
// cannot have matched.
func (f *Finder) since(p *model.Packet, met []gap) bool {
	var w writing
	for i := len(met) - 1; i >= 0; i-- {
		g := &met[i]
		if g.by != nil {
			if x := f.rule(g.table, g.by); x != nil && i < len(met)-1 && !w.headers {
				if a, _ := x.eval(p, &fact.Facts{Backend: g.table.Backend}); a == fact.No && !rewrites(g.by.Text) {
					return false
				}
			}
			w.aside, w.headers = w.aside || writesAside(g.by.Text), w.headers || rewrites(g.by.Text)
		}
		for n := g.from; n <= g.to; n++ {
			if r := &g.chain.Rules[n-1]; !ends(r) {
				// What it calls writes too, and of a map's or of one that nobody could print nobody knows.
				w.aside, w.headers = true, w.headers || r.Jump != "" || r.Verdict() == model.VerdictUnknown || rewrites(r.Text)
			}
		}
		g.since = w
	}
	return true
}

// rewrites reports whether a rule of nft writes to the packet, not only to what goes with it.
func rewrites(text string) bool {
	w := strings.Fields(text)
	for i := 1; i < len(w); i++ {
		if w[i] == "set" && (i == 1 || w[i-2] != "meta" && w[i-2] != "ct") {
			return true
		}
	}
	return false
}

// writesAside reports whether a rule of nft writes to what goes with the packet, but for the
// bit that traces it.
func writesAside(text string) bool {
	w := strings.Fields(text)
	for i := range w {
		if w[i] == "notrack" || i > 1 && w[i] == "set" && (w[i-2] == "meta" || w[i-2] == "ct") && w[i-1] != "nftrace" {
			return true
		}
	}
	return false
}
