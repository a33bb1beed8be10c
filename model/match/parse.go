package match

import (
	"slices"
	"strconv"
	"strings"

	"nfscope/model"
)

// Parse reads a rule. It takes what iptables-save prints, what iptables -S prints and
// what iptables-restore accepts: long and short spellings, --option=value, -jDROP,
// unambiguous beginnings of long options, dotted masks, negation before and after the
// option. It never fails: what it does not understand is in the Rule, verbatim and
// marked. A family other than IPv6 is read as IPv4.
func Parse(text string, f model.Family) *Rule {
	if f != model.FamilyIPv6 {
		f = model.FamilyIPv4
	}
	p := read(text, f, nil)
	if len(p.rule.Unknown) > 0 && p.proto != nil { // an option may stand before its -p
		p = read(text, f, p.proto)
	}
	p.finish()
	return p.rule
}

func read(text string, f model.Family, proto *Option) *parser {
	p := &parser{rule: &Rule{Family: f}, words: split(text), proto: proto}
	p.head()
	p.scopes = append(make([]scope, 0, 4), scope{ext: baseOptions, match: -1})
	for len(p.words) > 0 {
		p.option()
	}
	return p
}

// scope is an extension whose options are known from where it was named on.
type scope struct {
	ext   *extension // nil where it is not known
	name  string
	match int // in parser.matches; -1 for the rule's own options, -2 for the target
}

type parser struct {
	rule    *Rule
	words   []word
	base    []Option
	matches []Match
	scopes  []scope
	proto   *Option
	// args and texts are room for one option's arguments.
	args  [2]word
	texts [2]string
}

// head reads counters, command, chain and position.
func (p *parser) head() {
	if len(p.words) > 0 && strings.HasPrefix(p.words[0].text, "[") && !p.words[0].quoted {
		a, b, ok := strings.Cut(strings.TrimSuffix(p.words[0].text[1:], "]"), ":")
		if ok && p.counters(a, b) {
			p.words = p.words[1:]
		}
	}
	if len(p.words) < 2 {
		return
	}
	v := p.words[0].text
	switch v {
	case "-A", "-I", "-D", "-R", "-C":
	case "--append", "--insert", "--delete", "--replace", "--check":
		v = "-" + strings.ToUpper(v[2:3])
	default:
		return
	}
	p.rule.Verb, p.rule.Chain, p.words = v, p.words[1].text, p.words[2:]
	if len(p.words) > 0 && (v == "-I" || v == "-R" || v == "-D") {
		if _, err := strconv.ParseUint(p.words[0].text, 10, 32); err == nil {
			p.rule.Position, p.words = p.words[0].text, p.words[1:]
		}
	}
}

func (p *parser) counters(packets, bytes string) bool {
	a, err1 := strconv.ParseUint(packets, 10, 64)
	b, err2 := strconv.ParseUint(bytes, 10, 64)
	if err1 != nil || err2 != nil {
		return false
	}
	p.rule.Counters = model.Counters{Packets: a, Bytes: b, Valid: true}
	return true
}

// unprinted is what iptables-save prints in place of a match's or a target's options of
// which the kernel has a revision that it does not know (iptables/xshared.c,
// unsupported_rev).
const unprinted = "[unsupported revision]"

// option reads one option with its arguments, or one word that belongs to none.
func (p *parser) option() {
	neg := false
	if p.words[0].bang() {
		if len(p.words) == 1 || !p.words[1].dash() {
			n := p.run(1)
			p.stray(n, "it negates nothing")
			return
		}
		neg = true
		p.words = p.words[1:]
	}
	w := p.words[0]
	if !w.dash() {
		n, why := p.run(0), "it belongs to no option"
		if n == 2 && p.words[0].text+" "+p.words[1].text == unprinted {
			why = "iptables-save cannot print it: the rule was made by a newer program"
		}
		p.stray(n, why)
		return
	}
	name, value, attached := cut(w.text)
	switch name {
	case "-m", "--match", "-j", "--jump", "-g", "--goto":
		if neg {
			p.keep(p.last(), Option{Value: Words{{text: "!"}}, Unknown: "it negates nothing"})
		}
		p.words = p.words[1:]
		if !attached {
			if len(p.words) == 0 {
				p.keep(p.last(), Option{Value: Words{w}, Unknown: "it lacks its name"})
				return
			}
			value, p.words = p.words[0].text, p.words[1:]
		}
		switch {
		case name == "-g" || name == "--goto":
			p.target(value, true)
		case name == "-j" || name == "--jump":
			p.target(value, false)
		case value == "":
			p.keep(p.last(), Option{Value: Words{{text: "-m"}, {}}, Unknown: "it lacks its name"})
		default:
			p.load(value)
		}
		return
	case "-c", "--set-counters":
		if neg || attached || len(p.words) < 2 {
			break
		}
		if a, b, pair := strings.Cut(p.words[1].text, ","); pair && p.counters(a, b) {
			p.words = p.words[2:]
			return
		}
		if len(p.words) > 2 && p.counters(p.words[1].text, p.words[2].text) {
			p.words = p.words[3:]
			return
		}
	case "-4", "--ipv4", "-6", "--ipv6":
		if v6 := name == "-6" || name == "--ipv6"; !neg && !attached && v6 == (p.rule.Family == model.FamilyIPv6) {
			p.words = p.words[1:]
			return
		}
	}
	at, o := p.find(name)
	if o == nil && p.implicit(name) {
		at, o = p.find(name)
	}
	if o == nil {
		why := "an option that nfscope does not know"
		if at = p.last(); p.scopes[at].ext == nil {
			why = ""
		}
		n := p.run(1)
		ws := p.take(n)
		if neg {
			ws = append([]word{{text: "!"}}, ws...)
		}
		p.keep(at, Option{Value: Words(ws), Unknown: why})
		return
	}
	p.known(at, o, neg, w, value, attached)
}

// cut parts --name=value and -jDROP.
func cut(s string) (name, value string, attached bool) {
	if strings.HasPrefix(s, "--") {
		return strings.Cut(s, "=")
	}
	if len(s) > 2 && strings.IndexByte("sdiopjgm", s[1]) >= 0 {
		return s[:2], s[2:], true
	}
	return s, "", false
}

// known reads the arguments of an option that is known.
func (p *parser) known(at int, o *option, neg bool, w word, value string, attached bool) {
	p.words = p.words[1:]
	args := p.args[:0]
	if attached {
		args = append(args, word{text: value})
	}
	if o.args > 0 && o.neg && !attached && p.oldNegation() {
		neg = true
		p.words = p.words[1:]
	}
	have := len(args)
	for len(args) < o.args {
		if len(p.words) == 0 || len(args) > 0 && p.words[0].dash() {
			args = append(args, word{quoted: true}) // getopt gives one; a second is taken only if it is no option
			continue
		}
		have++
		args = append(args, p.words[0])
		args[len(args)-1].quoted = p.words[0].quoted || p.words[0].bang()
		p.words = p.words[1:]
	}
	out := Option{Name: o.name(), Negated: neg}
	switch {
	case have > o.args:
		out.Unknown = "it takes no argument"
	case neg && !o.neg:
		out.Unknown = "it cannot be negated"
	case p.has(at, out.Name):
		out.Unknown = "it is given twice"
	case o.parse != nil:
		in := input{family: p.rule.Family, words: p.texts[:0]}
		for _, a := range args {
			in.words = append(in.words, a.text)
		}
		var ok bool
		if out.Value, ok = o.parse(in); !ok {
			out.Unknown = valueReason(out.Name, in.words[0])
		}
	}
	if have < o.args {
		if out.Unknown != "" {
			out.Unknown = "it lacks an argument"
		} else { // an empty one would do, but nobody wrote it
			p.rule.Unknown = append(p.rule.Unknown, Unknown{w.String(), "it lacks an argument"})
		}
	}
	if out.Unknown != "" { // as it was written
		out.Name, out.Value = w.text, nil
		if attached {
			args = args[1:]
		}
		if len(args) > 0 {
			out.Value = Words(slices.Clone(args))
		}
	}
	p.keep(at, out)
	if at == 0 && out.Name == "-p" && out.Unknown == "" {
		seen := out
		p.proto = &seen
	}
}

// oldNegation tells whether a "!" stands behind the option, where iptables had it
// before 1.4 and refuses it today.
func (p *parser) oldNegation() bool {
	return len(p.words) > 1 && p.words[0].bang() && !p.words[0].quoted && !p.words[1].dash() && !p.words[1].bang()
}

// has tells whether an option that can be given once was given.
func (p *parser) has(at int, name string) bool {
	s := p.scopes[at]
	if s.ext != nil && s.ext.asGiven {
		return false
	}
	var os []Option
	switch s.match {
	case -1:
		os = p.base
	case -2:
		os = p.rule.Target.Options
	default:
		os = p.matches[s.match].Options
	}
	return find(os, name) != nil
}

// keep puts an option where it belongs.
func (p *parser) keep(at int, o Option) {
	switch m := p.scopes[at].match; m {
	case -1:
		p.base = append(p.base, o)
	case -2:
		p.rule.Target.Options = append(p.rule.Target.Options, o)
	default:
		p.matches[m].Options = append(p.matches[m].Options, o)
	}
	if o.Unknown != "" {
		p.rule.Unknown = append(p.rule.Unknown, Unknown{optionText(&o), o.Unknown})
	}
}

// run counts the words from the n-th on that begin no option.
func (p *parser) run(n int) int {
	for n < len(p.words) && !p.words[n].dash() && !p.words[n].bang() {
		n++
	}
	return max(n, 1)
}

func (p *parser) take(n int) []word {
	ws := slices.Clone(p.words[:n])
	p.words = p.words[n:]
	return ws
}

func (p *parser) stray(n int, why string) {
	at := p.last()
	if p.scopes[at].ext == nil {
		why = "" // all of an unknown module is marked once
	}
	p.keep(at, Option{Value: Words(p.take(n)), Unknown: why})
}

// last is the scope that what nobody knows belongs to: the one named last.
func (p *parser) last() int { return len(p.scopes) - 1 }

// load reads -m.
func (p *parser) load(name string) {
	if as, ok := matchAliases[name]; ok {
		name = as
	}
	m := Match{Name: name}
	e := lookup(matches, name, p.rule.Family)
	if e == nil {
		m.Unknown = "a match that nfscope does not know"
		p.rule.Unknown = append(p.rule.Unknown, Unknown{"-m " + word{text: name}.String(), m.Unknown})
	}
	p.matches = append(p.matches, m)
	p.scopes = append(p.scopes, scope{e, name, len(p.matches) - 1})
}

// target reads -j and -g.
func (p *parser) target(name string, jump bool) {
	if p.rule.Target.Name != "" || name == "" {
		at := slices.IndexFunc(p.scopes, func(s scope) bool { return s.match == -2 })
		if at < 0 {
			at = p.last()
		}
		p.keep(at, Option{Value: Words{{text: "-j"}, {text: name}}, Unknown: "a rule has one target, with a name"})
		return
	}
	e := lookup(targets, name, p.rule.Family)
	p.rule.Target = Target{Name: name, Goto: jump, Chain: jump || e == nil}
	if jump {
		e = nil
	}
	if e == nil {
		e = noOptions
	}
	p.scopes = append(p.scopes, scope{e, name, -2})
}

// finish brings what was read into the order and the form of iptables-save.
func (p *parser) finish() {
	r := p.rule
	for _, s := range p.scopes {
		switch {
		case s.match == -1:
			p.base = s.ext.canon(r, p.base)
		case s.match == -2:
			r.Target.Options = s.ext.canon(r, r.Target.Options)
		case s.ext != nil:
			p.matches[s.match].Options = s.ext.canon(r, p.matches[s.match].Options)
		}
	}
	if len(p.base) > 0 {
		r.Conds = append(r.Conds, Match{Options: p.base})
	}
	r.Conds = append(r.Conds, p.matches...)
}

func (e *extension) canon(r *Rule, o []Option) []Option {
	if e.finish != nil {
		o = e.finish(r, o)
	}
	if !e.asGiven && len(o) > 1 {
		slices.SortStableFunc(o, func(a, b Option) int { return e.rankOf(&a) - e.rankOf(&b) })
	}
	return o
}

func (e *extension) rankOf(o *Option) int {
	if o.Unknown != "" {
		return len(e.options) + 1
	}
	return e.rank(o.Name)
}
