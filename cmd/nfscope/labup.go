package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"nfscope/trace/lab"
)

func (a *app) labUpCommand() *cobra.Command {
	var o labFlags
	c := &cobra.Command{
		Use: "up LAB", Short: "Build a lab and leave it standing, until lab down", Args: cobra.ExactArgs(1),
		Long: "Build a lab and leave it standing: a process in the background keeps its network and\n" +
			"its services, until lab down. No steps run and nothing is traced.",
		RunE: func(_ *cobra.Command, args []string) error { return a.labUp(args[0], o) },
	}
	o.backendFlag(c)
	return c
}

// labHoldCommand is the process in the background. Its first argument is the lab's name,
// by which lab down knows it, the second what the user called the lab.
func (a *app) labHoldCommand() *cobra.Command {
	var o labFlags
	c := &cobra.Command{
		Use: lab.Hold + " NAME LAB", Hidden: true, Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			switch ran, status, err := lab.EnterUserns(os.Args[1:]); {
			case err != nil:
				return lacking(err)
			case ran: // an ordinary user's lab stands in a user namespace
				return &statusError{status: status}
			}
			l, err := o.find(args[1])
			if err != nil {
				return err
			}
			n, err := a.openLab(l)
			if err != nil {
				return asLacking(err)
			}
			for _, note := range n.Notes() {
				fmt.Fprintln(a.err, "nfscope:", note)
			}
			for _, h := range l.Hosts {
				fmt.Fprintf(a.objects(false), "%-16s %s\n", h.Name, n.Host(h.Name).Name())
			}
			if _, err := fmt.Fprintln(a.objects(false), standsWord); err != nil {
				return err // who wanted it was killed meanwhile: nobody knows of it
			}
			a.live = false // to be ended is what it waits for
			<-a.ctx.Done()
			return nil
		},
	}
	o.backendFlag(c)
	return c
}

// standsWord is the last line of what the process in the background says.
const standsWord = "stands"

// asLacking gives what the host does not have the status of that.
func asLacking(err error) error {
	var m *missing
	if errors.As(err, &m) {
		return lacking(err)
	}
	return err
}

func (a *app) labUp(name string, o labFlags) error {
	l, err := o.find(name)
	if err != nil {
		return err
	}
	if err := canRunLabs(); err != nil {
		return lacking(fmt.Errorf("lab up cannot work here: %w", err))
	}
	standing, err := lab.Standing()
	if err != nil {
		return err
	}
	for _, s := range standing {
		if s.Lab == l.Name && s.Held {
			return fmt.Errorf("lab %s stands already (process %d); `nfscope lab down %s` removes it", l.Name, s.PID, l.Name)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the own program, to keep the lab: %w", err)
	}
	if strings.ContainsRune(name, '/') { // the lab is kept wherever we are
		if name, err = filepath.Abs(name); err != nil {
			return err
		}
	}
	cmd := exec.Command(exe, "lab", lab.Hold, l.Name, name, "--backend="+o.backend)
	background(cmd)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the process that keeps lab %s: %w", l.Name, err)
	}
	stood := make(chan bool, 1)
	var hosts []string
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			if s.Text() == standsWord {
				stood <- true
				return
			}
			hosts = append(hosts, s.Text())
		}
		stood <- false
	}()
	select {
	case ok := <-stood:
		if !ok {
			return a.notHeld(cmd, &errs)
		}
	case <-a.ctx.Done():
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		return errInterrupted
	}
	fmt.Fprintf(a.objects(false), "lab %s stands, kept by process %d:\n\n", l.Name, cmd.Process.Pid)
	for _, h := range hosts {
		fmt.Fprintf(a.objects(false), "  %s\n", h)
	}
	look := "nfscope --netns " + observedName(hosts, l.Observed)
	if !lab.Privileged() { // the names are in its own user namespace
		look = fmt.Sprintf("nfscope lab enter %s %s nfscope", l.Name, l.Observed)
	}
	fmt.Fprintf(a.objects(false), "\n  nfscope lab enter %s %s\n  %s\n  nfscope lab down %s\n", l.Name, l.Observed, look, l.Name)
	return cmd.Process.Release()
}

func observedName(hosts []string, observed string) string {
	for _, h := range hosts {
		if f := strings.Fields(h); len(f) == 2 && f[0] == observed {
			return f[1]
		}
	}
	return observed
}

// notHeld says what the process in the background said before it gave up.
func (a *app) notHeld(cmd *exec.Cmd, errs *bytes.Buffer) error {
	err := cmd.Wait()
	said := strings.TrimPrefix(strings.TrimSpace(errs.String()), "nfscope: ")
	if said == "" {
		said = fmt.Sprint("the process that was to keep the lab ended: ", err)
	}
	return withStatus(max(cmd.ProcessState.ExitCode(), exitError), errors.New(said))
}

func (a *app) labDownCommand() *cobra.Command {
	return &cobra.Command{
		Use: "down LAB", Short: "Remove a lab that lab up has built", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.labDown(args[0]) },
	}
}

func (a *app) labDown(name string) error {
	if strings.ContainsRune(name, '/') || name == "." {
		l, err := findLab(name)
		if err != nil {
			return err
		}
		name = l.Name
	}
	if lab.Privileged() {
		if _, err := lab.Sweep(); err != nil { // what a killed one left goes too
			return err
		}
	}
	standing, err := lab.Standing()
	if err != nil {
		return err
	}
	var other error
	done := false
	for _, s := range standing {
		switch {
		case s.Lab != name:
		case !s.Held:
			other = fmt.Errorf("lab %s is run by process %d; it is removed when that ends", name, s.PID)
		default:
			if err := lab.Release(a.ctx, s); err != nil {
				return err
			}
			done = true
			fmt.Fprintf(a.objects(false), "lab %s is removed\n", name)
		}
	}
	switch {
	case done:
		return nil
	case other != nil:
		return other
	}
	return fmt.Errorf("lab %s does not stand; `nfscope lab list` says which do", name)
}
