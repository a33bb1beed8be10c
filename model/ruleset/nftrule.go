package ruleset

import (
	"strconv"
	"strings"

	"nfscope/model"
)

// nftTokens walks over the words of an nft rule. Quoted strings are one word; braces,
// commas and semicolons are words of their own.
type nftTokens struct {
	s          string
	begin, end int // of the current word
	depth      int // of braces, the current one included
}

func (t *nftTokens) next() bool {
	i := t.end
	for i < len(t.s) && strings.IndexByte(" \t\r\n", t.s[i]) >= 0 {
		i++
	}
	if i == len(t.s) {
		return false
	}
	t.begin = i
	switch t.s[i] {
	case '{':
		t.depth++
		t.end = i + 1
	case '}':
		t.depth = max(0, t.depth-1)
		t.end = i + 1
	case ',', ';':
		t.end = i + 1
	case '"':
		t.end = len(t.s)
		if k := strings.IndexByte(t.s[i+1:], '"'); k >= 0 {
			t.end = i + k + 2
		}
	default:
		t.end = len(t.s)
		if k := strings.IndexAny(t.s[i:], " \t\r\n{},;\""); k >= 0 {
			t.end = i + k
		}
	}
	return true
}

func (t *nftTokens) word() string { return t.s[t.begin:t.end] }

// nftRule understands of a rule's text what the model asks for.
func nftRule(text string) model.Rule {
	var r model.Rule
	text, r.Counters = stripCounters(text)
	r.Text = text
	t := nftTokens{s: text}
	prev, statement := "", ""
	for t.next() {
		word := t.word()
		if t.depth > 0 || word == "}" || isOperand(prev) {
			prev = word
			continue
		}
		switch word {
		case "accept", "drop", "return", "continue", "queue", "reject", "vmap":
			r.Target, r.Jump, r.Goto = word, "", false
		case "jump", "goto":
			call(&r, &t, word)
		case "snat", "dnat", "masquerade", "redirect", "tproxy", "synproxy", "dup", "fwd":
			statement = word
		case "comment":
			if c := text[t.end:]; strings.HasPrefix(c, ` "`) && strings.HasSuffix(c, `"`) && len(c) > 2 {
				r.Comment = c[2 : len(c)-1]
				t.end = len(text)
			}
		case "xt": // nft knows that there is an xt extension, but not what it says
			kind, name := t.take(), t.take()
			name = strings.Trim(name, `"`)
			r.Marked = "nft cannot print xt " + kind + " " + name + ", iptables-nft-save can"
			if kind == "target" {
				r.Target = name
			}
		}
		prev = word
	}
	if r.Target == "" {
		r.Target = statement
	}
	return r
}

// take gives the next word, "" at the end.
func (t *nftTokens) take() string {
	if !t.next() {
		return ""
	}
	return t.word()
}

// call reads what follows jump or goto: a chain's name, or rules in braces, for which
// the kernel makes a chain without a name of its own.
func call(r *model.Rule, t *nftTokens, verb string) {
	name := t.take()
	if name == "{" || name == "" {
		r.Target, r.Jump, r.Goto = verb, "", false
		if name == "{" {
			r.Marked = "the rules in braces stand in a chain without a name, they are not listed apart"
		}
		return
	}
	r.Target, r.Jump, r.Goto = name, name, verb == "goto"
}

// isOperand tells words after which a verdict's name is a value: icmp type redirect,
// ct status dnat, ct status snat,dnat.
func isOperand(prev string) bool {
	switch prev {
	case "type", "code", "status", "==", "!=", "<", ">", "<=", ">=", "&", "|", "^", "!", ",", "set", ".", "name":
		return true
	}
	return false
}

// stripCounters turns "counter packets X bytes Y" into "counter". The numbers given
// are those of the first counter outside of braces.
func stripCounters(text string) (string, model.Counters) {
	var n model.Counters
	if !strings.Contains(text, "counter packets ") {
		return text, n
	}
	var b strings.Builder
	t := nftTokens{s: text}
	kept := 0
	for t.next() {
		if t.word() != "counter" {
			continue
		}
		ahead := t
		if ahead.take() != "packets" {
			continue
		}
		packets, err1 := strconv.ParseUint(ahead.take(), 10, 64)
		if ahead.take() != "bytes" || err1 != nil {
			continue
		}
		bytes, err2 := strconv.ParseUint(ahead.take(), 10, 64)
		if err2 != nil {
			continue
		}
		if t.depth == 0 && !n.Valid {
			n = model.Counters{Packets: packets, Bytes: bytes, Valid: true}
		}
		b.WriteString(text[kept:t.end])
		kept = ahead.end
		t = ahead
	}
	b.WriteString(text[kept:])
	return b.String(), n
}
