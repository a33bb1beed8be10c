package main

import (
	"os/exec"
	"syscall"
)

// background takes a command out of our session, so that the terminal's signals and its
// end do not reach it.
func background(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
