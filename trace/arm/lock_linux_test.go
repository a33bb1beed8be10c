package arm_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/arm"
	"nfscope/trace/guard"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// locked is a child whose iptables has a lock of its own, notes how it is called and, where a
// pipe is there, says on it that it counts and never ends.
const locked = "locked"

const iptablesNoting = `#!/bin/sh
echo "$@" >> "$ARM_TEST_DIR/calls"
case "$*" in *" -L "*) if [ -p "$ARM_TEST_DIR/counts" ]; then echo > "$ARM_TEST_DIR/counts"; exec sleep 3600; fi; esac
exec "$ARM_TEST_IPTABLES" "$@"
`

// armLocked arms, and counts where another has the lock, and ends while a count is under way.
func armLocked(ns *netns.Handle) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	g, err := guard.Start(exe)
	if err != nil {
		return err
	}
	a, err := arm.Arm(context.Background(), ns, arm.Options{Method: arm.MethodRaw, Guard: g, For: time.Hour})
	if err != nil {
		return err
	}
	lock, err := os.OpenFile(os.Getenv("XTABLES_LOCKFILE"), os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	_, _, err = a.Held(context.Background())
	fmt.Println("locked:", err)
	if err := lock.Close(); err != nil {
		return err
	}
	_, _, err = a.Held(context.Background())
	fmt.Println("free:", err)

	pipe := filepath.Join(os.Getenv("ARM_TEST_DIR"), "counts")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		return err
	}
	held := make(chan error)
	go func() {
		_, _, err := a.Held(context.Background())
		held <- err
	}()
	_, err = os.ReadFile(pipe)
	if err := errors.Join(err, os.Remove(pipe)); err != nil {
		return err
	}
	fmt.Println("counting:", a.State().Armed)
	err = a.Close()
	fmt.Println("closed:", err, a.State().Armed)
	fmt.Println("count:", (<-held) != nil)
	return g.Close()
}

// TestLocked: a count does not wait long for the lock of iptables, nobody waits for a count, and
// what traces is taken out before the last.
func TestLocked(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy", "ip6tables-legacy")
	ns, dir := nettest.New(t, "locked"), t.TempDir()
	real, err := exec.LookPath("iptables-legacy")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "iptables-legacy"), []byte(iptablesNoting), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), nettest.InVain)
	defer stop()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), "ARM_TEST_CHILD="+locked, "ARM_TEST_NS="+ns.Name(), "ARM_TEST_DIR="+dir, "ARM_TEST_IPTABLES="+real,
		"PATH="+dir+":"+os.Getenv("PATH"), "XTABLES_LOCKFILE="+filepath.Join(dir, "lock"))
	out, _ := cmd.Output() // a child never ends well
	waited, rest, _ := strings.Cut(string(out), "\nfree: ")
	if !strings.HasPrefix(waited, "locked: counters of chain nfscope_") || !strings.Contains(waited, "waiting after 1s") ||
		!strings.HasPrefix(rest, "<nil>\ncounting: true\nclosed: <nil> false\ncount: true\n") {
		t.Errorf("it says\n%s", out)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	last, jump, flushed := -1, -1, -1
	for i, l := range strings.Split(string(calls), "\n") {
		switch {
		case strings.Contains(l, " -L nfscope_"):
			last = i
		case strings.Contains(l, " -D "):
			jump = i
		case strings.Contains(l, "-F nfscope_"):
			flushed = i
		}
	}
	if jump < 0 || last < jump || flushed < last {
		t.Errorf("the rules went at %d, the last count was at %d, the chain went at %d:\n%s", jump, last, flushed, calls)
	}
}
