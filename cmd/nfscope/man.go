package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func manCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man", Short: "Print the manual page", Args: cobra.NoArgs,
		Long:    "Print the manual page nfscope(1) as man(7) text.",
		Example: "  nfscope man | man -l -\n  nfscope man > /usr/local/share/man/man1/nfscope.1",
		RunE:    func(c *cobra.Command, _ []string) error { return writeMan(c.OutOrStdout(), c.Root()) },
	}
}

// writeMan writes the manual page of a tree of commands in the macros of man(7).
func writeMan(w io.Writer, root *cobra.Command) error {
	m := &man{bufio.NewWriter(w)}
	m.line(`.TH NFSCOPE 1 "" "nfscope %s" "User Commands"`, roff(version()))
	m.line(".SH NAME\nnfscope \\- %s", roff(strings.ToLower(root.Short[:1])+root.Short[1:]))
	m.line(".SH SYNOPSIS\n.B nfscope\n[\\fIflags\\fR]\n.br\n.B nfscope\n\\fIcommand\\fR [\\fIflags\\fR] [\\fIarguments\\fR]")
	m.line(".SH DESCRIPTION\n%s", roff(root.Long))
	m.line(".SH OPTIONS")
	m.flags(root.LocalNonPersistentFlags())
	m.line(".SS Of every command")
	m.flags(root.PersistentFlags())
	m.line(".SH COMMANDS")
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			m.command(c)
		}
	}
	m.examples(".SH EXAMPLES", root)
	m.line(".SH EXIT STATUS")
	for _, s := range []struct {
		status int
		means  string
	}{
		{exitDone, "Done."},
		{exitError, "An error while running."},
		{exitUsage, "Bad usage, or a filter or file that cannot be read."},
		{exitPrivilege, "A missing privilege, program or kernel feature; the message names it."},
		{exitDropped, "Why: packets of the flow are dropped here."},
		{exitInterrupted, "Interrupted, and everything cleaned up."},
	} {
		m.line(".TP\n.B %d\n%s", s.status, roff(s.means))
	}
	m.line(".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nNo colours at all.\n.TP\n.B LC_ALL, LC_CTYPE, LC_MESSAGES, LANG\n%s",
		roff("A locale that is not UTF-8 (LC_ALL, LC_CTYPE, LANG) is drawn in ASCII; a Chinese one (LC_ALL, LC_MESSAGES, LANG) chooses the lessons' language."))
	m.line(".SH SEE ALSO\n.BR iptables (8),\n.BR nft (8),\n.BR conntrack (8),\n.BR ip\\-netns (8)")
	return m.w.Flush()
}

// man writes a page; errors stay in its writer until Flush.
type man struct{ w *bufio.Writer }

func (m *man) line(format string, a ...any) { fmt.Fprintf(m.w, format+"\n", a...) }

func (m *man) command(c *cobra.Command) {
	m.line(".SS %s", roff(c.UseLine()))
	text := c.Long
	if text == "" || c.Name() == "completion" { // what cobra itself brings is long-winded
		text = c.Short + "."
	}
	m.line("%s", roff(text))
	m.flags(c.LocalNonPersistentFlags())
	m.examples(".PP\nExamples:", c)
	if c.Name() == "completion" {
		return
	}
	for _, s := range c.Commands() {
		if s.IsAvailableCommand() {
			m.command(s)
		}
	}
}

func (m *man) flags(fs *pflag.FlagSet) {
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name, says := pflag.UnquoteUsage(f)
		long := "\\fB" + roff("--"+f.Name) + "\\fR"
		if f.Shorthand != "" {
			long = "\\fB" + roff("-"+f.Shorthand) + "\\fR, " + long
		}
		if name != "" {
			long += " \\fI" + roff(name) + "\\fR"
		}
		switch f.DefValue {
		case "", "false", "0":
		default:
			says += " (default " + f.DefValue + ")"
		}
		m.line(".TP\n%s\n%s", long, roff(strings.ToUpper(says[:1])+says[1:]+"."))
	})
}

func (m *man) examples(heading string, c *cobra.Command) {
	if c.Example != "" {
		m.line("%s\n.PP\n.nf\n%s\n.fi", heading, roff(c.Example))
	}
}

// roff keeps text from being read as markup: the escape character, hyphens that are
// to be typed, and lines that begin with a control character.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "`", "").Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
