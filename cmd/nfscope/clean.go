package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"nfscope/trace/arm"
	"nfscope/trace/guard"
	"nfscope/trace/lab"
)

func (a *app) cleanCommand() *cobra.Command {
	return &cobra.Command{
		Use: "clean", Short: "Remove whatever a killed run may have left", Args: cobra.NoArgs,
		Long: "Remove what a killed nfscope may have left: sysctls and TRACE rules it had set, tables\n" +
			"it had made, the namespaces of its labs. What belongs to a running nfscope stays.",
		RunE: func(*cobra.Command, []string) error { return a.clean() },
	}
}

func (a *app) clean() error {
	ns, err := a.open()
	if err != nil {
		return err
	}
	if err := needAdmin("cleaning up"); err != nil {
		return err
	}
	var did []string // a sentence for each thing done
	var errs []error
	for _, sweep := range []func() ([]string, error){
		guard.Sweep,
		func() ([]string, error) { return arm.Sweep(ns) },
		sweepLabs,
	} {
		sentences, err := sweep()
		did = append(did, sentences...)
		errs = append(errs, err)
	}
	for _, s := range did {
		fmt.Fprintln(a.objects(false), s)
	}
	err = errors.Join(errs...)
	if len(did) == 0 && err == nil {
		fmt.Fprintln(a.objects(false), "nothing was left to remove")
	}
	return err
}

func sweepLabs() (did []string, err error) {
	names, err := lab.Sweep()
	for _, n := range names {
		did = append(did, "removed the network namespace "+n+", which the lab of a killed nfscope had made")
	}
	return did, err
}
