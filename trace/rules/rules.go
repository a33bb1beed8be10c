// Package rules reads what a network namespace really has: the tables of
// iptables-legacy, iptables-nft and nftables with their chains, rules and counters.
//
// The text of the rules comes from the programs that own them (iptables-legacy-save,
// iptables-nft-save, nft), run once per generation. Counters come straight from the
// kernel, without running anything. Looking changes nothing: no table is created and
// no counter is zeroed.
package rules

import (
	"errors"
	"strings"

	"nfscope/model"
)

// ErrStale is what Counts returns when the namespace no longer has the ruleset it
// was given. The caller takes a new Snapshot.
var ErrStale = errors.New("the ruleset has changed since it was read")

// OwnPrefix begins the name of every table that nfscope makes for itself. Such
// tables are not the user's and are left out.
const OwnPrefix = "nfscope"

// legacyFamilies are the families whose legacy tables are read.
func legacyFamilies() []model.Family {
	return []model.Family{model.FamilyIPv4, model.FamilyIPv6}
}

// iptablesName reports whether iptables-nft keeps a table under that name
// (iptables/nft.c, xtables_ipv4).
func iptablesName(f model.Family, table string) bool {
	if f != model.FamilyIPv4 && f != model.FamilyIPv6 {
		return false
	}
	switch table {
	case "raw", "mangle", "nat", "filter", "security":
		return true
	}
	return false
}

// refusal begins the lines that incompatible looks for.
const refusal = "# Table `"

// incompatible finds the tables that iptables-nft-save says it cannot print:
//
//	# Table `filter' is incompatible, use 'nft' tool.
//	# Table `filter' contains incompatible base-chains, use 'nft' tool to list them.
func incompatible(save string) map[string]bool {
	names := map[string]bool{}
	for line := range strings.Lines(save) {
		rest, ok := strings.CutPrefix(line, refusal)
		if !ok {
			continue
		}
		if name, tail, ok := strings.Cut(rest, "'"); ok && strings.Contains(tail, "incompatible") {
			names[name] = true
		}
	}
	return names
}
