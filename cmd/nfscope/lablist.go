package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"nfscope/docs/labs"
	"nfscope/trace/lab"
	"nfscope/ui/speech"
)

func (a *app) labListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "list", Short: "List the labs, whether they can run here, and which stand", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.labList(asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print nfscope/lab/1 objects, one a line")
	return c
}

// labLine is one lab of the list.
type labLine struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
	Title  string `json:"title"`
	// Why says why it cannot run live here, "" where it can.
	Why      string   `json:"why,omitempty"`
	Live     bool     `json:"live"`
	Recorded bool     `json:"recorded"`
	Stands   []string `json:"stands"`
}

func (a *app) labList(asJSON bool) error {
	standing, err := lab.Standing()
	if err != nil {
		return err
	}
	able := canRunLabs()
	var lines []labLine
	for _, name := range labs.Names() {
		l, err := lab.Load(labs.FS, name)
		if err != nil {
			return err
		}
		lines = append(lines, a.labLine(l, able, standing))
	}
	out := a.objects(asJSON)
	enc, st := json.NewEncoder(out), stats{start: time.Now()}
	for _, line := range append(lines, a.ownLines(able, standing)...) {
		if asJSON {
			if err := enc.Encode(line); err != nil {
				return err
			}
			st.events++
			continue
		}
		fmt.Fprintf(out, "%-18s %-9s %s\n", line.Name, how(line), line.Title)
		if line.Why != "" {
			fmt.Fprintf(out, "%-18s %-9s > %s\n", "", "", speech.In(a.lang).Problem(line.Why))
		}
		for _, s := range line.Stands {
			fmt.Fprintf(out, "%-18s %-9s stands: %s\n", "", "", s)
		}
	}
	if asJSON {
		return st.print(out)
	}
	return nil
}

// ownLines are the labs of the user's own that stand: where their folders are, and so what
// they are called and need, nobody knows here. able is as in labLine.
func (a *app) ownLines(able error, standing []lab.Stand) (lines []labLine) {
	for _, s := range standing { // by name
		if slices.Contains(labs.Names(), s.Lab) {
			continue
		}
		if n := len(lines); n == 0 || lines[n-1].Name != s.Lab {
			own := labLine{Schema: "nfscope/lab/1", Name: s.Lab, Title: speech.In(a.lang).OwnLab()}
			own.can(able)
			lines = append(lines, own)
		}
		l := &lines[len(lines)-1]
		l.Stands = append(l.Stands, s.String())
	}
	return lines
}

// labLine says of a lab whether it can run here, and where it stands; able is why no lab
// can, nil where labs can.
func (a *app) labLine(l *lab.Lab, able error, standing []lab.Stand) labLine {
	line := labLine{Schema: "nfscope/lab/1", Name: l.Name, Title: l.Title.In(a.lang), Stands: []string{}}
	_, err := l.Recording()
	line.Recorded = err == nil
	if err = able; err == nil {
		err = lab.Lacks(l)
	}
	line.can(err)
	for _, s := range standing {
		if s.Lab == l.Name {
			line.Stands = append(line.Stands, s.String())
		}
	}
	return line
}

// can says whether it can run live here; err is why not.
func (l *labLine) can(err error) {
	if l.Live = err == nil; err != nil {
		l.Why = err.Error()
	}
}

func how(l labLine) string {
	switch {
	case l.Live:
		return "live"
	case l.Recorded:
		return "recorded"
	}
	return "not here"
}

// canRunLabs says why no lab at all can run live here; nil where labs can.
func canRunLabs() error {
	if lab.Privileged() {
		return nil
	}
	return lab.CanUserns()
}
