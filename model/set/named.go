package set

import (
	"slices"
	"strings"

	"nfscope/model"
)

// Named gives the sets that a rule speaks of, each once, in the order of its text:
// --match-set, --add-set, --del-set and --map-set of iptables, whatever its backend,
// which name ipsets; @name of nft, which names one of the rule's own table.
func Named(t *model.Table, rule string) (keys []Key) {
	add := func(k Key) {
		if k.Name != "" && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	sign := "-set "
	if t.Backend == model.BackendNFTables {
		sign = "@"
	}
	if !strings.Contains(rule, sign) {
		return nil // as nearly all rules
	}
	words := split(rule)
	for i, w := range words {
		switch {
		case t.Backend == model.BackendNFTables:
			add(Key{Backend: NFT, Family: t.Family, Table: t.Name, Name: reference(w)})
		case i+1 < len(words) && (w == "--match-set" || w == "--add-set" || w == "--del-set" || w == "--map-set"):
			add(Key{Name: strings.Trim(words[i+1], `"`)})
		}
	}
	return keys
}

// reference is the name in @name; "" for other words, and for a raw payload, @th,16,16.
func reference(w string) string {
	name, ok := strings.CutPrefix(w, "@")
	if !ok {
		return ""
	}
	if i := strings.IndexAny(name, ",;{}()"); i >= 0 {
		if name[i] == ',' && i+1 < len(name) {
			return ""
		}
		name = name[:i]
	}
	return name
}

// split cuts a text at its blanks, but not within quotes.
func split(s string) (words []string) {
	quoted, escaped := false, false
	return strings.FieldsFunc(s, func(r rune) bool {
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		default:
			return !quoted && (r == ' ' || r == '\t' || r == '\n')
		}
		return false
	})
}
