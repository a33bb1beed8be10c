package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// newNoteOf writes a note of changes that two processes made.
func newNoteOf(t *testing.T, dir string, of, by Process, held ...Entry) string {
	t.Helper()
	b, err := json.Marshal(note{Of: of, By: by, Held: held})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "1-1.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// dead is a process that has ended.
func dead() Process {
	p := Self()
	p.Start += "0"
	return p
}

// TestLeftoversOfTheDead: as long as the process or its guard lives, or may live, what they
// hold is left alone.
func TestLeftoversOfTheDead(t *testing.T) {
	t.Parallel()
	alive, dead, unknown := Self(), dead(), Self()
	unknown.Space++
	for _, c := range []struct {
		of, by Process
		n      int
		err    string
	}{
		{dead, dead, 1, ""},
		{alive, dead, 0, ""},
		{dead, alive, 0, ""},
		{alive, unknown, 0, ""},
		{dead, unknown, 0, "may be alive"},
		{unknown, dead, 0, "may be alive"},
	} {
		dir := t.TempDir()
		newNoteOf(t, dir, c.of, c.by, Entry{Kind: KindRemove, Path: filepath.Join(dir, "x")})
		list, err := leftovers(dir, nil)
		if len(list) != c.n || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("of a process %v and its guard %v: %d notes, %v", c.of.Life(), c.by.Life(), len(list), err)
		}
	}
}

// TestNoteOfSomebodyElse: what is no file, or not this user's, is not done.
func TestNoteOfSomebodyElse(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	for what, change := range map[string]func(path string) error{
		"another user's": func(path string) error { return os.Chown(path, 1, 0) },
		"a directory":    func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "file")
		path := newNoteOf(t, dir, dead(), dead(), Entry{Kind: KindRemove, Path: file})
		if err := errors.Join(os.WriteFile(file, nil, 0o600), change(path)); err != nil {
			t.Fatal(err)
		}
		if did, err := sweep(dir, nil); len(did) > 0 || err == nil || !strings.Contains(err.Error(), "by hand") {
			t.Errorf("%s: it did %q, %v", what, did, err)
		}
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestHalfANote: what a guard left that was killed while it wrote goes with the note, and so
// the directory goes.
func TestHalfANote(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	n := newNote(dir, os.Getpid())
	if err := errors.Join(n.write(ledger{{}}), os.WriteFile(n.path+".new", nil, 0o600), n.remove()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory stays: %v", err)
	}
}

// TestSweepsAtOnce: who comes second waits for the first, and leaves alone what stands in the
// note's place by then.
func TestSweepsAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	entry := Entry{Kind: KindRemove, Path: file}
	path := newNoteOf(t, dir, dead(), dead(), entry)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := leftovers(dir, nil)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	first, err := lockNote(path)
	if err != nil || first == nil {
		t.Fatal(first, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(first.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	type result struct {
		did []string
		err error
	}
	second := make(chan result, 1)
	go func() {
		did, err := list[0].sweep(dir, nil)
		second <- result{did, err}
	}()
	until(t, "the second to wait", func() bool {
		locks, err := os.ReadFile("/proc/locks")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(locks)) {
			if strings.Contains(line, "-> FLOCK") && strings.Contains(line, fmt.Sprintf(":%d ", st.Ino)) {
				return true
			}
		}
		return len(second) > 0
	})
	if len(second) > 0 {
		t.Fatal("the second did not wait")
	}
	if err := os.Rename(path, path+".first"); err != nil {
		t.Fatal(err)
	}
	newNoteOf(t, dir, dead(), dead(), entry)
	_ = first.Close()
	if r := <-second; len(r.did) > 0 || r.err != nil {
		t.Errorf("the second did %q, %v", r.did, r.err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

// TestFind: a namespace is found under its name, under another, and by a process in it; one
// that only has the name of what is gone is another.
func TestFind(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	named := nettest.New(t, "guard")
	id, err := identify(named)
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := netns.Create(fmt.Sprintf("nfs-find-%d", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	defer hidden.Close()
	idHidden, err := identify(hidden)
	if err = errors.Join(err, netns.Delete(hidden.Name())); err != nil {
		t.Fatal(err)
	}
	find := func(what string, id Namespace, want *netns.Handle) {
		t.Helper()
		h, gone, err := find(&id)
		if err != nil || gone != (want == nil) || want != nil && !h.Same(want) {
			t.Errorf("%s: %v, gone %v, %v", what, h, gone, err)
		}
		if h != nil {
			_ = h.Close()
		}
	}
	find("by its name", *id, named)
	find("by another name", Namespace{Name: "nfs-was", Dev: id.Dev, Ino: id.Ino}, named)
	find("another of its name", Namespace{Name: id.Name, Dev: id.Dev, Ino: idHidden.Ino}, nil)
	find("by a path", Namespace{Name: "/proc/self/fd/" + strconv.Itoa(hidden.Fd()), Dev: idHidden.Dev, Ino: idHidden.Ino}, hidden)
	find("that nobody has", *idHidden, nil)
	cat := exec.Command("cat")
	in, err := cat.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := hidden.Start(cat); err != nil {
		t.Fatal(err)
	}
	find("by a process", *idHidden, hidden)
	_ = in.Close()
	_ = cat.Wait()
}

// TestSweepOfWhatIsGone: what was in a namespace that is gone is done with, and of what
// somebody else has undone nothing is said.
func TestSweepOfWhatIsGone(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	note := newNoteOf(t, dir, dead(), dead(),
		Entry{Kind: KindRemove, Path: file, NS: &Namespace{Name: "nfs-none", Dev: 1, Ino: 1}},
		Entry{Kind: KindRemove, Path: filepath.Join(dir, "none")})
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if did, err := sweep(dir, nil); err != nil || len(did) != 0 {
		t.Errorf("it did %q, %v", did, err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(note); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the note stays: %v", err)
	}
}

// TestStartOfOddNames: a program's name may look like what stands behind it in /proc/PID/stat.
func TestStartOfOddNames(t *testing.T) {
	t.Parallel()
	odd := filepath.Join(t.TempDir(), "a) S 1")
	cat, err := exec.LookPath("cat")
	if err == nil {
		err = os.Symlink(cat, odd)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(odd)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ours, err1 := strconv.ParseUint(Self().Start, 10, 64)
	its, err2 := strconv.ParseUint(processOf(cmd.Process.Pid).Start, 10, 64)
	if err1 != nil || err2 != nil || its < ours {
		t.Errorf("it started at %d, we did at %d; %v, %v", its, ours, err1, err2)
	}
	_ = in.Close()
	_ = cmd.Wait()
}
