package rules

import "bytes"

// ruleLines counts the rules in a text of iptables-save or nft while it is printed.
type ruleLines struct {
	// want are the headers of nft's tables whose rules count, "table ip filter"; nil for all.
	want map[string]bool
	n    int
	rest []byte // a line that is not whole yet
	skip bool   // in a table that is not wanted
}

// add takes what was printed next.
func (r *ruleLines) add(text []byte) {
	for len(text) > 0 {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			r.rest = append(r.rest, text...)
			return
		}
		line := text[:i]
		if len(r.rest) > 0 {
			r.rest = append(r.rest, line...)
			line = r.rest
		}
		r.line(line)
		r.rest, text = r.rest[:0], text[i+1:]
	}
}

func (r *ruleLines) line(l []byte) {
	switch {
	case len(l) < 2:
	case l[0] == '[': // iptables-save -c
		if _, rule, ok := bytes.Cut(l, []byte("] ")); ok && bytes.HasPrefix(rule, []byte("-A ")) {
			r.n++
		}
	case bytes.HasPrefix(l, []byte("-A ")):
		r.n++
	case bytes.HasPrefix(l, []byte("table ")):
		name, _, _ := bytes.Cut(l, []byte(" {"))
		r.skip = r.want != nil && !r.want[string(name)]
	case l[0] == '\t' && l[1] == '\t' && !r.skip: // nft -a: a chain's or a set's own line has one tab
		if bytes.Contains(l, []byte(" # handle ")) {
			r.n++
		}
	}
}
