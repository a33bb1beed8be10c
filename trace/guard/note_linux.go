package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// note is the file of what the guard holds, or its user where the guard is lost.
// Without /run nfscope works as well, only Sweep cannot help after two kills.
type note struct {
	path string
	Of   Process `json:"of"`
	By   Process `json:"by"`
	Held []Entry `json:"held"`
}

func newNote(dir string, pid int) *note {
	of := processOf(pid)
	return &note{path: filepath.Join(dir, strconv.Itoa(pid)+"-"+of.Start+".json"), Of: of, By: Self()}
}

// write writes the note anew; one of nothing is removed.
func (n *note) write(list ledger) error {
	if len(list) == 0 {
		return n.remove()
	}
	n.Held = nil
	for _, h := range list {
		n.Held = append(n.Held, h.Entry)
	}
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	tmp := n.path + ".new"
	for try := range 20 {
		if try > 0 {
			time.Sleep(time.Millisecond)
		}
		if err = os.MkdirAll(filepath.Dir(n.path), 0o700); err == nil {
			err = os.WriteFile(tmp, b, 0o600)
		}
		// Between two steps another, who has removed the last note, may remove the directory.
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp, n.path)
}

func (n *note) remove() error {
	_ = os.Remove(n.path + ".new") // a guard killed while it wrote
	err := os.Remove(n.path)
	_ = os.Remove(filepath.Dir(n.path)) // only when it is empty
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Leftovers lists what killed processes and their killed guards have left.
func Leftovers() ([]Leftover, error) { return leftovers(Dir, nil) }

// leftovers lists those with an entry that which chooses, nil for all.
func leftovers(dir string, which func(Entry) bool) ([]Leftover, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var out []Leftover
	var errs []error
	for _, f := range files {
		n, err := readNote(f)
		if err != nil {
			if which == nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
			continue
		}
		if which != nil && !slices.ContainsFunc(n.Held, which) {
			continue
		}
		switch of, by := n.Of.Life(), n.By.Life(); {
		case of == Alive || by == Alive:
		case of == Unknown || by == Unknown:
			errs = append(errs, fmt.Errorf("%s stays: process %d, which wrote it, is of another pid namespace and may be alive; where it is not, run `nfscope clean` there or remove the file", f, n.Of.PID))
		default:
			out = append(out, Leftover{File: f, PID: n.Of.PID, Entries: n.Held})
		}
	}
	return out, errors.Join(errs...)
}

// readNote reads a note, which must be ours: what it says will be done.
func readNote(path string) (*note, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || !st.Mode().IsRegular() || int(sys.Uid) != os.Geteuid() || st.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("%s is not a file that nfscope wrote as this user: look at it and remove it by hand", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var n note
	if err := json.Unmarshal(b, &n); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &n, nil
}

// Sweep undoes all Leftovers and says, a sentence each, what it did.
func Sweep() ([]string, error) { return sweep(Dir, nil) }

// SweepIn undoes the Leftovers in one namespace and says, a sentence each, what it
// did. Who is about to change something there calls it first: what a killed process
// left must not pass for the state that is to come back.
func SweepIn(ns *netns.Handle) ([]string, error) { return sweepIn(Dir, ns) }

func sweepIn(dir string, ns *netns.Handle) ([]string, error) {
	only, err := identify(ns)
	if err != nil {
		return nil, err
	}
	return sweep(dir, func(e Entry) bool {
		return e.NS != nil && e.NS.Dev == only.Dev && e.NS.Ino == only.Ino
	})
}

// sweep undoes the leftovers that which chooses, nil for all.
func sweep(dir string, which func(Entry) bool) ([]string, error) {
	list, err := leftovers(dir, which)
	errs := []error{err}
	var did []string
	for _, l := range list {
		said, err := l.sweep(dir, which)
		did = append(did, said...)
		errs = append(errs, err)
	}
	return did, errors.Join(errs...)
}

func (l Leftover) sweep(dir string, which func(Entry) bool) (did []string, err error) {
	// Two that sweep at once: the second must not undo what the first, done with it,
	// is about to change again.
	lock, err := lockNote(l.File)
	if lock == nil {
		return nil, err
	}
	defer lock.Close()
	var errs []error
	var left ledger
	for i := len(l.Entries) - 1; i >= 0; i-- {
		e := l.Entries[i]
		if which != nil && !which(e) {
			left = append(ledger{{Entry: e}}, left...)
			continue
		}
		ns, gone, err := find(e.NS)
		if gone {
			continue // what was in it went with it
		}
		there := false
		if err == nil {
			there, err = undo(e, ns)
			if ns != nil {
				_ = ns.Close()
			}
		}
		switch {
		case err != nil:
			left = append(ledger{{Entry: e}}, left...)
			errs = append(errs, fmt.Errorf("left by process %d: %s: %w", l.PID, e, err))
		case there:
			did = append(did, e.undone(l.PID))
		}
	}
	if len(left) == len(l.Entries) {
		return did, errors.Join(errs...)
	}
	n, err := readNote(l.File)
	if err == nil {
		n.path = l.File
		err = n.write(left)
	}
	return did, errors.Join(append(errs, err)...)
}

// lockNote locks a note that is still there; nil without an error where it is not.
func lockNote(path string) (*os.File, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	here, err1 := f.Stat()
	there, err2 := os.Stat(path)
	if err1 != nil || err2 != nil || !os.SameFile(here, there) {
		_ = f.Close() // another has swept it meanwhile
		return nil, nil
	}
	return f, nil
}

func identify(ns *netns.Handle) (*Namespace, error) {
	var st unix.Stat_t
	if err := unix.Fstat(ns.Fd(), &st); err != nil {
		return nil, fmt.Errorf("stat network namespace %q: %w", ns.Name(), err)
	}
	return &Namespace{Name: ns.Name(), Dev: uint64(st.Dev), Ino: st.Ino}, nil
}

// find opens a namespace again: under its name, under any other name, or through a
// process that lives in it. gone is true where there is none.
func find(id *Namespace) (h *netns.Handle, gone bool, err error) {
	if id == nil {
		return nil, false, nil
	}
	candidates := []string{id.Name, "/proc/1/ns/net"}
	named, err := netns.List("")
	if err != nil {
		return nil, false, err
	}
	candidates = append(candidates, named...)
	procs, err := filepath.Glob("/proc/[0-9]*/ns/net")
	if err != nil {
		return nil, false, err
	}
	for _, c := range append(candidates, procs...) {
		h, err := netns.Open(c)
		if err != nil {
			continue // a process of another user, or one that just ended
		}
		if got, err := identify(h); err == nil && got.Dev == id.Dev && got.Ino == id.Ino {
			return h, false, nil
		}
		_ = h.Close()
	}
	return nil, true, nil
}
