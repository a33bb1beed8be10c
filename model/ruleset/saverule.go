package ruleset

import (
	"strconv"
	"strings"

	"nfscope/model"
)

// scanner splits a line as iptables-restore does (xshared.c, add_param_to_argv):
// blanks part words, double quotes hold them together, and a backslash counts
// inside quotes only.
type scanner struct {
	s string
	i int // where the next word may begin
	// begin is where the last word begins; quoted tells that it stood in quotes,
	// escaped that a backslash is in it, open that its quote never ends.
	begin                 int
	quoted, escaped, open bool
}

// word gives the next word without its quotes, escapes as they stand; "" at the
// end, and for an empty quoted word.
func (f *scanner) word() string {
	s, i := f.s, f.i
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	f.begin, f.quoted, f.escaped = i, false, false
	for j := i; j < len(s); j++ {
		switch s[j] {
		case ' ', '\t':
			f.i = j
			return s[i:j]
		case '"':
			if j == i {
				return f.quote(j + 1)
			}
			f.i = j // a quote in a word's middle begins another word
			return s[i:j]
		}
	}
	f.i = len(s)
	return s[i:]
}

func (f *scanner) quote(from int) string {
	f.quoted = true
	for j := from; j < len(f.s); j++ {
		switch f.s[j] {
		case '\\':
			f.escaped = true
			j++
		case '"':
			f.i = j + 1
			return f.s[from:j]
		}
	}
	f.open = true
	f.i = len(f.s)
	return f.s[from:]
}

// plain is the last word with its escapes resolved.
func (f *scanner) plain(word string) string {
	if !f.escaped {
		return word
	}
	var b strings.Builder
	for i := 0; i < len(word); i++ {
		if word[i] == '\\' && i+1 < len(word) {
			i++
		}
		b.WriteByte(word[i])
	}
	return b.String()
}

// command reads a line that begins with a dash, or with counters before one.
func (p *saveParser) command(line string, col int) {
	p.need(col)
	var n model.Counters
	body := line
	if line[0] == '[' {
		end := strings.IndexByte(line, ']')
		if end < 0 {
			p.unknown(line, col, "expected [packets:bytes] and a rule")
			return
		}
		var ok bool
		if n, ok = parseCounters(line[:end+1]); !ok {
			p.add(p.line, col, "%q is no counter, expected [packets:bytes]; the rule is kept without", clip(line[:end+1]))
		}
		body = trimBlank(line[end+1:])
		col += len(line) - len(body)
	}
	f := scanner{s: body}
	verb := f.word()
	switch verb {
	case "-A", "--append", "-I", "--insert", "-N", "--new-chain", "-P", "--policy":
	case "-D", "--delete", "-R", "--replace", "-F", "--flush", "-X", "--delete-chain", "-Z", "--zero", "-E", "--rename-chain":
		p.edit(&f, verb, line, col)
		return
	case "-t", "--table":
		p.unknown(line, col, "iptables-restore takes no -t inside of a table, expected a line such as \"*nat\" before")
		return
	default:
		p.unknown(line, col, "expected a rule such as \"-A INPUT -j ACCEPT\"")
		return
	}
	name := f.word()
	if name == "" {
		p.unknown(line, col+len(body), verb+" lacks the chain")
		return
	}
	switch verb {
	case "-N", "--new-chain":
		p.declareChain(name, "-", col)
	case "-P", "--policy":
		p.policy(&f, name, col)
	default:
		p.addRule(&f, verb, name, n, col)
	}
}

// policy reads what iptables -S prints: -P CHAIN POLICY [-c packets bytes].
func (p *saveParser) policy(f *scanner, name string, col int) {
	policy := f.word()
	if policy == "" {
		p.add(p.line, col+len(f.s), "-P %s lacks the policy, expected ACCEPT or DROP", name)
	}
	c := p.declareChain(name, policy, col)
	if f.word() == "-c" {
		packets, bytes := f.word(), f.word()
		var ok bool
		if c.Counters, ok = makeCounters(packets, bytes); !ok {
			p.add(p.line, col+f.begin, "%q is no counter, expected packets and bytes", clip(packets+" "+bytes))
		}
	}
}

func (p *saveParser) addRule(f *scanner, verb, name string, n model.Counters, col int) {
	c := p.chain(name)
	if c == nil {
		if p.opts.Keep != nil {
			name = strings.Clone(name)
		}
		c = p.newChain(name)
		if !p.loose && !builtinName(name) {
			p.add(p.line, col, "a rule for chain %s, which table %s does not declare: expected a line \":%[1]s - [0:0]\" before", name, p.table.Name)
		}
	}
	at := 0
	if verb == "-I" || verb == "--insert" {
		at = p.position(f, len(c.Rules), col)
	}
	p.fresh = p.readRule(f, verb, name, n, col)
	if p.opts.Keep != nil {
		p.opts.Keep.Rule(p.table.Name, c.Name, &p.fresh)
	}
	p.put(c, p.fresh, at)
}

// readRule reads what stands behind the chain, or behind its position.
func (p *saveParser) readRule(f *scanner, verb, name string, n model.Counters, col int) model.Rule {
	body := f.i
	r := model.Rule{Text: f.s, Counters: n}
	if verb != "-A" {
		r.Text = "-A " + name + " " + trimBlank(f.s[body:])
	}
	if cut := p.options(f, &r, col); cut.end > 0 { // the counters of iptables -S -v
		off := len(r.Text) - len(f.s) // an -I's text is another
		r.Text = r.Text[:cut.begin+off] + trimBlank(r.Text[cut.end+off:])
		r.Text = strings.TrimRight(r.Text, " \t")
	}
	return r
}

// position reads the number after -I CHAIN; there need not be one.
func (p *saveParser) position(f *scanner, have, col int) int {
	ahead := *f
	at, err := strconv.Atoi(ahead.word())
	if err != nil {
		return 1
	}
	*f = ahead
	if at < 1 || at > have+1 {
		p.add(p.line, col+f.begin, "position %d in a chain of %d rules, expected 1 to %d; the rule is put at the end", at, have, have+1)
		return have + 1
	}
	return at
}

// span is a part of a rule's text.
type span struct{ begin, end int }

// options finds target, comment and counters among a rule's words. It gives the
// place of the counters that iptables -S -v writes into the rule.
func (p *saveParser) options(f *scanner, r *model.Rule, col int) (counters span) {
	s := f.s
	for f.i < len(s) {
		// Most words are of no interest: only those that begin with a dash are, and
		// words in quotes have to be passed as one.
		for f.i < len(s) && (s[f.i] == ' ' || s[f.i] == '\t') {
			f.i++
		}
		if f.i == len(s) {
			break
		}
		if s[f.i] != '-' {
			f.word()
			continue
		}
		word := f.word()
		switch word {
		case "-j", "--jump", "-g", "--goto":
			p.target(f, r, word, col)
		case "--comment":
			text := f.word()
			if text = f.plain(text); r.Comment != "" && text != "" {
				text = r.Comment + "; " + text
			}
			if text != "" {
				r.Comment = text
			}
		case "-s", "-d", "--source", "--destination", "--src", "--dst":
			if strings.IndexByte(f.word(), ':') >= 0 {
				p.v6 = true
			}
		case "-p", "--protocol", "--proto":
			switch f.word() {
			case "icmpv6", "icmp6", "ipv6-icmp":
				p.v6 = true
			}
		case "--h-length", "--opcode", "--h-type", "--proto-type":
			p.arp = true
		case "-c", "--set-counters":
			begin := f.begin
			packets, bytes := f.word(), f.word()
			n, ok := makeCounters(packets, bytes)
			if !ok {
				p.add(p.line, col+begin, "%q is no counter, expected packets and bytes", clip(packets+" "+bytes))
				continue
			}
			r.Counters = n
			counters = span{begin, f.i}
		default:
			if len(word) > 2 && (word[1] == 'j' || word[1] == 'g') { // getopt's -jDROP
				r.Target, r.Goto = word[2:], word[1] == 'g'
			}
		}
	}
	if f.open {
		r.Marked = "a quote is not closed"
		p.add(p.line, col+f.begin, "a quote is not closed, expected \" before the end of the line")
	}
	return counters
}

func (p *saveParser) target(f *scanner, r *model.Rule, option string, col int) {
	at := f.i
	if r.Target = f.word(); r.Target == "" {
		r.Marked = option + " lacks its target"
		p.add(p.line, col+at, "%s lacks its target, expected a verdict, a target or a chain", option)
	}
	r.Goto = option == "-g" || option == "--goto"
}

// parseCounters reads [packets:bytes].
func parseCounters(s string) (model.Counters, bool) {
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return model.Counters{}, false
	}
	packets, bytes, _ := strings.Cut(s[1:len(s)-1], ":")
	return makeCounters(packets, bytes)
}

func makeCounters(packets, bytes string) (model.Counters, bool) {
	a, err1 := strconv.ParseUint(packets, 10, 64)
	b, err2 := strconv.ParseUint(bytes, 10, 64)
	if err1 != nil || err2 != nil {
		return model.Counters{}, false
	}
	return model.Counters{Packets: a, Bytes: b, Valid: true}, true
}

// builtinName is a quick first look: only these can be built-in chains.
func builtinName(chain string) bool {
	switch chain {
	case "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING":
		return true
	}
	return false
}

// guessTable tells the table of text that names none from its built-in chains:
// iptables -S prints all of a table.
func guessTable(t *model.Table) string {
	has := map[string]bool{}
	for _, c := range t.Chains {
		if builtinName(c.Name) {
			has[c.Name] = true
		}
	}
	switch {
	case !has["PREROUTING"] && !has["POSTROUTING"]:
		return "filter"
	case !has["FORWARD"] && (has["INPUT"] || has["POSTROUTING"]), natTarget(t):
		return "nat"
	case has["FORWARD"] || has["INPUT"] || has["POSTROUTING"]:
		return "mangle"
	}
	return "raw"
}

func natTarget(t *model.Table) bool {
	for _, c := range t.Chains {
		for i := range c.Rules {
			switch c.Rules[i].Target {
			case "SNAT", "DNAT", "MASQUERADE", "REDIRECT":
				return true
			}
		}
	}
	return false
}
