package match

import (
	"strings"

	"nfscope/model"
)

// extension describes a match module or a target.
type extension struct {
	name string
	// only is the one family that has it; 0 where both have it.
	only model.Family
	// options stand in the order in which iptables-save prints them.
	options []option
	// asGiven keeps the options in the order of the text: they come in groups.
	asGiven bool
	// finish brings the options of one use into the form that iptables-save prints:
	// defaults added or left out. nil where there is nothing to do.
	finish func(r *Rule, o []Option) []Option
}

// option describes one option of an extension.
type option struct {
	// names are the spellings; the first is the one iptables-save uses.
	names []string
	// args is the number of words that follow.
	args int
	neg  bool
	// as is the option that iptables-save prints instead; "" where it is itself.
	as string
	// parse reads the words; nil where there are none to read. ok is false where the
	// words are not understood.
	parse func(in input) (v Value, ok bool)
}

// input is what an option's parser is given.
type input struct {
	family model.Family
	words  []string
}

// kind is the type of an option's argument.
type kind struct {
	args  int
	parse func(in input) (Value, bool)
}

// one makes a kind from a parser of one word.
func one(parse func(s string) (Value, bool)) kind {
	return kind{1, func(in input) (Value, bool) { return parse(in.words[0]) }}
}

// flag describes an option without argument; not one that may be negated; opt one
// with an argument. names are separated by blanks.
func flag(names string) option { return option{names: strings.Fields(names)} }
func opt(names string, k kind) option {
	return option{names: strings.Fields(names), args: k.args, parse: k.parse}
}
func (o option) not() option              { o.neg = true; return o }
func (o option) printed(as string) option { o.as = as; return o }

func (o *option) name() string {
	if o.as != "" {
		return o.as
	}
	return o.names[0]
}

// lookup finds an extension in a table; nil where this family does not have it.
func lookup(table map[string]*extension, name string, f model.Family) *extension {
	e := table[name]
	if v6 := table["6:"+name]; v6 != nil && f == model.FamilyIPv6 {
		e = v6
	}
	if e == nil || e.only != 0 && e.only != f {
		return nil
	}
	return e
}

// rank is the place of an option's name in the order of iptables-save; what it does
// not know comes last.
func (e *extension) rank(name string) int {
	for i := range e.options {
		if e.options[i].names[0] == name {
			return i
		}
	}
	return len(e.options)
}
