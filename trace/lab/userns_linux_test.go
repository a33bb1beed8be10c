package lab

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/nettest"
)

// asNobody makes a command that runs this test binary as an ordinary user.
func asNobody(t *testing.T, role string, env ...string) *exec.Cmd {
	t.Helper()
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := nettest.AsNobody(t, nettest.ForAll(t, exe), "an argument")
	cmd.Env = append(append(cmd.Env, childEnv+"="+role), env...)
	return cmd
}

// TestUserns: an ordinary user builds and plays labs, in a user namespace. Package prove does
// it with all of them.
func TestUserns(t *testing.T) {
	t.Parallel()
	cmd := asNobody(t, "userns")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Run()
	t.Logf("after %v:\n%s", time.Since(start).Round(time.Millisecond), &out)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 42 {
		t.Fatalf("%v; expected the status of the inner process, 42", err)
	}
	for _, want := range []string{"uid 0 args [an argument]\n", "close-the-door played 3\n", "gateway played 8\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it did not say %q", want)
		}
	}
}

// TestUsernsSignals: SIGTERM reaches the inner process, and kill -9 of the outer one
// takes it along.
func TestUsernsSignals(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{unix.SIGTERM, unix.SIGKILL} {
		cmd := asNobody(t, "userns", "NFSCOPE_LAB_WAIT=1")
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		out := bufio.NewReader(pipe)
		first, _ := out.ReadString('\n')
		line, _ := out.ReadString('\n')
		pid, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "pid ")))
		if err != nil || pid == cmd.Process.Pid {
			_ = cmd.Process.Kill()
			t.Fatalf("%q %q: no inner process", first, line)
		}
		_ = cmd.Process.Signal(sig)
		// The pipe ends when the last process that holds it is gone.
		ended := make(chan struct{})
		go func() { _, _ = io.Copy(io.Discard, out); close(ended) }()
		select {
		case <-ended:
		case <-time.After(nettest.InVain):
			_ = unix.Kill(pid, unix.SIGKILL)
			t.Errorf("%v of the outer process: the inner one lives on", sig)
		}
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); sig == unix.SIGTERM && code != 128+15 {
			t.Errorf("exit status %d, expected 143", code)
		}
	}
}

// TestMarker: the marker in the environment of a privileged process does not make it
// cover /run.
func TestMarker(t *testing.T) {
	nettest.Kernel(t)
	mnt, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"", "1", "1 mnt:[1]", strconv.Itoa(os.Getppid()) + " " + mnt} {
		t.Setenv(marker, v)
		if inside, err := settle(); inside || err != nil {
			t.Fatalf("%q: %v, %v", v, inside, err)
		}
		if _, set := os.LookupEnv(marker); set {
			t.Errorf("%q: the marker is still set for children", v)
		}
	}
}
