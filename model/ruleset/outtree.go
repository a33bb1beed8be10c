package ruleset

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"nfscope/model"
)

// WriteTree prints a ruleset for people: backend, family and table, their chains, their
// rules with number, packets and bytes; "-" is where there is no counter. Lines are cut
// at width columns; 0 is no limit. counts may be nil.
func WriteTree(w io.Writer, rs *model.Ruleset, counts *model.Counts, width int) error {
	t := treeWriter{w: bufio.NewWriter(w), width: width, counts: counts, graph: NewGraph(rs), terse: rs.Terse}
	for i, tb := range rs.Tables {
		if i > 0 {
			t.line("")
		}
		t.table(tb)
	}
	if len(rs.Tables) == 0 {
		t.line("no tables")
	}
	for i, s := range rs.Warnings {
		if i == 0 {
			t.line("")
		}
		t.line("warning: " + s)
	}
	return t.w.Flush()
}

type treeWriter struct {
	w      *bufio.Writer
	width  int
	counts *model.Counts
	graph  *Graph
	terse  bool // sets have no elements because nobody read them
}

func (t *treeWriter) line(s string) {
	if s = printable(s); t.width > 3 && utf8.RuneCountInString(s) > t.width {
		s = string([]rune(s)[:t.width-3]) + "..."
	}
	_, _ = t.w.WriteString(s + "\n") // Flush gives the error
}

// printable keeps what a text holds from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune { // copies only where it must
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == utf8.RuneError:
			return '?'
		}
		return r
	}, s)
}

func (t *treeWriter) table(tb *model.Table) {
	head := fmt.Sprintf("%s %s %s", tb.Backend, tb.Family, tb.Name)
	if tb.Flags != "" {
		head += "  (" + tb.Flags + ")"
	}
	t.line(head)
	for _, e := range tb.Extra {
		for l := range strings.Lines(e) {
			if strings.TrimSpace(l) == "}" {
				t.lacks(tb, e)
			}
			t.line("  " + strings.ReplaceAll(strings.TrimRight(l, "\n"), "\t", "  "))
		}
	}
	for _, c := range tb.Chains {
		t.line("  " + c.Name + "  " + t.about(tb, c))
		t.rules(tb, c)
	}
}

// lacks says of a set or map that its elements do not all stand there.
func (t *treeWriter) lacks(tb *model.Table, object string) {
	kind, rest, _ := strings.Cut(object, " ")
	if !t.terse || kind != "set" && kind != "map" {
		return
	}
	switch m, read := tb.Map(firstWord(rest)); {
	case kind == "set" || !read:
		t.line("    # its elements were not read")
	case m.More:
		t.line("    # there are more elements, which were not read")
	}
}

// about is what stands behind a chain's name.
func (t *treeWriter) about(tb *model.Table, c *model.Chain) string {
	if !c.Base() {
		switch n := t.graph.CallerCount(c); {
		case n == 0 && !t.graph.Unused(c):
			return "called by nothing that was read; " + strings.TrimSuffix(t.graph.Unread(c)[0], ",") + " may call it"
		case n == 0:
			return "never called"
		case t.graph.Unused(c):
			return "never reached"
		case n == 1:
			return "called by 1 rule"
		default:
			return fmt.Sprintf("called by %d rules", n)
		}
	}
	s := fmt.Sprintf("hook %s priority %s", c.Hook, PriorityText(tb, c))
	if c.Type != "" {
		s = "type " + c.Type + " " + s
	}
	if c.Device != "" {
		s += " device " + c.Device
	}
	if c.Policy != "" {
		s += " policy " + c.Policy
	}
	if n := chainCounters(c, t.counts); n.Valid {
		s += fmt.Sprintf("  %d packets %d bytes", n.Packets, n.Bytes)
	}
	return s
}

func (t *treeWriter) rules(tb *model.Table, c *model.Chain) {
	// The columns are as wide as their widest number.
	index, packets, bytes := len(strconv.Itoa(len(c.Rules))), 1, 1
	for i := range c.Rules {
		if n := ruleCounters(&c.Rules[i], t.counts); n.Valid {
			packets = max(packets, len(strconv.FormatUint(n.Packets, 10)))
			bytes = max(bytes, len(strconv.FormatUint(n.Bytes, 10)))
		}
	}
	own := "-A " + c.Name + " "
	for i := range c.Rules {
		r := &c.Rules[i]
		p, b := "-", "-"
		if n := ruleCounters(r, t.counts); n.Valid {
			p, b = strconv.FormatUint(n.Packets, 10), strconv.FormatUint(n.Bytes, 10)
		}
		t.line(fmt.Sprintf("    %*d  %*s %*s  %s", index, r.Index, packets, p, bytes, b, strings.TrimPrefix(r.Text, own)))
		if doubt := Doubt(tb, r); doubt != "" {
			t.line(fmt.Sprintf("    %*s  ? %s", index, "", doubt))
		}
	}
}
