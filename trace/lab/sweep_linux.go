package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// runDir is where ip-netns(8) keeps the names.
const runDir = "/run/netns"

// Leftovers names the namespaces of labs whose process is dead: what a killed run left.
// Those of living processes, and those of nfscope's tests, are not among them.
func Leftovers() ([]string, error) {
	names, err := netns.List(prefix)
	if err != nil {
		return nil, fmt.Errorf("look for namespaces that a killed run left: %w", err)
	}
	var dead []string
	for _, name := range names {
		if _, i, _, ok := splitName(name); ok && !alive(i.pid) {
			dead = append(dead, name)
		}
	}
	return dead, nil
}

// alive tells whether a process exists. One that may not be signalled exists too.
func alive(pid int) bool {
	err := unix.Kill(pid, 0)
	return !errors.Is(err, unix.ESRCH)
}

// Sweep removes the Leftovers and names those that it removed.
func Sweep() ([]string, error) {
	names, err := Leftovers()
	if err != nil {
		return nil, err
	}
	var gone []string
	var errs []error
	for _, name := range names {
		if err := remove(name); err != nil {
			errs = append(errs, err)
			continue
		}
		gone = append(gone, name)
	}
	return gone, errors.Join(errs...)
}

// remove deletes a namespace's name. One that is gone is no error, nor is a name
// without a namespace behind it: a process killed in the middle of making one leaves
// that.
func remove(name string) error {
	path := filepath.Join(runDir, name)
	err := unix.Unmount(path, unix.MNT_DETACH)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove network namespace %q: %w", name, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove network namespace %q: %w", name, err)
	}
	return nil
}
