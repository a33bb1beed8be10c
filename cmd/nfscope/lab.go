package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"nfscope/docs/labs"
	"nfscope/trace/lab"
)

// labFlags are what the commands of a lab have in common.
type labFlags struct {
	backend string
	demo    demoFlags
}

func (a *app) labCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "lab", Short: "Build small networks, and watch, enter and test them",
		Long: "Build a lab's network in namespaces of its own, and run it, stay in it or test it. A lab\n" +
			"is one of those that come with nfscope, or a folder of your own in the same form\n" +
			"(docs/labs). Nothing of a lab is ever in this host's own network.",
		Example: "  nfscope lab list\n  nfscope lab run snat\n  nfscope lab run ./my-lab\n  nfscope lab up snat; nfscope lab enter snat gateway; nfscope lab down snat",
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef("lab: there is no %q; expected list, up, run, enter, down or test", args[0])
		}
		if !a.terminal() {
			return c.Help()
		}
		switch ran, status, err := lab.EnterUserns(os.Args[1:]); {
		case ran:
			return &statusError{status: status}
		case err != nil: // recordings can be watched all the same
		}
		return a.lessons(nil, "Labs")
	}
	c.Args = cobra.ArbitraryArgs
	c.AddCommand(a.labListCommand(), a.labRunCommand(), a.labUpCommand(), a.labHoldCommand(), a.labEnterCommand(), a.labDownCommand(), a.labTestCommand())
	for _, s := range c.Commands() {
		s.Args = usageArgs(s.Args)
		s.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return labs.Names(), cobra.ShellCompDirectiveDefault
		}
	}
	return c
}

func (o *labFlags) backendFlag(c *cobra.Command) {
	c.Flags().StringVar(&o.backend, "backend", "", "load iptables rules with `iptables-legacy` or iptables-nft (default as the lab says)")
}

// findLab reads a lab: a name is one that comes with nfscope, a path a folder of the user's.
func findLab(name string) (*lab.Lab, error) {
	if name == "." || name == ".." || strings.ContainsAny(name, `/\`) || filepath.IsAbs(name) {
		l, err := lab.LoadFolder(name)
		return l, usage(err)
	}
	if !slices.Contains(labs.Names(), name) {
		return nil, usagef("there is no lab %q; there are %s, and ./%s would be a folder of your own", name, strings.Join(labs.Names(), ", "), name)
	}
	return lab.Load(labs.FS, name)
}

// find reads the lab with the backend that was asked for.
func (o *labFlags) find(name string) (*lab.Lab, error) {
	l, err := findLab(name)
	if err != nil {
		return nil, err
	}
	can := l.InBackends()
	switch {
	case o.backend == "":
		return l, nil
	case o.backend != "iptables-legacy" && o.backend != "iptables-nft":
		return nil, usagef("--backend %q: expected iptables-legacy or iptables-nft", o.backend)
	case !slices.Contains(can, o.backend):
		return nil, usagef("--backend %s: lab %s is for %s", o.backend, l.Name, strings.Join(can, " and "))
	}
	return l.With(can[0], o.backend), nil
}

func (a *app) labRunCommand() *cobra.Command {
	var o labFlags
	c := &cobra.Command{
		Use: "run LAB", Short: "Build a lab, run its steps and show it, then remove it", Args: cobra.ExactArgs(1),
		Long: "Build a lab, arm its trace, run its steps and show them; the lab is removed at the end.\n" +
			"Where it cannot run here its recording is played, if it has one.",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := o.demo.check("lab run"); err != nil {
				return err
			}
			l, err := o.find(args[0])
			if err != nil {
				return err
			}
			o.demo.page, o.demo.step = "Labs", o.demo.step || !o.demo.plain && a.terminal()
			return a.demo(l, o.demo)
		},
	}
	o.backendFlag(c)
	o.demo.add(c)
	return c
}

// open builds a lab for the command's own time. Its errors say what is missing here.
func (a *app) openLab(l *lab.Lab) (*lab.Network, error) {
	a.live = true
	g, err := a.startGuard()
	if err != nil {
		return nil, err
	}
	if _, err := lab.Sweep(); err != nil {
		fmt.Fprintln(a.err, "nfscope:", err)
	}
	if err := lab.Lacks(l); err != nil {
		return nil, &missing{fmt.Errorf("lab %s: %w", l.Name, err)}
	}
	n, err := lab.Up(a.ctx, l, registrar{g})
	var place *lab.RulesError
	switch {
	case a.ctx.Err() != nil:
		return nil, errInterrupted
	case errors.As(err, &place) && place.Line > 0 && l.Own(): // the lab is wrong, not the host
		return nil, usage(err)
	case err != nil:
		return nil, &missing{err}
	}
	a.later(func() {
		if err := n.Down(); err != nil && a.failed == nil {
			a.failed = err
		}
	})
	n.Lang = a.lang
	return n, nil
}
