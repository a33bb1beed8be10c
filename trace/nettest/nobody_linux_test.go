package nettest

import (
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A program of AsNobody does not outlive the thread that started it, as where a test panics.
func TestAsNobodyDies(t *testing.T) {
	t.Parallel()
	Kernel(t, "unshare", "sleep")
	var cmd *exec.Cmd
	onThread(func() {
		cmd = AsNobody(t, "/bin/sleep", "60")
		if err := cmd.Start(); err != nil {
			t.Error(err)
		}
	})
	if t.Failed() || cmd == nil {
		return
	}
	_ = cmd.Wait()
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != unix.SIGKILL {
		t.Errorf("it ended by itself: %v", cmd.ProcessState)
	}
}

// onThread runs f on a thread that ends with it. The process's first one never does.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			onThread(f)
			runtime.UnlockOSThread()
			return
		}
		f()
	}()
	<-done
}
