package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"nfscope/trace/guard"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// tracer is a running `nfscope trace` that has armed, and its guard.
type tracer struct {
	cmd   *exec.Cmd
	said  *bufio.Reader
	guard int
	held  int
}

func startTracer(t *testing.T, ns *netns.Handle, method string) *tracer {
	t.Helper()
	tr := &tracer{cmd: exec.Command("nfscope", "--netns", ns.Name(), "trace", "--method", method, "--for", "10m", "udp")}
	stderr, err := tr.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.cmd.Process.Kill(); _ = tr.cmd.Wait() })
	tr.said = bufio.NewReader(stderr)
	for said := ""; !strings.Contains(said, "tracing udp"); {
		line, err := tr.said.ReadString('\n')
		if said += line; err != nil {
			t.Fatalf("it did not arm: %s", said)
		}
	}
	if tr.guard, tr.held, err = tr.note(); err != nil || tr.held == 0 {
		t.Fatalf("armed, and the guard holds %d changes: %v", tr.held, err)
	}
	return tr
}

// notes are the files that tell what the guard of this run holds.
func (tr *tracer) notes() []string {
	list, _ := filepath.Glob(filepath.Join(guard.Dir, strconv.Itoa(tr.cmd.Process.Pid)+"-*.json"))
	return list
}

// note reads who guards this run, and how much.
func (tr *tracer) note() (pid, held int, err error) {
	list := tr.notes()
	if len(list) != 1 {
		return 0, 0, fmt.Errorf("notes %q, want one", list)
	}
	b, err := os.ReadFile(list[0])
	if err != nil {
		return 0, 0, err
	}
	var n struct {
		By   struct{ PID int }
		Held []json.RawMessage
	}
	err = json.Unmarshal(b, &n)
	return n.By.PID, len(n.Held), err
}

// another kills the guard and waits for the next one to hold what it held.
func (tr *tracer) another(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(tr.guard, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "another guard", func() error {
		pid, held, err := tr.note()
		if err == nil && (pid == tr.guard || held != tr.held) {
			err = fmt.Errorf("guard %d holds %d changes, guard %d held %d", pid, held, tr.guard, tr.held)
		}
		return err
	})
}

// killBoth leaves nobody to clean up.
func (tr *tracer) killBoth(t *testing.T) {
	t.Helper()
	// A stopped guard cannot act on the death that it would hear of.
	nettest.Stop(t, tr.guard)
	err := tr.cmd.Process.Kill()
	_ = tr.cmd.Wait()
	if err := errors.Join(err, syscall.Kill(tr.guard, syscall.SIGKILL)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the guard's end", func() error {
		if syscall.Kill(tr.guard, 0) == nil {
			return errors.New("it is there")
		}
		return nil
	})
}

func guarded(t *testing.T) (ns *netns.Handle, before string) {
	t.Helper()
	nettest.Kernel(t, "iptables-legacy-restore", "ip6tables-legacy-restore", "nft", "sh")
	ns = nettest.New(t, "host")
	for _, c := range []string{"iptables-legacy-restore", "ip6tables-legacy-restore"} {
		nettest.Feed(t, ns, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n", c)
	}
	return ns, tidy(world(t, ns))
}

// TestGuardKilled kills the guard of a trace. Another takes over, so that nothing is
// left when nfscope is killed too, and no note when it ends by itself.
func TestGuardKilled(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"owner", "raw"} {
		for name, end := range map[string]os.Signal{"kill -9": os.Kill, "ctrl-C": os.Interrupt} {
			t.Run(method+" "+name, func(t *testing.T) {
				t.Parallel()
				ns, before := guarded(t)
				tr := startTracer(t, ns, method)
				tr.another(t)
				if err := tr.cmd.Process.Signal(end); err != nil {
					t.Fatal(err)
				}
				rest := new(bytes.Buffer)
				_, _ = io.Copy(rest, tr.said)
				_ = tr.cmd.Wait()
				if end == os.Interrupt && tr.cmd.ProcessState.ExitCode() != exitInterrupted {
					t.Errorf("exit status %d: %s", tr.cmd.ProcessState.ExitCode(), rest)
				}
				waitFor(t, "the namespace to be as it was", func() error {
					if after := tidy(world(t, ns)); after != before {
						return fmt.Errorf("before:\n%s\nafter:\n%s", before, after)
					}
					if list := tr.notes(); len(list) != 0 {
						return fmt.Errorf("notes stay: %q", list)
					}
					return nil
				})
			})
		}
	}
}

// sweeping is held by a test that runs `clean`, and by one whose dead must not be swept.
var sweeping sync.Mutex

// TestNextRunPutsBack kills nfscope and its guard. What they leave does not pass for
// the host's own: the next trace puts it back first, and clean does at any time.
func TestNextRunPutsBack(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"owner", "raw"} {
		for _, next := range []string{"trace", "clean"} {
			t.Run(method+" "+next, func(t *testing.T) {
				t.Parallel()
				ns, before := guarded(t)
				old := strings.TrimSpace(nettest.Run(t, ns, "cat", "/proc/sys/net/netfilter/nf_log/2"))
				// `clean` sweeps the host's dead, whoever's they are: between a death and
				// what puts it right no other test may sweep.
				sweeping.Lock()
				defer sweeping.Unlock()
				tr := startTracer(t, ns, method)
				tr.killBoth(t)
				if tidy(world(t, ns)) == before {
					t.Fatal("nothing was left: there is nothing to prove")
				}
				args := []string{"--netns", ns.Name(), "clean"}
				if next == "trace" {
					args = []string{"--netns", ns.Name(), "trace", "--for", "300ms", "tcp"}
				}
				out, err := exec.Command("nfscope", args...).CombinedOutput()
				if err != nil {
					t.Errorf("%v: %s", err, out)
				}
				if after := tidy(world(t, ns)); after != before {
					t.Errorf("before:\n%s\nafter:\n%s", before, after)
				}
				if list := tr.notes(); len(list) != 0 {
					t.Errorf("notes stay: %q", list)
				}
				want := fmt.Sprintf("set the sysctl net.netfilter.nf_log.2 in namespace %s back to %s, which the dead process %d had set to nfnetlink_log\n", ns.Name(), old, tr.cmd.Process.Pid)
				if !strings.Contains(string(out), want) {
					t.Errorf("it says\n%swant\n%s", out, want)
				}
			})
		}
	}
}
