// Nfscope is an oscilloscope for netfilter: it shows tables and chains with their
// counters, connections with their NAT, and the rule that a packet hit.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"nfscope/trace/guard"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == guard.Arg {
		guard.Main()
		return
	}
	os.Exit(run(nil))
}

// run carries out the command line and gives the exit status. Everything is cleaned
// up when it returns, whatever happened. with, if not nil, makes the app another: tests do.
func run(with func(*app)) (status int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// A closed stdout is an error of write like any other, so that clean-up runs.
	signal.Ignore(syscall.SIGPIPE)
	out := &output{file: os.Stdout}
	a := &app{ctx: ctx, in: os.Stdin, out: out, err: shown{os.Stderr}}
	if with != nil {
		with(a)
	}
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "nfscope: a defect: %v\n", p)
			a.close()
			panic(p)
		}
	}()
	begin := time.Now()
	c, err := a.command().ExecuteContextC(ctx)
	a.close()
	if err == nil {
		err = a.failed
	}
	if err == nil {
		err = out.failed()
	}
	if err == nil && ctx.Err() != nil && a.live {
		err = errInterrupted
	}
	if interrupted(err) && !out.began() && inJSON(c) {
		err = errors.Join(err, (&stats{start: begin}).print(out))
	}
	return report(shown{os.Stderr}, err)
}

// inJSON reports whether a command was asked for a --json stream, whose last line is
// nfscope/stats/1 whenever it ends.
func inJSON(c *cobra.Command) bool {
	f := c.Flags().Lookup("json")
	return f != nil && f.Value.String() == "true"
}
