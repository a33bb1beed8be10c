package ruleset

import (
	"strconv"
	"strings"
)

// level is where the scanner stands.
type level uint8

const (
	levelRuleset level = iota
	levelTable
	levelChain
)

type itemKind uint8

const (
	itemEnd itemKind = iota
	itemComment
	itemClose     // a "}"
	itemBlock     // a table's or a chain's head, up to its "{"
	itemStatement // anything else, up to a line's end or a semicolon outside of braces
)

// item is one piece of nft text.
type item struct {
	kind itemKind
	// text has neither comments nor line breaks.
	text string
	// begin and end enclose it in the input.
	begin, end int
	// handle is what "# handle N" says, 0 where there is none.
	handle uint64
	// tail is another comment behind the item.
	tail string
	// broken is true where its braces are not closed.
	broken bool
}

// nftScanner cuts nft text into items. nft's strings have no escapes and never span
// lines, and a string of an xt match may hold quotes itself: so quotes are taken
// line by line, and a line that cannot be inside of braces ends them.
type nftScanner struct {
	s string
	i int
	// content is where the current line's content ends, lineEnd where the line does;
	// they are valid up to lineEnd. "# handle N" stands between the two.
	content, lineEnd int
	handle           uint64
}

// where gives line and column of an offset.
func (n *nftScanner) where(at int) (line, col int) {
	at = min(at, len(n.s))
	return strings.Count(n.s[:at], "\n") + 1, at - strings.LastIndexByte(n.s[:at], '\n')
}

// look finds the current line's ends. nft -a puts the handle last, behind whatever a
// comment may hold, so it is looked for from the right.
func (n *nftScanner) look() {
	n.lineEnd, n.handle = len(n.s), 0
	if k := strings.IndexByte(n.s[n.i:], '\n'); k >= 0 {
		n.lineEnd = n.i + k
	}
	line := strings.TrimRight(n.s[n.i:n.lineEnd], " \t\r")
	n.content = n.i + len(line)
	if k := strings.LastIndex(line, "# handle "); k >= 0 {
		if h, err := strconv.ParseUint(line[k+len("# handle "):], 10, 64); err == nil {
			n.handle = h
			n.content = n.i + len(strings.TrimRight(line[:k], " \t"))
		}
	}
}

// next gives the next item that holds something.
func (n *nftScanner) next(at level) item {
	for {
		if it := n.item(at); it.kind != itemStatement || it.text != "" { // a lone backslash
			return it
		}
	}
}

func (n *nftScanner) item(at level) item {
	for n.i < len(n.s) && strings.IndexByte(" \t\r\n;", n.s[n.i]) >= 0 {
		n.i++
	}
	if n.i == len(n.s) {
		return item{kind: itemEnd, begin: n.i, end: n.i}
	}
	if n.i >= n.lineEnd {
		n.look()
	}
	begin := n.i
	switch n.s[n.i] {
	case '#':
		n.i = n.lineEnd
		return item{kind: itemComment, text: strings.TrimRight(n.s[begin:n.i], " \t\r"), begin: begin, end: n.i}
	case '}':
		n.i++
		return item{kind: itemClose, begin: begin, end: n.i}
	}
	return n.statement(at)
}

// head reports whether a statement that begins with word opens a block of its own.
func (at level) head(word string) bool {
	return at == levelRuleset && word == "table" || at == levelTable && word == "chain"
}

func (n *nftScanner) statement(at level) item {
	it := item{kind: itemStatement, begin: n.i}
	var parts joiner
	var blocks []bool // of the open braces: are rules inside, after jump or goto
	from, depth := n.i, 0
	word := firstWord(n.s[n.i:])
	if word == "add" || word == "create" { // add table inet t {
		word = firstWord(strings.TrimLeft(n.s[n.i+len(word):], " \t"))
	}
	for {
		if n.i >= n.content && n.i < n.lineEnd { // the rest of the line is its handle
			n.i = n.lineEnd
		}
		if n.i >= n.lineEnd {
			parts.add(n.s[from:min(n.i, max(n.content, from))])
			it.end = max(min(n.i, n.content), it.begin)
			if n.i == len(n.s) || depth == 0 || n.structural(it.begin, at) {
				it.handle, it.broken = n.handle, depth > 0
				break
			}
			n.i++ // the line's end
			n.look()
			from, parts.rules = n.i, blocks[depth-1]
			continue
		}
		c := n.s[n.i]
		switch {
		case c == '"':
			if k := strings.IndexByte(n.s[n.i+1:n.content], '"'); k >= 0 {
				n.i += k + 1
			} else {
				n.i = n.content - 1
			}
		case c == '#' && (n.i == from || n.s[n.i-1] == ' ' || n.s[n.i-1] == '\t'):
			parts.add(n.s[from:n.i])
			it.tail = strings.TrimSpace(n.s[n.i:n.content])
			n.content, from = n.i, n.i
			continue
		case c == '\\' && strings.TrimRight(n.s[n.i+1:n.lineEnd], " \t\r") == "": // a script's long line
			parts.add(n.s[from:n.i])
			parts.rules = false
			if n.i = n.lineEnd; n.i < len(n.s) {
				n.i++
				n.look()
			}
			from = n.i
			continue
		case c == '{' && depth == 0 && at.head(word):
			parts.add(n.s[from:n.i])
			it.kind, it.text, it.end = itemBlock, parts.text(), n.i
			n.i++
			n.blockTail(&it)
			return it
		case c == '{':
			depth++
			before := strings.TrimRight(n.s[it.begin:n.i], " \t\r\n")
			blocks = append(blocks[:depth-1], strings.HasSuffix(before, "jump") || strings.HasSuffix(before, "goto"))
		case c == '}' && depth > 0:
			depth--
		case c == '}', c == ';' && depth == 0:
			parts.add(n.s[from:n.i])
			it.text, it.end = parts.text(), n.i
			return it
		}
		n.i++
	}
	it.text = parts.text()
	return it
}

// blockTail takes handle and comment behind a block's "{".
func (n *nftScanner) blockTail(it *item) {
	rest := strings.TrimSpace(n.s[n.i:max(n.content, n.i)])
	if rest != "" && rest[0] != '#' { // something follows on the same line
		return
	}
	it.handle, it.tail = n.handle, rest
	n.i = n.lineEnd
}

// structural reports whether the next line, as nft indents, closes or opens a block,
// so that the statement that began at begin cannot go on.
func (n *nftScanner) structural(begin int, at level) bool {
	if at == levelRuleset || !strings.HasSuffix(n.s[:begin], "\n\t\t"[:1+int(at)]) {
		return false
	}
	next, _, _ := strings.Cut(n.s[n.i+1:], "\n")
	next = strings.TrimRight(next, " \r")
	if strings.HasPrefix(next, "table ") || strings.HasPrefix(next, "\tchain ") || next == "}" || strings.HasPrefix(next, "} #") {
		return true
	}
	return at == levelChain && (next == "\t}" || strings.HasPrefix(next, "\t} #"))
}

func firstWord(s string) string {
	if i := strings.IndexAny(s, " \t\r\n{;"); i >= 0 {
		return s[:i]
	}
	return s
}

// joiner makes one line of a statement's lines.
type joiner struct {
	one string
	b   strings.Builder
	// rules is true where the next part begins a line among rules in braces: there a
	// line's end ends a rule.
	rules bool
}

func (j *joiner) add(part string) {
	part = strings.TrimSpace(part)
	if part == "" {
		return
	}
	if j.one == "" {
		j.one = part
		return
	}
	if j.b.Len() == 0 {
		j.b.WriteString(j.one)
	}
	s := j.b.String()
	if last := s[len(s)-1]; j.rules && last != '{' && last != ';' {
		j.b.WriteByte(';')
	}
	j.rules = false
	j.b.WriteByte(' ')
	j.b.WriteString(part)
}

func (j *joiner) text() string {
	if j.b.Len() > 0 {
		return j.b.String()
	}
	return j.one
}
