package ruleset

import "strings"

// shellWord is a word with its quotes resolved, and where it begins.
type shellWord struct {
	text      string
	line, col int
	quoted    bool
}

// restore gives the word as iptables-restore reads it.
func (w shellWord) restore() string {
	if w.text != "" && !strings.ContainsAny(w.text, " \t\"'\\") {
		return w.text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w.text) + `"`
}

// shellLine is one command.
type shellLine struct {
	words []shellWord
	// sure is false where a word holds something that only a shell can work out.
	sure bool
	// unsure says why it may not run, "" where nothing speaks against it.
	unsure string
	// here is the text that stands below it for it to read, nil where there is none.
	here *hereDoc
}

// hereDoc is a here-document (POSIX shell, 2.7.4).
type hereDoc struct {
	end  string // the word that ends it
	tabs bool   // <<-: tabs before its lines do not count
	raw  bool   // the word was quoted: the text is taken as it stands
	// body is its text, once read; line is the one where it begins. sure is false where it
	// holds what only a shell can work out.
	body string
	line int
	sure bool
	read bool
}

func (c shellLine) text() string {
	var l []string
	for _, w := range c.words {
		l = append(l, w.restore())
	}
	return strings.Join(l, " ")
}

// shellLexer cuts a script into commands (POSIX shell, 2.2 to 2.10).
type shellLexer struct {
	s         string
	i         int
	line      int
	lineStart int
	vars      map[string]string
	// after is the operator before the next command: "", "||" or "|".
	after string
	// heres are the texts that stand below the line.
	heres []*hereDoc
}

func (l *shellLexer) end() bool { return l.i >= len(l.s) }

func (l *shellLexer) newline() {
	l.i++
	l.line++
	l.lineStart = l.i
	for _, h := range l.heres {
		l.hereBody(h)
	}
	l.heres = nil
}

// hereBody reads a here-document, up to the line that ends it or the end of the script.
func (l *shellLexer) hereBody(h *hereDoc) {
	var b strings.Builder
	h.line = l.line
	for !l.end() {
		end, next := len(l.s), len(l.s)
		if k := strings.IndexByte(l.s[l.i:], '\n'); k >= 0 {
			end, next = l.i+k, l.i+k+1
		}
		text := strings.TrimSuffix(l.s[l.i:end], "\r")
		if h.tabs {
			text = strings.TrimLeft(text, "\t")
		}
		if l.i = next; next > end {
			l.line++
			l.lineStart = l.i
		}
		if text == h.end {
			break
		}
		b.WriteString(text + "\n")
	}
	h.body, h.read, h.sure = b.String(), true, true
	if h.raw || !strings.ContainsAny(h.body, "$`\\") {
		return
	}
	in := shellLexer{s: h.body, vars: l.vars}
	c := shellLine{sure: true}
	var out strings.Builder
	for !in.end() {
		switch ch := in.s[in.i]; {
		case ch == '\\' && in.i+1 < len(in.s) && strings.IndexByte("$`\\", in.s[in.i+1]) >= 0:
			in.i++
			in.byte(&out)
		case ch == '\\' && in.i+1 < len(in.s) && in.s[in.i+1] == '\n':
			in.i += 2
		case ch == '$' || ch == '`':
			in.variable(&out, &c)
		default:
			in.byte(&out)
		}
	}
	h.body, h.sure = out.String(), c.sure
}

// command gives the next command, with no words where only blanks stood.
func (l *shellLexer) command() shellLine {
	c := shellLine{sure: true}
	switch l.after {
	case "||":
		c.unsure = "it stands behind ||, so whether it runs is not known"
	case "|":
		c.unsure = "it stands behind a pipe"
	}
	l.after = ""
	for !l.end() {
		switch b := l.s[l.i]; {
		case b == ' ' || b == '\t' || b == '\r':
			l.i++
		case b == '\\' && l.continued():
		case b == '\n':
			l.newline()
			return c
		case b == '#':
			for !l.end() && l.s[l.i] != '\n' {
				l.i++
			}
		case b == ';' || b == '&' || b == '|':
			k := l.i
			for !l.end() && strings.IndexByte(";&|", l.s[l.i]) >= 0 {
				l.i++
			}
			if op := l.s[k:l.i]; op == "||" || op == "|" {
				l.after = op
			}
			return c
		case b == '<' || b == '>':
			l.redirect(&c)
		default:
			w := shellWord{line: l.line, col: l.i - l.lineStart + 1}
			l.word(&w, &c)
			if (l.i < len(l.s)) && (l.s[l.i] == '>' || l.s[l.i] == '<') && !w.quoted && strings.Trim(w.text, "0123456789") == "" {
				continue // 2>/dev/null: the number is the redirection's
			}
			c.words = append(c.words, w)
		}
	}
	return c
}

// continued goes over a line's end behind a backslash.
func (l *shellLexer) continued() bool {
	rest := l.s[l.i+1:]
	n := 1
	if strings.HasPrefix(rest, "\r\n") {
		n = 2
	} else if !strings.HasPrefix(rest, "\n") {
		return false
	}
	l.i += n
	l.i++
	l.line++
	l.lineStart = l.i
	return true
}

// redirect goes over a redirection and its word.
func (l *shellLexer) redirect(c *shellLine) {
	from := l.i
	for !l.end() && strings.IndexByte("<>&|-", l.s[l.i]) >= 0 {
		l.i++
	}
	op := l.s[from:l.i]
	for !l.end() && (l.s[l.i] == ' ' || l.s[l.i] == '\t') {
		l.i++
	}
	var w shellWord
	l.word(&w, &shellLine{})
	if op == "<<" || op == "<<-" {
		c.here = &hereDoc{end: w.text, tabs: op == "<<-", raw: w.quoted}
		l.heres = append(l.heres, c.here)
	}
}

// word reads one word. Quotes are resolved, variables that are known are put in.
func (l *shellLexer) word(w *shellWord, c *shellLine) {
	var b strings.Builder
	for !l.end() {
		switch ch := l.s[l.i]; {
		case strings.IndexByte(" \t\r\n;&|<>", ch) >= 0:
			w.text = b.String()
			return
		case ch == '\\':
			if l.continued() {
				continue
			}
			if l.i++; !l.end() {
				b.WriteByte(l.s[l.i])
				l.i++
			}
			w.quoted = true
		case ch == '\'':
			w.quoted = true
			l.i++
			for !l.end() && l.s[l.i] != '\'' {
				l.byte(&b)
			}
			l.i = min(l.i+1, len(l.s))
		case ch == '"':
			w.quoted = true
			l.i++
			for !l.end() && l.s[l.i] != '"' {
				switch {
				case l.s[l.i] == '\\' && l.i+1 < len(l.s):
					if strings.IndexByte("\"\\$`\n", l.s[l.i+1]) >= 0 {
						l.i++
					}
					l.byte(&b)
				case l.s[l.i] == '$' || l.s[l.i] == '`':
					l.variable(&b, c)
				default:
					l.byte(&b)
				}
			}
			l.i = min(l.i+1, len(l.s))
		case ch == '$' || ch == '`':
			l.variable(&b, c)
		default:
			if (ch == '*' || ch == '?') && b.Len() == 0 {
				c.sure = false // the shell looks for files
			}
			b.WriteByte(ch)
			l.i++
		}
	}
	w.text = b.String()
}

// byte takes one byte into a word, which may hold a line's end.
func (l *shellLexer) byte(b *strings.Builder) {
	ch := l.s[l.i]
	b.WriteByte(ch)
	if l.i++; ch == '\n' {
		l.line++
		l.lineStart = l.i
	}
}

// variable puts in what $NAME stands for. What is not known is left as it stands.
func (l *shellLexer) variable(b *strings.Builder, c *shellLine) {
	rest := l.s[l.i:]
	name, n := "", 0
	if strings.HasPrefix(rest, "${") {
		if k := strings.IndexByte(rest, '}'); k > 0 {
			name, n = rest[2:k], k+1
		}
	} else {
		n = 1
		for n < len(rest) && isVariable(rest[1:n+1]) {
			n++
		}
		name = rest[1:n]
	}
	// A value with blanks would be several words.
	if v, ok := l.vars[name]; ok && !strings.ContainsAny(v, " \t*?") {
		b.WriteString(v)
		l.i += n
		return
	}
	c.sure = false
	for n = max(n, 1); n > 0 && !l.end(); n-- {
		l.byte(b)
	}
}
