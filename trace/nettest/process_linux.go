package nettest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Stop stops a process, and returns when all its threads stand: until the signal has reached
// one of them the others go on.
func Stop(t testing.TB, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(InVain); ; <-again.C {
		moving, err := moving(pid)
		if err != nil {
			t.Fatal(err)
		}
		if moving == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d does not stop: %s", pid, moving)
		}
	}
}

// moving gives what /proc says of a thread that is not stopped, "" where there is none.
func moving(pid int) (string, error) {
	list, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("process %d is gone", pid)
	}
	if err != nil {
		return "", err
	}
	for _, name := range list {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		if behind := bytes.LastIndexByte(b, ')'); behind < 0 || !bytes.HasPrefix(b[behind:], []byte(") T ")) {
			return string(b), nil
		}
	}
	return "", nil
}

// Program writes a program for a test to start. Nothing is forked meanwhile: a program that a
// parallel test is just starting would hold a copy of the file, open for writing, until its
// exec, and what is written to is not started (ETXTBSY).
func Program(t testing.TB, path string, data []byte) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
}

// Nobody is an ordinary user without any right.
const Nobody = 65534

// ForAll copies a program to where everybody may run it, and gives its path there: a test's
// own directories are closed to others.
func ForAll(t testing.TB, program string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nfs-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	data, err := os.ReadFile(program)
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "nfscope")
	Program(t, to, data)
	if err := os.Chmod(to, 0o755); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	return to
}

// AsNobody makes a command that runs a program (ForAll) as Nobody; it dies with the
// test, whose own goroutine starts it. It skips where this kernel lets an ordinary user make no
// user namespace, which unshare(1) knows.
func AsNobody(t testing.TB, program string, args ...string) *exec.Cmd {
	t.Helper()
	Kernel(t, "unshare")
	who := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: Nobody, Gid: Nobody}}
	probe := exec.Command("unshare", "-Urnm", "true")
	probe.SysProcAttr = who
	if out, err := probe.CombinedOutput(); err != nil {
		Skip(t, "an ordinary user can make no user namespace here: "+string(out))
	}
	runtime.LockOSThread() // the kernel sends Pdeathsig when the thread that forked ends
	t.Cleanup(runtime.UnlockOSThread)
	cmd := exec.Command(program, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who.Credential, Pdeathsig: syscall.SIGKILL}
	cmd.Env = []string{"HOME=/", "LANG=C.UTF-8", "PATH=/usr/bin:/bin"}
	return cmd
}

// Interruptible lets the processes that a test starts be interrupted, also where the tests
// themselves were started in the background of a shell without job control: it ignores SIGINT
// there, and what is ignored stays so over exec (signal(7)).
func Interruptible() {
	if signal.Ignored(os.Interrupt) {
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	}
}
