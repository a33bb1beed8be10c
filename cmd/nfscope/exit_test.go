package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

// TestStatusOf: which exit status an error leads to, wherever it comes from, and whether it
// is said.
func TestStatusOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		said   bool
	}{
		{nil, exitDone, false},
		{errors.New("x"), exitError, true},
		{usagef("x"), exitUsage, true},
		{lacking(errors.New("x")), exitPrivilege, true},
		{fmt.Errorf("the kernel refuses: %w", fs.ErrPermission), exitPrivilege, true},
		{fmt.Errorf("nf_conntrack is not in this kernel: %w", errors.ErrUnsupported), exitPrivilege, true},
		{withStatus(exitDropped, errors.New("x")), exitDropped, true},
		{&statusError{status: exitDropped}, exitDropped, false},
		{fmt.Errorf("stopped: %w", errInterrupted), exitInterrupted, false},
		{fmt.Errorf("stopped: %w", context.Canceled), exitInterrupted, false},
		{errLeft, exitDone, false},
	} {
		var said bytes.Buffer
		if got := report(&said, c.err); got != c.status || said.Len() > 0 != c.said {
			t.Errorf("%v: status %d, expected %d, and %q is said", c.err, got, c.status, said.String())
		}
	}
}
