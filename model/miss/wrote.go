package miss

import (
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/fact"
)

// writing is what rules before the trace began may have written since a rule was met: then
// what the trace showed first is not what that rule saw.
type writing struct {
	// aside is what goes with the packet: its mark, its connection.
	aside   bool
	headers fields
}

// fields are parts of a packet's headers.
type fields uint8

const (
	hopLimit fields = 1 << iota
	serviceType
	rest
	allFields = hopLimit | serviceType | rest
)

// fieldOf is what a condition asks for, as fact.Because has it ("ttl ttl-eq", "ip dscp"), or an
// option or expression is about; 0 where no rule writes it.
func fieldOf(words string) fields {
	switch words {
	case "protocol", "meta l4proto", "family":
		return 0
	}
	for w := range strings.FieldsSeq(words) {
		switch {
		case w == "ttl" || w == "hl" || w == "hoplimit":
			return hopLimit
		case w == "tos" || w == "dscp" || w == "ecn":
			return serviceType
		case strings.HasPrefix(w, "@") && strings.Contains(w, ","): // by place and length, not a set
			return allFields
		}
	}
	return rest
}

// touches reports whether what a rule asks for may have been written since.
func (w *writing) touches(why []fact.Because) bool {
	return slices.ContainsFunc(why, func(b fact.Because) bool { return w.headers&fieldOf(b.Match) != 0 })
}

// failed leaves of the conditions that failed those that failed then too.
func (w *writing) failed(why []fact.Because) []fact.Because {
	if w.headers == 0 {
		return why
	}
	return slices.DeleteFunc(slices.Clone(why), func(b fact.Because) bool {
		return b.Result != fact.No.String() || w.headers&fieldOf(b.Match) != 0
	})
}

// since fills in what may have been written since the rules of each gap were met, in it and
// in those behind it. It reports false where a rule that should have led to the next chain
// cannot have matched.
func (f *Finder) since(p *model.Packet, met []gap) bool {
	var w writing
	for i := len(met) - 1; i >= 0; i-- {
		g := &met[i]
		if g.by != nil {
			if x := f.rule(g.table, g.by); x != nil && i < len(met)-1 {
				own := writing{headers: w.headers | rewrites(g.table.Backend, g.by)}
				if a, why := x.eval(p, &fact.Facts{Backend: g.table.Backend}); a == fact.No && len(own.failed(why)) > 0 {
					return false
				}
			}
			w.aside, w.headers = w.aside || writesAside(g.by.Text), w.headers|rewrites(g.table.Backend, g.by)
		}
		for n := g.from; n <= g.to; n++ {
			if r := &g.chain.Rules[n-1]; !ends(r) {
				// What it calls writes too, and of a map's or of one that nobody could print nobody knows.
				w.aside = true
				if w.headers |= rewrites(g.table.Backend, r); r.Jump != "" || r.Verdict() == model.VerdictUnknown {
					w.headers = allFields
				}
			}
		}
		g.since = w
	}
	return true
}

// rewrites is what a rule writes to the packet, not only to what goes with it.
func rewrites(b model.Backend, r *model.Rule) fields {
	if b != model.BackendNFTables {
		switch r.Target {
		case "TTL", "HL":
			return hopLimit
		case "TOS", "DSCP":
			return serviceType
		case "ECN", "TCPMSS", "TCPOPTSTRIP", "CHECKSUM", "DNPT", "SNPT": // ECN writes to TCP's header too
			return allFields
		}
		return 0
	}
	var out fields
	w := strings.Fields(r.Text)
	for i := 1; i < len(w); i++ {
		if w[i] == "set" && (i == 1 || w[i-2] != "meta" && w[i-2] != "ct") {
			out |= fieldOf(w[i-1])
		}
	}
	return out
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
