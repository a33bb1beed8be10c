// Package ruleset reads and prints rulesets: iptables-save text with its relatives
// (iptables-save -c, iptables -S, restore fragments), and what nft list ruleset prints
// as text or, with -j, as JSON. It knows the jump graph and the order in which a hook calls its base
// chains. It is pure: text goes in, a model.Ruleset comes out.
package ruleset

import (
	"fmt"
	"hash/fnv"
	"strings"
	"unicode/utf8"

	"nfscope/model"
)

// Problem is something in a text that was not understood, or not as it should be.
type Problem struct {
	Name      string // the file, as the user called it
	Line, Col int    // from 1, in bytes; 0 where the whole file is meant
	Msg       string // what it is and what was expected
	// Fatal is true where nothing at all could be read.
	Fatal bool
	// Remark is true where all was read, but something is odd: a target that may be another
	// host's, a chain that may stand in another file.
	Remark bool
}

// Error gives FILE:LINE:COL: what, what was expected.
func (p Problem) Error() string {
	if p.Line == 0 {
		return p.Name + ": " + p.Msg
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.Name, p.Line, p.Col, p.Msg)
}

// maxProblems bounds what is kept of a file that is wrong in every line.
const maxProblems = 200

// problems collects what a parser has to say about one file.
type problems struct {
	name string
	list []Problem
	more int
}

func (p *problems) add(line, col int, format string, args ...any) {
	if len(p.list) == maxProblems {
		p.more++
		return
	}
	p.list = append(p.list, Problem{Name: p.name, Line: line, Col: col, Msg: fmt.Sprintf(format, args...)})
}

// remark adds what nothing was left out for.
func (p *problems) remark(line, col int, format string, args ...any) {
	n := len(p.list)
	p.add(line, col, format, args...)
	if len(p.list) > n {
		p.list[n].Remark = true
	}
}

func (p *problems) done() []Problem {
	if p.more > 0 {
		p.list = append(p.list, Problem{Name: p.name, Msg: fmt.Sprintf("%d more problems like these", p.more)})
	}
	return p.list
}

// refuse says why a text cannot be a ruleset at all, "" where it may be one.
func refuse(text string) string {
	if strings.Trim(text, " \t\r\n\ufeff") == "" {
		return "the file is empty, expected iptables-save or nft list ruleset text"
	}
	if i := strings.IndexByte(text, 0); i >= 0 {
		return fmt.Sprintf("binary data (a NUL byte at offset %d), expected iptables-save or nft list ruleset text", i)
	}
	if !utf8.ValidString(text) {
		bad := 0
		for i, r := range text {
			if r == utf8.RuneError && text[i] != 0xef {
				bad++
			}
		}
		if bad > 8 && bad > len(text)/20 { // more than some comments in Latin-1
			return fmt.Sprintf("binary data (%d bytes that are no UTF-8), expected iptables-save or nft list ruleset text", bad)
		}
	}
	return ""
}

// form is the kind of a text.
type form uint8

const (
	formUnknown form = iota
	formSave
	formNFT
	formJSON
	formShell
)

// ParseFile reads a ruleset from a file of whatever form: iptables-save text and
// its relatives, nft text or nft JSON. doc is nil for what is nft's. Problems stand in the
// ruleset's Warnings too. rs is never nil; where a problem is Fatal it is empty.
func ParseFile(name string, text []byte) (rs *model.Ruleset, doc *Document, found []Problem) {
	rs = &model.Ruleset{Generation: generation(text)}
	switch guess(string(text)) {
	case formSave:
		doc, found = ParseSave(name, text, Options{})
		rs.Tables = doc.Tables()
	case formNFT:
		rs.Tables, found = ParseNFT(name, text)
	case formShell:
		rs.Tables, found = ParseShell(name, text)
	case formJSON:
		rs.Tables, found = ParseNFTJSON(name, text)
	default:
		msg := refuse(string(text))
		if msg == "" {
			msg = mistaken(string(text))
		}
		if msg == "" {
			msg = `no ruleset, expected a line such as "*filter" (iptables-save), "-P INPUT ACCEPT" (iptables -S) or "table inet filter {" (nft list ruleset)`
		}
		found = []Problem{{Name: name, Fatal: true, Msg: msg}}
	}
	rs.Number()
	for _, p := range found {
		rs.Warnings = append(rs.Warnings, p.Error())
	}
	return rs, doc, found
}

// generation names the state of a file's text: the same bytes, the same name.
func generation(text []byte) string {
	h := fnv.New64a()
	_, _ = h.Write(text) // never fails
	return fmt.Sprintf("file-%016x", h.Sum64())
}

// guess takes the first line that can belong to one form only.
func guess(text string) form {
	if refuse(text) != "" {
		return formUnknown
	}
	text = strings.TrimPrefix(text, "\ufeff")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#!") && strings.Contains(line, "nft") {
			return formNFT
		}
		if strings.HasPrefix(line, "#!") && strings.HasSuffix(firstWord(line[2:]), "sh") {
			return formShell
		}
		if line == "" || line[0] == '#' {
			continue
		}
		switch {
		case line[0] == '*', line[0] == ':', line[0] == '[' && strings.Contains(line, "] -"), line[0] == '-':
			return formSave
		case line[0] == '{':
			return formJSON
		}
		if strings.Contains(line, "tables -") && strings.ContainsAny(line[:1], "abcdefghijklmnopqrstuvwxyz/[$!") || line[0] == '$' && strings.Contains(line, " -A ") {
			return formShell
		}
		if byShell(line) {
			return formShell
		}
		if mistaken(line) != "" {
			return formUnknown
		}
		switch word, _, _ := strings.Cut(line, " "); word {
		case "table", "flush", "add", "create", "delete", "destroy", "define", "include":
			return formNFT
		}
	}
	return formUnknown
}

// byShell tells a line in which a shell calls nft, or gives a program a text to read.
func byShell(line string) bool {
	word, rest, _ := strings.Cut(strings.TrimPrefix(line, "sudo "), " ")
	switch word = word[strings.LastIndexByte(word, '/')+1:]; {
	case strings.HasSuffix(word, "tables-restore"):
		return strings.Contains(rest, "<<")
	case word != "nft":
		return false
	}
	verb, _, _ := strings.Cut(strings.Trim(rest, `"'`), " ")
	switch verb {
	case "add", "create", "insert", "replace", "delete", "destroy", "flush", "-f":
		return true
	}
	return false
}

// mistaken says what a text is that people take for a ruleset, and what to take in its
// place; "" where it is none of those. The first line that is no comment tells.
func mistaken(text string) string {
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		words := strings.Fields(line)
		switch {
		case words[0] == "Chain" && len(words) > 2 && strings.HasPrefix(words[2], "("):
			return "a listing of iptables -L, which does not hold all of a rule; expected what iptables-save -c prints"
		case words[0] == "create" && len(words) > 2 && strings.Contains(words[2], ":") && !strings.HasPrefix(words[1], "inet"),
			words[0] == "Name:" && len(words) == 2:
			return "sets of ipset, which have no rules; expected what iptables-save -c prints (the members of sets are read from a live host)"
		case strings.HasPrefix(line, "Bridge table:"):
			return "a listing of ebtables -L; expected what ebtables-save prints"
		}
		break
	}
	return ""
}
