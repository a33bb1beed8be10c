package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"nfscope/trace/probe"
)

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "doctor", Short: "Say what works here, and what would make the rest work", Args: cobra.NoArgs,
		Long: "Say for each feature whether it works here, and if not what is missing and the command\n" +
			"that gives it. What must be tried is tried in a namespace of its own.",
		RunE: func(*cobra.Command, []string) error { return a.doctor(asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print nfscope/doctor/1 objects, one a line")
	return c
}

func (a *app) doctor(asJSON bool) error {
	ns, err := a.open()
	if err != nil {
		return err
	}
	s := stats{start: time.Now()}
	findings := append(probe.Run(a.ctx, ns), labsHere())
	if a.ctx.Err() != nil { // what was not tried any more is no finding
		return errInterrupted
	}
	out := a.objects(asJSON)
	enc := json.NewEncoder(out)
	for _, f := range findings {
		if asJSON {
			if err := enc.Encode(struct {
				Schema string `json:"schema"`
				probe.Finding
			}{"nfscope/doctor/1", f}); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintf(out, "%-8s %-28s %s\n", f.State, f.Feature, f.Says); err != nil {
			return err
		}
		if f.Fix != "" {
			if _, err := fmt.Fprintf(out, "%-8s %-28s > %s\n", "", "", f.Fix); err != nil {
				return err
			}
		}
	}
	if asJSON {
		return s.print(out)
	}
	return nil
}
