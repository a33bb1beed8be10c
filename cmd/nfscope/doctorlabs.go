package main

import (
	"fmt"
	"strings"

	"nfscope/docs/labs"
	"nfscope/trace/lab"
	"nfscope/trace/probe"
)

// labsHere says how many of the labs can run live here, and why the others cannot.
func labsHere() probe.Finding {
	f := probe.Finding{Feature: "live labs", State: probe.Works}
	names := labs.Names()
	if err := canRunLabs(); err != nil {
		f.State, f.Says, f.Fix = probe.Off, fmt.Sprintf("none of %d: %v", len(names), err), "nfscope demo LAB --recorded"
		return f
	}
	var not []string
	for _, name := range names {
		l, err := lab.Load(labs.FS, name)
		if err == nil {
			err = lab.Lacks(l)
		}
		if err != nil {
			not = append(not, name+" cannot: "+err.Error())
		}
	}
	f.Says = fmt.Sprintf("%d of %d can run here", len(names)-len(not), len(names))
	if len(not) > 0 {
		f.State, f.Says, f.Fix = probe.Missing, f.Says+"; "+strings.Join(not, "; "), "nfscope demo LAB --recorded"
	}
	return f
}
