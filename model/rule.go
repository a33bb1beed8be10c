package model

import (
	"strings"
	"time"
)

// Counters are the packets and bytes a rule or a chain has seen.
type Counters struct {
	Packets, Bytes uint64
	// Valid is false where the backend keeps no counter: then there is no number, not zero.
	Valid bool
}

// Rule is one rule as its backend prints it.
type Rule struct {
	// ID is the rule's place in Ruleset.Rules order and in Counts.Rules, from 0.
	ID int
	// Index is the rule's number in its chain, from 1, as iptables --line-numbers shows it.
	Index int
	// Handle is nf_tables' handle; 0 in legacy tables and in files.
	Handle uint64
	// Text is the rule as the backend's own save command prints it, without counters.
	// Where nothing could print it, it is a comment: "# ...".
	Text string
	// Target is the name after -j or -g, or nft's verdict or terminal statement in
	// its own spelling; "" where the rule has none.
	Target string
	// Jump is the user chain that the rule calls, "" where it calls none.
	Jump string
	// Goto is true where Jump is a goto: the called chain does not come back here.
	Goto    bool
	Comment string
	// Marked says why a rule is not fully understood; "" where it is.
	Marked string
	// Counters as they were when the text was read.
	Counters Counters
}

// Verdict is what the rule does to the walk when it matches, before anything that
// a packet's trace says. Jumps and gotos are told apart by Goto.
func (r *Rule) Verdict() Verdict {
	switch {
	case r.Jump != "" && r.Goto:
		return VerdictGoto
	case r.Jump != "":
		return VerdictJump
	case r.Target == "" && strings.HasPrefix(r.Text, "#"):
		return VerdictUnknown // nobody knows its target
	}
	return TargetVerdict(r.Target)
}

// Chain is a list of rules. A base chain has a hook; a user chain has none.
type Chain struct {
	// ID is the chain's place in Counts.Chains, from 0.
	ID       int
	Name     string
	Hook     Hook
	Priority Priority
	// Type is nft's chain type (filter, nat, route), "" in legacy tables.
	Type string
	// Device is the device of a netdev or egress chain.
	Device string
	// Policy is ACCEPT or DROP as the backend spells it, "" for user chains.
	Policy string
	// Extra holds what nft prints of the chain besides: its comment, its flags.
	Extra    []string
	Handle   uint64
	Counters Counters
	Rules    []Rule
}

// Base reports whether the kernel calls the chain itself.
func (c *Chain) Base() bool { return c.Hook != HookNone }

// PolicyVerdict is the policy as a verdict; VerdictUnknown for user chains.
func (c *Chain) PolicyVerdict() Verdict {
	switch c.Policy {
	case "ACCEPT", "accept":
		return VerdictAccept
	case "DROP", "drop":
		return VerdictDrop
	case "QUEUE":
		return VerdictQueue
	}
	return VerdictUnknown
}

// Table is a table of one backend and family.
type Table struct {
	Backend Backend
	Family  Family
	Name    string
	// Flags as nft prints them (owner, dormant), "" where there are none.
	Flags string
	// Handle is nf_tables' handle; 0 in legacy tables and where the text has none.
	Handle uint64
	// Extra holds what stands in the table besides chains (sets, maps, objects,
	// flowtables) as the backend prints it.
	Extra  []string
	Chains []*Chain
	// Maps are the named verdict maps whose elements stand in Extra although the Ruleset is
	// Terse: what they call is asked for with the rules. One with a timeout may have ended
	// since: that is no transaction, and nobody is told.
	Maps []VerdictMap `json:",omitempty"`
}

// VerdictMap is a named verdict map of nftables whose elements were read.
type VerdictMap struct {
	Name string
	// Read is how many elements were read, More is true where there are others.
	Read int
	More bool `json:",omitempty"`
}

// Map finds what was read of a verdict map; false where nothing was.
func (t *Table) Map(name string) (VerdictMap, bool) {
	for _, m := range t.Maps {
		if m.Name == name {
			return m, true
		}
	}
	return VerdictMap{}, false
}

// NAT reports whether c, a chain of the table, is one of nat, which only packets that begin
// a connection meet (nf_nat_inet_fn): by its type, and by the table's name in iptables.
func (t *Table) NAT(c *Chain) bool {
	return c.Type == "nat" || t.Backend != BackendNFTables && t.Name == "nat"
}

// Chain finds a chain by name; nil where there is none.
func (t *Table) Chain(name string) *Chain {
	for _, c := range t.Chains {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Ruleset is everything one namespace had at one moment. It never changes once
// made: newer counters come as Counts, newer text as another Ruleset.
type Ruleset struct {
	// Netns names the namespace as the user did, "" for the one we run in.
	Netns string
	// Generation changes whenever the text of any table does.
	Generation string
	// Transaction is nf_tables' part of it, 0 where there is none or it is not known.
	Transaction uint32 `json:",omitempty"`
	// Commits are the last transactions of nf_tables that were heard of, oldest first. They
	// may begin before the ruleset before; see Authors.
	Commits []Commit `json:",omitempty"`
	// Taken is when the text was read.
	Taken    time.Time
	Tables   []*Table
	Warnings []string
	// CountedBy are the programs whose text the counters are taken from where the kernel's
	// own could not be read, "iptables-legacy-save -c"; nil where it is as it should be.
	CountedBy []string `json:",omitempty"`
	// Terse says that the named sets and maps of nftables stand in Table.Extra without
	// their elements, which were not read; but for those in Table.Maps.
	Terse bool `json:",omitempty"`

	rules, chains int
}

// Number gives every chain and rule its ID. Whoever builds a Ruleset calls it once.
func (rs *Ruleset) Number() {
	rs.rules, rs.chains = 0, 0
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			c.ID = rs.chains
			rs.chains++
			for i := range c.Rules {
				c.Rules[i].ID = rs.rules
				c.Rules[i].Index = i + 1
				rs.rules++
			}
		}
	}
}

// Size tells how many chains and rules there are.
func (rs *Ruleset) Size() (chains, rules int) { return rs.chains, rs.rules }

// Table finds a table; nil where there is none.
func (rs *Ruleset) Table(b Backend, f Family, name string) *Table {
	for _, t := range rs.Tables {
		if t.Backend == b && t.Family == f && t.Name == name {
			return t
		}
	}
	return nil
}

// Counts are the counters of a Ruleset at one moment, by Rule.ID and Chain.ID.
type Counts struct {
	Generation string
	Taken      time.Time
	Rules      []Counters
	Chains     []Counters
}

// Partial are counters of a Ruleset that were read apart from the others: those on the
// screen, where there are so many that all cannot be read every second.
type Partial struct {
	Generation string
	Taken      time.Time
	// Rules and Chains are in the order of their IDs, each is there once. Of chains it is
	// their own counter, the policy's.
	Rules  []Numbered `json:",omitempty"`
	Chains []Numbered `json:",omitempty"`
}

// Numbered are the counters of the rule or the chain with an ID.
type Numbered struct {
	ID int
	Counters
}

// Counts gives the counters that came with the text.
func (rs *Ruleset) Counts() *Counts {
	c := &Counts{Generation: rs.Generation, Taken: rs.Taken,
		Rules: make([]Counters, rs.rules), Chains: make([]Counters, rs.chains)}
	for _, t := range rs.Tables {
		for _, ch := range t.Chains {
			c.Chains[ch.ID] = ch.Counters
			for i := range ch.Rules {
				c.Rules[ch.Rules[i].ID] = ch.Rules[i].Counters
			}
		}
	}
	return c
}
