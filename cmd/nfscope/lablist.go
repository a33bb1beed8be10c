package main

import (
	"encoding/json"
	"fmt"
	"strings"
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
	enc, st := json.NewEncoder(a.out), stats{start: time.Now()}
	for _, name := range labs.Names() {
		l, err := lab.Load(labs.FS, name)
		if err != nil {
			return err
		}
		line := a.labLine(l, able, standing)
		if asJSON {
			if err := enc.Encode(line); err != nil {
				return err
			}
			st.events++
			continue
		}
		fmt.Fprintf(a.out, "%-18s %-9s %s\n", name, how(line), line.Title)
		if line.Why != "" {
			fmt.Fprintf(a.out, "%-18s %-9s > %s\n", "", "", speech.In(a.lang).Problem(line.Why))
		}
		for _, s := range line.Stands {
			fmt.Fprintf(a.out, "%-18s %-9s stands: %s\n", "", "", s)
		}
	}
	if asJSON {
		return st.print(a.out)
	}
	for _, s := range standing { // the user's own
		if !isName(s.Lab) {
			fmt.Fprintf(a.out, "%-18s %-9s stands: %s\n", s.Lab, "your own", s)
		}
	}
	return nil
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
	if line.Live = err == nil; !line.Live {
		line.Why = err.Error()
	}
	for _, s := range standing {
		if s.Lab == l.Name {
			line.Stands = append(line.Stands, s.String())
		}
	}
	return line
}

func isName(name string) bool {
	return strings.Contains(" "+strings.Join(labs.Names(), " ")+" ", " "+name+" ")
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
