// Package match understands the rules of x_tables: it reads a rule as iptables-save
// prints it, or as a person writes it, into typed matches and a typed target, and
// prints it back in the form of iptables-save 1.8. What it does not know stays
// verbatim, in its place, and is marked.
//
// The forms come from the save functions of iptables' extensions (libxt_*.c,
// libipt_*.c, libip6t_*.c) and from iptables-extensions(8); the kernel tests hold
// them against the real programs.
package match

import (
	"slices"
	"strings"

	"nfscope/model"
)

// Rule is one rule.
type Rule struct {
	// Family is the family the text was read as: IPv4 or IPv6.
	Family model.Family
	// Verb is -A, -I or another command, in its short spelling; "" where the text has
	// options only. Position is the number after -I CHAIN, "" where there is none.
	Verb, Chain, Position string
	// Counters are those of "[1:60] -A" and of "-c 1 60". String leaves them out.
	Counters model.Counters
	// Conds are what a packet is held against, all of which must say yes: the rule's
	// own options (-s, -d, -i, -o, -p, -f) first, as a Match with the name "", then the
	// modules in the order in which they were named, which is the kernel's.
	Conds []Match
	// Target is what the rule does.
	Target Target
	// Unknown lists what was not understood. It is in Conds or Target as well.
	Unknown []Unknown
}

// Unknown is a part of a rule that was not understood.
type Unknown struct {
	Text string // as it stands in the rule
	Why  string // one clause, for the screen
}

// Match is one condition of a rule: a module with its options, all of which must say
// yes unless the module says otherwise.
type Match struct {
	// Name is the module's, as after -m; "" is the rule's own options.
	Name    string
	Options []Option
	// Unknown says why the module is not understood; "" where it is. The options of
	// such a module are words.
	Unknown string
}

// Target is what a rule does with a packet.
type Target struct {
	// Name is the name after -j or -g; "" where the rule has none and the walk goes on.
	Name string
	// Chain is true where Name is a chain, Goto where the call does not come back.
	Chain, Goto bool
	Options     []Option
}

// Option is one option of a match or a target.
type Option struct {
	// Name is the spelling that iptables-save uses: --dport. It is "" for words that
	// belong to no option.
	Name    string
	Negated bool
	// Value is nil for an option without argument.
	Value Value
	// Unknown says why the option or its value is not understood; "" where it is.
	Unknown string
}

// Value is the typed argument of an option. String gives it as iptables-save does,
// quotes included.
type Value interface{ String() string }

// Option finds an option by its name; nil where the match does not have it.
func (m *Match) Option(name string) *Option { return find(m.Options, name) }

// Option finds an option by its name; nil where the target does not have it.
func (t *Target) Option(name string) *Option { return find(t.Options, name) }

func find(os []Option, name string) *Option {
	for i := range os {
		if os[i].Name == name {
			return &os[i]
		}
	}
	return nil
}

// Match finds the first match of a module; nil where the rule does not use it.
func (r *Rule) Match(name string) *Match {
	for i := range r.Conds {
		if r.Conds[i].Name == name {
			return &r.Conds[i]
		}
	}
	return nil
}

// Known reports whether every word of a rule is understood.
func Known(text string, f model.Family) bool { return len(Parse(text, f).Unknown) == 0 }

// Modules lists the names of all matches and targets that are known.
func Modules() []string {
	var l []string
	for _, t := range []map[string]*extension{matches, targets} {
		for n := range t {
			l = append(l, strings.TrimPrefix(n, "6:"))
		}
	}
	slices.Sort(l)
	return slices.Compact(l)
}
