package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"nfscope/trace/lab"
)

func (a *app) labEnterCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "enter LAB HOST [COMMAND...]", Short: "Open a shell in a host of a lab that stands, or run a command there", Args: cobra.MinimumNArgs(2),
		Example: "  nfscope lab enter snat gateway\n  nfscope lab enter snat gateway -- conntrack -L",
		RunE:    func(_ *cobra.Command, args []string) error { return a.labEnter(args[0], args[1], args[2:]) },
	}
	c.Flags().SetInterspersed(false) // what stands behind the host is the command's own
	return c
}

func (a *app) labEnter(name, host string, command []string) error {
	if strings.ContainsRune(name, '/') || name == "." {
		l, err := findLab(name)
		if err != nil {
			return err
		}
		name = l.Name
	}
	s, err := theStanding(name)
	if err != nil {
		return err
	}
	if s.Hosts[host] == "" {
		return usagef("lab %s has no host %q; there are %s", name, host, strings.Join(slices.Sorted(maps.Keys(s.Hosts)), ", "))
	}
	if s.Apart() { // there the user is root, and uses root's programs
		if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin"); err != nil {
			return err
		}
	}
	if len(command) > 0 && command[0] == "--" {
		command = command[1:]
	}
	if len(command) == 0 {
		shell := os.Getenv("SHELL")
		if _, err := exec.LookPath(shell); err != nil {
			shell = "/bin/sh"
		}
		command = []string{shell}
		fmt.Fprintf(a.err, "nfscope: this is %s of lab %s; exit leads back\n", host, name)
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return usagef("there is no command %q", command[0])
	}
	// bash takes its prompt from its own files; sh takes this one.
	env := append(os.Environ(), "NFSCOPE_LAB="+name, "NFSCOPE_HOST="+host, "PS1="+host+"# ")
	if !s.Apart() {
		if err := needAdmin("entering a lab of root's"); err != nil {
			return err
		}
	}
	return s.Exec(host, path, command, env)
}

// theStanding finds the one lab of that name that stands.
func theStanding(name string) (lab.Stand, error) {
	standing, err := lab.Standing()
	if err != nil {
		return lab.Stand{}, err
	}
	var found, held []lab.Stand
	for _, s := range standing {
		if s.Lab == name {
			found = append(found, s)
			if s.Held {
				held = append(held, s)
			}
		}
	}
	switch {
	case len(held) == 1: // one that was built to be entered goes before those that run by
		return held[0], nil
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return lab.Stand{}, fmt.Errorf("lab %s does not stand; `nfscope lab up %s` builds it", name, name)
	}
	return lab.Stand{}, fmt.Errorf("lab %s stands %d times; `nfscope lab list` names their namespaces, and `ip netns exec NAMESPACE sh` enters one", name, len(found))
}
