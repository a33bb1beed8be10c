package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// The exit statuses of docs/cli.md.
const (
	exitDone        = 0
	exitError       = 1
	exitUsage       = 2
	exitPrivilege   = 3
	exitDropped     = 4
	exitInterrupted = 130
)

// statusError is an error with the exit status it leads to. Without an error there is
// nothing to say: it was said already.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

// usage marks an error as the user's: a bad flag, filter, file or packet.
func usage(err error) error { return withStatus(exitUsage, err) }

func usagef(format string, a ...any) error { return usage(fmt.Errorf(format, a...)) }

// lacking marks an error as a missing privilege or kernel feature.
func lacking(err error) error { return withStatus(exitPrivilege, err) }

func withStatus(status int, err error) error {
	if err == nil {
		return nil
	}
	return &statusError{status, err}
}

// errInterrupted ends a command that the user stopped; everything is cleaned up.
var errInterrupted = errors.New("interrupted")

// interrupted reports whether a command ended because the user stopped it.
func interrupted(err error) bool {
	return errors.Is(err, errInterrupted) || errors.Is(err, context.Canceled)
}

// report prints an error where there is something to say, and gives the status.
func report(w io.Writer, err error) int {
	var s *statusError
	switch {
	case err == nil:
		return exitDone
	case interrupted(err):
		return exitInterrupted
	case errors.Is(err, errLeft):
		return exitDone
	case errors.As(err, &s) && s.err == nil:
		return s.status
	case errors.As(err, &s):
		fmt.Fprintln(w, "nfscope:", s.err)
		return s.status
	case errors.Is(err, os.ErrPermission), errors.Is(err, errors.ErrUnsupported):
		fmt.Fprintln(w, "nfscope:", err)
		return exitPrivilege
	}
	fmt.Fprintln(w, "nfscope:", err)
	return exitError
}
