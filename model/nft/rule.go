// Package nft understands the rules of native nf_tables: it reads a rule's text, as
// `nft list ruleset` prints it or as a person writes it, into typed statements and
// expressions, and prints it back. What it does not know stays verbatim, in its place,
// and is marked.
//
// The forms are those of nft(8) and of what nft 1.0.6 prints; names and their numbers
// come from the kernel's headers (include/uapi/linux). The kernel tests hold them
// against the real program.
package nft

import (
	"strings"

	"nfscope/model"
)

// Rule is one rule.
type Rule struct {
	// Family is that of the rule's table.
	Family model.Family
	// Statements run from left to right until a match says no or a verdict ends it.
	Statements []Statement
	// Unknown lists what was not understood. It stands in Statements as well.
	Unknown []*Unknown

	// written is the text that was read where nft would print it in another way.
	written string
}

// Statement is one statement of a rule: *Match, *VerdictMap, *Assign, *Verdict,
// *Counter, *Limit, *Quota, *ConnLimit, *Last, *Object, *NAT, *TProxy, *Reject, *Queue,
// *Log, *Dup, *Fwd, *Notrack, *Synproxy, *SetUpdate, *Meter, *FlowAdd, *StripOption,
// *Comment or *Unknown; in elements of sets *Timeout besides. String gives it as nft prints it.
type Statement interface {
	String() string
	statement()
}

// Unknown is a part of a rule that was not understood.
type Unknown struct {
	Text string // as it stands in the rule
	Why  string // one clause, for the screen
}

// String gives the text as it was.
func (u *Unknown) String() string { return u.Text }

// String gives the text that was read, byte for byte; of a rule that was made
// otherwise, the text as nft prints it.
func (r *Rule) String() string {
	if r.written != "" {
		return r.written
	}
	return r.Canonical()
}

// Canonical prints the rule from its statements, as nft prints it: one blank between
// words, "==" only where nft has it. Rules in braces stand on one line, parted by
// semicolons.
func (r *Rule) Canonical() string {
	if len(r.Statements) == 1 {
		return r.Statements[0].String()
	}
	return joined(r.Statements, " ")
}

// Comment is the text of the rule's comment, "" where it has none.
func (r *Rule) Comment() string {
	for _, s := range r.Statements {
		if c, ok := s.(*Comment); ok {
			return c.Text
		}
	}
	return ""
}

// Known reports whether every word of a rule is understood.
func Known(text string, f model.Family) bool { return len(Parse(text, f).Unknown) == 0 }

func joined[T interface{ String() string }](l []T, sep string) string {
	var b strings.Builder
	for i, s := range l {
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(s.String())
	}
	return b.String()
}
