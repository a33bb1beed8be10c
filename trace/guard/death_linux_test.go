package guard

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/nettest"
)

// until waits for a moment that ok sees.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(nettest.InVain)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		<-tick.C
	}
}

// A guard that is killed is replaced, and the next one holds all that it held: then
// kill -9 of the process leaves nothing.
func TestDeadGuardIsReplaced(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"replaced", "unnamed-replaced"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, mode)
			for round := range 2 {
				if err := syscall.Kill(v.guard, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				v.guardEnds(t)
				until(t, "another guard", func() bool {
					notes, _ := filepath.Glob(filepath.Join(v.dir, "*.json"))
					if len(notes) != 1 {
						return false
					}
					n, err := readNote(notes[0])
					if err != nil || n.By.PID == v.guard || len(n.Held) != 4 {
						return false
					}
					v.guard = n.By.PID
					return true
				})
				_ = unix.Close(v.watch)
				var err error
				if v.watch, err = unix.PidfdOpen(v.guard, 0); err != nil {
					t.Fatal(round, err)
				}
			}
			v.expect(t, true)
			if err := v.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			v.guardEnds(t)
			v.expect(t, false)
		})
	}
}

// A request that finds the guard dead is carried out all the same, by the next one.
func TestRequestSurvivesTheGuard(t *testing.T) {
	t.Parallel()
	g, dir := start(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	first := g.PID()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Remove(file); err != nil {
		t.Fatal(err)
	}
	if g.PID() == first || g.PID() == 0 {
		t.Errorf("the guard is %d, was %d", g.PID(), first)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	for _, path := range []string{file, dir} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s stays: %v", path, err)
		}
	}
}

// Where no other guard starts, the Guard says so, takes nothing more, keeps the note
// for Sweep, and cleans up itself at the end.
func TestLostGuard(t *testing.T) {
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
	if err := os.WriteFile(two, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	select {
	case <-g.Lost():
		t.Fatal("lost while the guard lives")
	default:
	}
	g.mu.Lock()
	g.starts = mostStarts
	g.mu.Unlock()
	if err := syscall.Kill(g.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-g.Lost():
	case <-time.After(nettest.InVain):
		t.Fatal("nobody noticed the death of the guard")
	}
	if err := g.Err(); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("it is lost because of %v", err)
	}
	path := g.note().path
	if n, err := readNote(path); err != nil || len(n.Held) != 2 || n.By != Self() {
		t.Errorf("note %+v, %v", n, err)
	}
	if _, err := g.Remove(filepath.Join(tmp, "3")); err == nil {
		t.Error("a lost guard takes work")
	}
	if err := g.Undone(id); err != nil {
		t.Error(err)
	}
	if n, err := readNote(path); err != nil || len(n.Held) != 1 || n.Held[0].Path != two || n.By != Self() {
		t.Errorf("note %+v, %v", n, err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	for _, path := range []string{two, dir} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s stays: %v", path, err)
		}
	}
}

// SweepIn brings back what a killed process had changed in one namespace, and leaves
// the rest to Sweep.
func TestSweepIn(t *testing.T) {
	t.Parallel()
	v := newVictim(t, "sweepin")
	other := nettest.New(t, "guard")
	nettest.Stop(t, v.guard)
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait()
	if err := syscall.Kill(v.guard, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	v.guardEnds(t)
	if did, err := sweepIn(v.dir, other); err != nil || len(did) != 0 {
		t.Errorf("in another namespace it did %q, %v", did, err)
	}
	v.expect(t, true)
	did, err := sweepIn(v.dir, v.ns)
	if err != nil || len(did) != 2 || !strings.Contains(did[1], "set the sysctl net.netfilter.nf_log.2 in namespace "+v.name+" back to NONE, which the dead process") {
		t.Errorf("it did %q, %v", did, err)
	}
	if now := strings.TrimSpace(nettest.Run(t, v.ns, "cat", "/proc/sys/"+sysctl)); now != "NONE" {
		t.Errorf("the sysctl holds %s", now)
	}
	if did, err := sweep(v.dir, nil); err != nil || len(did) != 2 {
		t.Errorf("the rest: %q, %v", did, err)
	}
	v.expect(t, false)
}

// A process of another pid namespace cannot be looked at: what it left may be in use.
func TestLife(t *testing.T) {
	t.Parallel()
	self := Self()
	again, err := ParseProcess(self.String())
	if err != nil || again != self {
		t.Errorf("%s reads as %+v, %v", self, again, err)
	}
	for _, c := range []struct {
		p    Process
		want Life
	}{
		{self, Alive},
		{Process{self.PID, self.Start + "0", self.Space}, Dead},
		{Process{self.PID, self.Start, self.Space + 1}, Unknown},
		{Process{PID: self.PID}, Unknown},
	} {
		if got := c.p.Life(); got != c.want {
			t.Errorf("%v: %v, want %v", c.p, got, c.want)
		}
	}
	for _, bad := range []string{"", "1", "1.2", "1.2.3.4", "a.2.3", "1.b.3", "1.2.c", "-1.2.3", "1.2.-3"} {
		if p, err := ParseProcess(bad); err == nil {
			t.Errorf("%q is %v", bad, p)
		}
	}
}
