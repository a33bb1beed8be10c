package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

var errNoShell = errors.New("no shell with job control started nfscope: nobody could bring it back (q quits)")

// stoppable says why this program must not be stopped by ctrl-Z; nil where it can. The kernel
// stops a group of processes only where somebody outside it, in the same session, is the
// parent of one of them, as a shell with job control is (POSIX: a group that is not orphaned).
// Bubble Tea would wait for ever for who brings it back.
func stoppable() error {
	if signal.Ignored(unix.SIGTSTP) {
		return errNoShell
	}
	session, err := unix.Getsid(0)
	if err != nil {
		return errNoShell
	}
	for id := os.Getppid(); id > 1; id = parent(id) {
		group, err := unix.Getpgid(id)
		if err != nil {
			break
		}
		if group == unix.Getpgrp() { // a script, or sudo
			continue
		}
		if s, err := unix.Getsid(id); err == nil && s == session {
			return nil
		}
		break
	}
	return errNoShell
}

// parent is the process that started another one, 0 where that is not known.
func parent(id int) (of int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
	if err != nil {
		return 0
	}
	var state string
	if _, err := fmt.Sscan(string(text[bytes.LastIndexByte(text, ')')+1:]), &state, &of); err != nil {
		return 0
	}
	return of
}
