package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// process names a process for good: a pid is used again, a pid and its start are not.
type process struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // field 22 of /proc/PID/stat, proc(5)
}

func processOf(pid int) process {
	return process{pid, startOf(pid)}
}

func startOf(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name in parentheses may hold blanks and parentheses itself.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < 20 || f[0] == "Z" {
		return ""
	}
	return f[19]
}

func (p process) alive() bool { return p.Start != "" && startOf(p.PID) == p.Start }

// note is the guard's file of what it holds. Writing it is a best effort: without
// /run nfscope works as well, only Sweep cannot help after two kills.
type note struct {
	path string
	Of   process `json:"of"`
	By   process `json:"by"`
	Held []Entry `json:"held"`
}

func newNote(dir string, pid int) *note {
	of := processOf(pid)
	return &note{path: filepath.Join(dir, strconv.Itoa(pid)+"-"+of.Start+".json"), Of: of, By: processOf(os.Getpid())}
}

func (n *note) write(list []held) {
	if len(list) == 0 {
		n.remove()
		return
	}
	n.Held = nil
	for _, h := range list {
		n.Held = append(n.Held, h.Entry)
	}
	b, err := json.Marshal(n)
	if err != nil || os.MkdirAll(filepath.Dir(n.path), 0o700) != nil {
		return
	}
	if tmp := n.path + ".new"; os.WriteFile(tmp, b, 0o600) == nil {
		_ = os.Rename(tmp, n.path)
	}
}

func (n *note) remove() {
	_ = os.Remove(n.path)
	_ = os.Remove(filepath.Dir(n.path)) // only when it is empty
}

// Leftovers lists what killed processes and their killed guards have left.
func Leftovers() ([]Leftover, error) { return leftovers(Dir) }

func leftovers(dir string) ([]Leftover, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var out []Leftover
	var errs []error
	for _, f := range files {
		n, err := readNote(f)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if !n.Of.alive() && !n.By.alive() {
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
func Sweep() ([]string, error) { return sweep(Dir) }

func sweep(dir string) ([]string, error) {
	list, err := leftovers(dir)
	errs := []error{err}
	var did []string
	for _, l := range list {
		failed := false
		for i := len(l.Entries) - 1; i >= 0; i-- {
			e := l.Entries[i]
			ns, gone, err := find(e.NS)
			if gone {
				continue // what was in it went with it
			}
			if err == nil {
				err = undo(e, ns)
				if ns != nil {
					_ = ns.Close()
				}
			}
			if err != nil {
				failed = true
				errs = append(errs, fmt.Errorf("left by process %d: %s: %w", l.PID, e, err))
				continue
			}
			did = append(did, fmt.Sprintf("undone for process %d: %s", l.PID, e))
		}
		if !failed {
			_ = os.Remove(l.File)
			_ = os.Remove(dir)
		}
	}
	return did, errors.Join(errs...)
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
