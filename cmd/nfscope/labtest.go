package main

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"nfscope/docs/labs"
	"nfscope/trace/lab"
	"nfscope/trace/lab/prove"
)

func (a *app) labTestCommand() *cobra.Command {
	var o labFlags
	c := &cobra.Command{
		Use: "test LAB...", Short: "Run labs without a screen and check all that they state", Args: cobra.MinimumNArgs(1),
		Long: "Run labs without a screen and hold what they state against the trace, conntrack, the\n" +
			"counters and what the senders heard, in each backend that they are for. all is every\n" +
			"lab that comes with nfscope.",
		Example: "  nfscope lab test all\n  nfscope lab test ./my-lab",
		RunE:    func(_ *cobra.Command, args []string) error { return a.labTest(args, o) },
	}
	o.backendFlag(c)
	return c
}

func (a *app) labTest(names []string, o labFlags) error {
	if slices.Contains(names, "all") {
		names = labs.Names()
	}
	var list []*lab.Lab
	for _, name := range names {
		l, err := o.find(name)
		if err != nil {
			return err
		}
		list = append(list, l)
	}
	switch ran, status, err := lab.EnterUserns(os.Args[1:]); {
	case err != nil:
		return lacking(fmt.Errorf("labs cannot run here: %w", err))
	case ran:
		return &statusError{status: status}
	}
	bad := 0
	for _, l := range list {
		backends := l.InBackends()
		first := backends[0]
		if o.backend != "" { // it is that one's already
			backends = []string{o.backend}
		}
		for _, b := range backends {
			ok, err := a.labProof(l.With(first, b), b)
			if err != nil {
				return err
			}
			if !ok {
				bad++
			}
		}
	}
	if bad > 0 {
		return &statusError{status: exitError}
	}
	return nil
}

// labProof runs one lab and prints what became of it.
func (a *app) labProof(l *lab.Lab, backend string) (ok bool, err error) {
	start := time.Now()
	n, err := a.openLab(l)
	if err != nil {
		return false, asLacking(err)
	}
	seen, err := prove.Run(a.ctx, n, a.guard, a.logger)
	if err != nil {
		if a.ctx.Err() != nil {
			return false, errInterrupted
		}
		return false, fmt.Errorf("lab %s: %w", l.Name, err)
	}
	if err := n.Down(); err != nil {
		return false, err
	}
	word := "ok"
	if len(seen.Failures) > 0 {
		word = "FAIL"
	}
	fmt.Fprintf(a.objects(false), "%-4s %s (%s): %s, %s, %s\n", word, l.Name, backend, plural(uint64(len(seen.Results)), "step"),
		plural(uint64(len(seen.Journeys)), "packet"), time.Since(start).Round(10*time.Millisecond))
	for _, note := range append(n.Notes(), seen.Problems...) {
		fmt.Fprintf(a.objects(false), "     ! %s\n", note)
	}
	for _, f := range seen.Failures {
		fmt.Fprintf(a.objects(false), "     %s\n", f)
	}
	return len(seen.Failures) == 0, nil
}
