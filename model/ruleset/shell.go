package ruleset

import (
	"strings"

	"nfscope/model"
)

// ParseShell reads a shell script of iptables, ip6tables and nft commands as far as it is
// certain what they make of empty tables: commands one after another, with quotes,
// continued lines, variables that were set to plain words, and here-documents that
// iptables-restore and nft -f read. What depends on a
// condition, a loop or another program is reported with line and column, and kept in
// the Extra of the table that it would change.
func ParseShell(name string, text []byte) ([]*model.Table, []Problem) {
	p := &shellParser{problems: problems{name: name}, vars: map[string]string{}, open: map[tableKey]*saveParser{}}
	s := strings.TrimPrefix(string(text), "\ufeff")
	if msg := refuse(s); msg != "" {
		return nil, []Problem{{Name: name, Msg: msg, Fatal: true}}
	}
	p.lex = shellLexer{s: s, line: 1, vars: p.vars}
	for !p.lex.end() {
		p.command(p.lex.command())
	}
	if p.depth > 0 {
		p.add(p.lex.line, 1, "the text ends inside of %q, expected its end", p.block)
	}
	var tables []*model.Table
	for _, sub := range p.order {
		sub.finish()
		p.list = append(p.list, sub.list...)
		tables = append(tables, sub.doc.tables...)
	}
	if n := p.nft; n != nil {
		n.stray(func(_ int, format string, args ...any) { n.remark(0, 0, format, args...) })
		n.number()
		p.list = append(p.list, n.list...)
		tables = append(tables, n.tables...)
	}
	return tables, p.done()
}

type shellParser struct {
	problems
	lex   shellLexer
	vars  map[string]string
	open  map[tableKey]*saveParser
	order []*saveParser
	nft   *nftParser // nil before the first command of nft
	// depth counts the conditions and loops that are open, block is the outermost.
	depth int
	block string
}

// shellCommand gives the name of an iptables program, without its directory, and what
// follows it; "" where the words are another command.
func shellCommand(line string) (name, rest string) {
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	if word == "sudo" || word == "exec" {
		word, rest, _ = strings.Cut(strings.TrimSpace(rest), " ")
	}
	name = word[strings.LastIndexByte(word, '/')+1:]
	base := strings.TrimPrefix(strings.TrimPrefix(name, "ip6"), "ip")
	switch base {
	case "tables", "tables-legacy", "tables-nft", "tables-save", "tables-legacy-save", "tables-nft-save",
		"tables-restore", "tables-legacy-restore", "tables-nft-restore":
		if base != name {
			return name, strings.TrimSpace(rest)
		}
	}
	return "", ""
}

// command follows one command.
func (p *shellParser) command(c shellLine) {
	if len(c.words) == 0 {
		return
	}
	first := c.words[0].text
	if name, value, ok := strings.Cut(first, "="); ok && isVariable(name) && len(c.words) == 1 {
		if delete(p.vars, name); c.sure && p.depth == 0 {
			p.vars[name] = value
		}
		return
	}
	switch first {
	case "if", "for", "while", "until", "case", "{", "select":
		if p.depth == 0 {
			p.block = first
		}
		p.depth++
	case "fi", "done", "esac", "}":
		p.depth = max(0, p.depth-1)
		return
	}
	if strings.HasSuffix(first, "()") || first == "function" {
		p.report(c, nil, "a function is not followed")
		return
	}
	words := c.words
	for len(words) > 0 { // what may stand before the program
		switch words[0].text {
		case "sudo", "exec", "then", "else", "do", "!", "if", "while", "until", "elif", "{", "command":
			words = words[1:]
			continue
		}
		break
	}
	if len(words) == 0 {
		return
	}
	program, _ := shellCommand(words[0].text)
	switch {
	case strings.HasSuffix(program, "-restore"):
		p.restore(c, program, words[1:])
		return
	case words[0].text == "nft" || strings.HasSuffix(words[0].text, "/nft"):
		p.nftCommand(c, words[1:])
		return
	case program == "" && harmless(words[0].text) && c.sure:
		return
	case program == "":
		if first != "for" && first != "case" && p.depth == 0 {
			p.report(c, nil, "it is no iptables command, so what it does is not known")
		}
		return
	case strings.HasSuffix(program, "-save"):
		return // it changes nothing
	}
	p.iptables(c, program, words[1:])
}

// harmless tells commands that change no rules and no words.
func harmless(word string) bool {
	switch word {
	case "echo", "printf", "true", ":", "exit", "set", "export", "modprobe", "sysctl", "sleep", "return", "cd", "logger", "shift", "break", "[", "test", "readonly", "local", "ipset":
		return true
	}
	return false
}

func isVariable(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if !('a' <= c && c <= 'z' || s[i] == '_' || i > 0 && '0' <= s[i] && s[i] <= '9') {
			return false
		}
	}
	return s != ""
}

// report says of a command that it is not followed.
func (p *shellParser) report(c shellLine, sub *saveParser, why string) {
	p.add(c.words[0].line, c.words[0].col, "%q is not followed: %s; the rest is shown", clip(c.text()), why)
	if sub != nil && sub.table != nil {
		sub.table.Extra = append(sub.table.Extra, c.text())
	}
}

// iptables does one iptables command.
func (p *shellParser) iptables(c shellLine, program string, args []shellWord) {
	key := tableKey{backend: model.BackendLegacy, family: model.FamilyIPv4, name: "filter"}
	if strings.HasPrefix(program, "ip6") {
		key.family = model.FamilyIPv6
	}
	if strings.HasSuffix(program, "-nft") {
		key.backend = model.BackendIptablesNFT
	}
	var verb, rest []shellWord
	for i := 0; i < len(args); i++ {
		w := args[i]
		switch {
		case (w.text == "-t" || w.text == "--table") && i+1 < len(args):
			key.name = args[i+1].text
			i++
		case strings.HasPrefix(w.text, "--table="):
			key.name = w.text[len("--table="):]
		case strings.HasPrefix(w.text, "-t") && len(w.text) > 2 && w.text[2] != '-' && !w.quoted && knownTable(w.text[2:]):
			key.name = w.text[2:]
		case w.text == "-w" || w.text == "--wait" || w.text == "-W" || w.text == "--wait-interval":
			if i+1 < len(args) && strings.Trim(args[i+1].text, "0123456789.") == "" {
				i++
			}
		case w.text == "-v" || w.text == "--verbose" || w.text == "--line-numbers" || w.text == "-4" || w.text == "-6":
		case isVerb(w.text) && verb == nil:
			verb = append(verb, w)
			for i+1 < len(args) && !strings.HasPrefix(args[i+1].text, "-") && args[i+1].text != "!" && len(verb) < 4 {
				i++
				verb = append(verb, args[i])
			}
		default:
			rest = append(rest, w)
		}
	}
	sub := p.table(key)
	switch {
	case !c.sure:
		p.report(c, sub, "it holds what only the shell can work out")
		return
	case c.unsure != "":
		p.report(c, sub, c.unsure)
		return
	case p.depth > 0:
		p.report(c, sub, "it stands inside of "+p.block+", so whether it runs is not known")
		return
	case !knownTable(key.name):
		p.report(c, sub, "there is no table "+key.name+", expected filter, nat, mangle, raw or security")
		return
	case verb == nil:
		p.report(c, sub, "it has no command, expected one such as -A INPUT")
		return
	}
	switch verb[0].text {
	case "-L", "--list", "-S", "--list-rules", "-C", "--check", "-h", "--help", "-V", "--version":
		return
	}
	sub.run(append(verb, rest...))
}

func knownTable(name string) bool {
	switch name {
	case "filter", "nat", "mangle", "raw", "security":
		return true
	}
	return false
}

func isVerb(s string) bool {
	switch s {
	case "-A", "-I", "-D", "-R", "-F", "-X", "-Z", "-N", "-P", "-E", "-L", "-S", "-C", "-h", "-V", "--append", "--insert", "--delete", "--replace",
		"--flush", "--delete-chain", "--zero", "--new-chain", "--new", "--policy", "--rename-chain", "--list", "--list-rules", "--check", "--help", "--version":
		return true
	}
	return false
}

// table finds or opens a table.
func (p *shellParser) table(key tableKey) *saveParser {
	if sub := p.open[key]; sub != nil {
		return sub
	}
	sub := &saveParser{doc: &Document{}, opts: Options{Backend: key.backend, Family: key.family}, backend: key.backend, family: key.family,
		problems: problems{name: p.name}, seen: map[tableKey]bool{}}
	sub.begin(key.name, 1)
	p.open[key], p.order = sub, append(p.order, sub)
	return sub
}

// run does a command of words. Its line is made anew, so that the places in its
// problems are those of the line: they are set back to those of the words.
func (p *saveParser) run(words []shellWord) {
	if words[0].text == "--new" {
		words[0].text = "--new-chain"
	}
	var b strings.Builder
	var begins []int
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		begins = append(begins, b.Len())
		b.WriteString(w.restore())
	}
	had := len(p.list)
	p.line = 0 // where a problem is of this line
	p.rest = ""
	p.command(b.String(), 1)
	for i := had; i < len(p.list); i++ {
		q := &p.list[i]
		if q.Col == 0 {
			continue
		}
		k := 0
		for k+1 < len(begins) && begins[k+1] < q.Col {
			k++
		}
		q.Line, q.Col = words[k].line, words[k].col
	}
}
