package guard

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Arg {
		Main()
	}
	if os.Getenv("GUARD_TEST_CHILD") != "" {
		if err := child(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

const sysctl = "net/netfilter/nf_log/2"

// child changes things as nfscope would, says so, and waits to be killed.
func child() error {
	dir, name, file := os.Getenv("GUARD_TEST_DIR"), os.Getenv("GUARD_TEST_NS"), os.Getenv("GUARD_TEST_FILE")
	ns, err := netns.Open(name)
	if err != nil {
		return err
	}
	if strings.HasPrefix(os.Getenv("GUARD_TEST_CHILD"), "unnamed") {
		if err := netns.Delete(name); err != nil {
			return err
		}
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	g, err := startIn(exe, dir)
	if err != nil {
		return err
	}
	undo := []string{"iptables-legacy", "-w", "5", "-t", "filter", "-D", "INPUT", "-m", "comment", "--comment", "nfscope:test", "-j", "ACCEPT"}
	_, e1 := g.Sysctl(ns, sysctl, "NONE", "nfnetlink_log")
	_, e2 := g.Iptables(ns, undo...)
	_, e3 := g.Remove(file)
	_, e4 := g.Netns(name + "-more")
	if err := errors.Join(e1, e2, e3, e4); err != nil {
		return err
	}
	add := append([]string{}, undo[1:]...)
	add[4] = "-A"
	if err := ns.Do(func() error {
		if err := os.WriteFile("/proc/sys/"+sysctl, []byte("nfnetlink_log"), 0); err != nil {
			return err
		}
		if out, err := exec.Command(undo[0], add...).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return os.WriteFile(file, nil, 0o600)
	}); err != nil {
		return err
	}
	more, err := netns.Create(name + "-more")
	if err != nil {
		return err
	}
	defer more.Close()
	if os.Getenv("GUARD_TEST_CHILD") == "program" {
		program := exec.Command("head", "-n", "1")
		program.Stdin = os.Stdin
		if err := program.Start(); err != nil {
			return err
		}
		fmt.Println("ready", g.PID())
		return program.Wait()
	}
	fmt.Println("ready", g.PID())
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	panic("the test wants it so")
}

// victim is a child that has changed things, and what it changed.
type victim struct {
	cmd        *exec.Cmd
	guard      int
	watch      int // pidfd of the guard
	stdin      interface{ Write([]byte) (int, error) }
	ns         *netns.Handle
	dir, file  string
	name, mode string
}

func newVictim(t *testing.T, mode string) *victim {
	t.Helper()
	nettest.Kernel(t, "iptables-legacy")
	tmp := t.TempDir()
	v := &victim{dir: filepath.Join(tmp, "run"), file: filepath.Join(tmp, "file"), mode: mode,
		name: fmt.Sprintf("nfs-guard-%d-%s", os.Getpid(), mode)}
	var err error
	if v.ns, err = netns.Create(v.name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = v.ns.Close()
		if !strings.HasPrefix(mode, "unnamed") {
			_ = netns.Delete(v.name)
		}
		_ = netns.Delete(v.name + "-more")
	})
	v.cmd = exec.Command(os.Args[0])
	v.cmd.Env = append(os.Environ(), "GUARD_TEST_CHILD="+mode, "GUARD_TEST_DIR="+v.dir, "GUARD_TEST_NS="+v.name, "GUARD_TEST_FILE="+v.file)
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if v.stdin, err = v.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.cmd.Process.Kill(); _ = v.cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	pid, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if err != nil || !ok {
		t.Fatalf("the child says %q, %v", line, err)
	}
	if v.guard, err = strconv.Atoi(pid); err != nil {
		t.Fatal(err)
	}
	if v.watch, err = unix.PidfdOpen(v.guard, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(v.watch) })
	v.expect(t, true)
	return v
}

// guardEnds waits for the guard's end.
func (v *victim) guardEnds(t *testing.T) {
	t.Helper()
	begin := time.Now()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(v.watch), Events: unix.POLLIN}}, int(nettest.InVain.Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n != 1 {
			t.Fatalf("the guard lives on: %d, %v", n, err)
		}
		t.Logf("the guard ended after %s", time.Since(begin))
		return
	}
}

// expect checks that all changes are there, or that none is.
func (v *victim) expect(t *testing.T, there bool) {
	t.Helper()
	var value []byte
	nettest.Do(t, v.ns, func() (err error) {
		value, err = os.ReadFile("/proc/sys/" + sysctl)
		return err
	})
	want := map[bool]string{true: "nfnetlink_log", false: "NONE"}[there]
	if got := strings.TrimSpace(string(value)); got != want {
		t.Errorf("the sysctl holds %q, want %q", got, want)
	}
	rules := nettest.Run(t, v.ns, "iptables-legacy", "-S", "INPUT")
	if got := strings.Contains(rules, "nfscope:test"); got != there {
		t.Errorf("the rule is there: %v, want %v: %s", got, there, rules)
	}
	for what, path := range map[string]string{"file": v.file, "namespace": "/var/run/netns/" + v.name + "-more"} {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) == there {
			t.Errorf("the %s: %v, want it there: %v", what, err, there)
		}
	}
	notes, _ := filepath.Glob(filepath.Join(v.dir, "*"))
	if (len(notes) == 1) != there || len(notes) > 1 {
		t.Errorf("notes %q, want one: %v", notes, there)
	}
}

func TestGuardUndoesWhatADeadProcessLeft(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"kill", "term", "panic", "unnamed"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, mode)
			var err error
			switch mode {
			case "panic":
				_, err = v.stdin.Write([]byte("\n"))
			case "term":
				err = v.cmd.Process.Signal(syscall.SIGTERM)
			default:
				err = v.cmd.Process.Kill()
			}
			if err != nil {
				t.Fatal(err)
			}
			v.guardEnds(t)
			v.expect(t, false)
		})
	}
}

// TestStruckGuard: a signal that was meant for all of a process group meets the guard before
// it has left the group; another one is started.
func TestStruckGuard(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	real, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(dir, "exe")
	nettest.Program(t, exe, fmt.Appendf(nil, "#!/bin/sh\n[ -e %[1]s/once ] || { touch %[1]s/once; kill -TERM $$; }\nexec %[2]s \"$@\"\n", dir, real))
	g, err := startIn(exe, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	nettest.Program(t, exe, []byte("#!/bin/sh\nkill -TERM $$\n"))
	if _, err := startIn(exe, t.TempDir()); err == nil || !strings.Contains(err.Error(), "a signal ended it as it began (terminated)") || errors.Is(err, syscall.EPIPE) {
		t.Errorf("%v", err)
	}
}

// TestNoGuard: a program that answers something else is not taken for a guard, nor its end, which
// we made, for a signal's.
func TestNoGuard(t *testing.T) {
	t.Parallel()
	exe := filepath.Join(t.TempDir(), "exe")
	for answer, want := range map[string]string{
		"x":                  `the guard answers "x"`,
		`{\"id\":5}`:         "the guard answers for 5, asked was 0",
		`{\"error\":\"no\"}`: ": no",
	} {
		nettest.Program(t, exe, []byte("#!/bin/sh\nprintf %s \""+answer+"\" >&0\nexec sleep 600\n"))
		if _, err := startIn(exe, t.TempDir()); err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, errStruck) {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

// TestReplacedWithoutTheProgram: the program's file may be gone when another guard is needed.
func TestReplacedWithoutTheProgram(t *testing.T) {
	t.Parallel()
	real, err := os.Executable()
	exe := filepath.Join(t.TempDir(), "exe")
	if err = errors.Join(err, os.Symlink(real, exe)); err != nil {
		t.Fatal(err)
	}
	g, err := startIn(exe, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	first := g.PID()
	if err := errors.Join(os.Remove(exe), syscall.Kill(first, syscall.SIGKILL)); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Remove(exe); err != nil || g.PID() == first || g.PID() == 0 {
		t.Errorf("the guard is %d, was %d: %v", g.PID(), first, err)
	}
}

// TestProgramsHoldTheGuard: a program that we started keeps the guard from undoing where we are
// killed, what it makes is made first; where we end in order it keeps nobody.
func TestProgramsHoldTheGuard(t *testing.T) {
	t.Parallel()
	t.Run("end", func(t *testing.T) {
		t.Parallel()
		g, _ := start(t)
		cat := exec.Command("cat")
		in, err := cat.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cat.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = in.Close(); _ = cat.Wait() })
		closed := make(chan error, 1)
		go func() { closed <- g.Close() }()
		select {
		case err := <-closed:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(nettest.InVain):
			t.Error("it waits for the program")
		}
	})
	t.Run("kill", func(t *testing.T) {
		t.Parallel()
		v := newVictim(t, "program")
		if err := v.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if state, err := v.cmd.Process.Wait(); err != nil {
			t.Fatal(state, err)
		}
		// Its time to do it wrong: one that does it right never ends here.
		if n, err := unix.Poll([]unix.PollFd{{Fd: int32(v.watch), Events: unix.POLLIN}}, 100); n != 0 && !errors.Is(err, unix.EINTR) {
			t.Fatalf("the guard has ended: %d, %v", n, err)
		}
		v.expect(t, true)
		if _, err := v.stdin.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
		v.guardEnds(t)
		v.expect(t, false)
	})
}

// A ctrl-C goes to the whole foreground group, a SIGTERM of a service manager to all
// its processes: the guard must outlive both.
func TestGuardOutlivesSignals(t *testing.T) {
	t.Parallel()
	v := newVictim(t, "signals")
	if sid, err := unix.Getsid(v.guard); err != nil || sid != v.guard {
		t.Errorf("the guard's session is %d, %v, not its own", sid, err)
	}
	g, _ := start(t)
	pid := g.PID()
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE, syscall.SIGTSTP} {
		if err := errors.Join(syscall.Kill(v.guard, s), syscall.Kill(pid, s)); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Remove(filepath.Join(t.TempDir(), "none")); err != nil || g.PID() != pid {
			t.Errorf("%v: the guard is %d, was %d: %v", s, g.PID(), pid, err)
			pid = g.PID()
		}
	}
	if err := v.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	v.guardEnds(t)
	v.expect(t, false)
}

func TestSweepFinishesAfterBothWereKilled(t *testing.T) {
	t.Parallel()
	v := newVictim(t, "both")
	if list, err := leftovers(v.dir, nil); err != nil || len(list) != 0 {
		t.Errorf("of living processes: %v, %v", list, err)
	}
	nettest.Stop(t, v.guard)
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait()
	if err := syscall.Kill(v.guard, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	v.guardEnds(t)
	v.expect(t, true)
	list, err := leftovers(v.dir, nil)
	if err != nil || len(list) != 1 || len(list[0].Entries) != 4 || list[0].PID != v.cmd.Process.Pid {
		t.Fatalf("leftovers %+v, %v", list, err)
	}
	did, err := sweep(v.dir, nil)
	if err != nil || len(did) != 4 {
		t.Errorf("sweep did %q, %v", did, err)
	}
	v.expect(t, false)
	if did, err := sweep(v.dir, nil); err != nil || len(did) != 0 {
		t.Errorf("a second sweep did %q, %v", did, err)
	}
}

func start(t *testing.T) (*Guard, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	g, err := startIn(os.Args[0], dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g, dir
}

// TestNotesComeAndGo: who writes a note is not disturbed by others that remove theirs, and with
// the last one the directory.
func TestNotesComeAndGo(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	var all sync.WaitGroup
	for pid := range 4 {
		all.Go(func() {
			n := newNote(dir, pid)
			for range 500 {
				if err := errors.Join(n.write(ledger{{}}), n.remove()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// TestNoteOfNoDirectory: where none can be made that is tried again, with pauses, for in use
// another may be at work there, and then said.
func TestNoteOfNoDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.Symlink("nowhere", dir); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { // its clock moves only where somebody waits
		began := time.Now()
		if err := newNote(dir, 1).write(ledger{{}}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("written into a directory that is none: %v", err)
		}
		if took := time.Since(began); took != 19*time.Millisecond { // between twenty tries
			t.Errorf("it gave up after %s", took)
		}
	})
}

func TestCloseUndoesWhatIsLeftAndKeepsWhatIsUndone(t *testing.T) {
	t.Parallel()
	g, dir := start(t)
	tmp := t.TempDir()
	one, two := filepath.Join(tmp, "1"), filepath.Join(tmp, "2")
	id, err := g.Remove(one)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Remove(two); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{one, two} {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(g.Undone(id), g.Close(), g.Close()); err != nil {
		t.Error(err)
	}
	_, err1 := os.Stat(one)
	_, err2 := os.Stat(two)
	if err1 != nil || !errors.Is(err2, fs.ErrNotExist) {
		t.Errorf("the file undone by us: %v; the other: %v", err1, err2)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the guard's directory stays: %v", err)
	}
	if _, err := g.Remove(one); err == nil {
		t.Error("a closed guard takes work")
	}
}

func TestSysctlOfSomebodyElseStays(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	ns := nettest.New(t, "guard")
	before := nettest.Run(t, ns, "cat", "/proc/sys/"+sysctl)
	g, _ := start(t)
	if _, err := g.Sysctl(ns, sysctl, "nfnetlink_log", "something else"); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if got := nettest.Run(t, ns, "cat", "/proc/sys/"+sysctl); got != before {
		t.Errorf("the sysctl holds %q, held %q", got, before)
	}
}

func TestGuardRefuses(t *testing.T) {
	t.Parallel()
	g, dir := start(t)
	first := g.PID()
	_, e1 := g.Iptables(nil, "rm", "-rf", "x")
	_, e2 := g.Remove("relative")
	_, e3 := g.Netns("../x")
	_, e4 := g.Sysctl(nil, "../../etc/passwd", "", "")
	for i, err := range []error{e1, e2, e3, e4} {
		if err == nil {
			t.Errorf("entry %d is taken", i)
		}
	}
	if pid, err := g.PID(), g.Err(); pid != first || err != nil {
		t.Errorf("the guard is %d, was %d: %v: who refuses is not dead", pid, first, err)
	}
	if _, err := Start("/bin/true"); err == nil {
		t.Error("/bin/true is a guard")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(dir, "1-1.json")
	if err := os.WriteFile(bad, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sweep(dir, nil); err == nil || !strings.Contains(err.Error(), bad) {
		t.Errorf("a broken note: %v", err)
	}
	if err := os.WriteFile(bad, []byte(`{"held":[{"kind":"remove","path":"/tmp/x"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(bad, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := sweep(dir, nil); err == nil || !strings.Contains(err.Error(), "by hand") {
		t.Errorf("a note that anybody can write: %v", err)
	}
	var none *Guard
	if id, err := none.Netns("x"); id != 0 || err != nil || none.Undone(0) != nil || none.Close() != nil || none.PID() != 0 {
		t.Error("a nil guard is in the way")
	}
}
