// Package kmod tells which parts the running kernel has without asking them: a question to
// one that is not there makes the kernel load its module, and looking must change nothing.
package kmod

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
)

// Kernel is a kernel as its files below a root describe it. The zero value is the one that
// runs.
type Kernel struct{ Root string }

// Loaded reports whether sysfs shows a module: one that is loaded, or is built in and has a
// parameter.
func (k Kernel) Loaded(module string) bool {
	_, err := os.Stat(k.path("sys/module/" + module))
	return err == nil
}

// Has reports whether a module is loaded or built in. It is true of a kernel that loads no
// modules, which may be asked whatever it has. symbol is a function of the module: where no
// list of what is built in is at hand, as in a container, the kernel's names are searched for
// it, which takes some 50 ms; "" for no such search.
func (k Kernel) Has(module, symbol string) bool {
	if k.Loaded(module) {
		return true
	}
	if _, err := os.Stat(k.path("proc/modules")); err != nil {
		return true
	}
	release, _ := os.ReadFile(k.path("proc/sys/kernel/osrelease"))
	if has, err := k.line("lib/modules/"+strings.TrimSpace(string(release))+"/modules.builtin", "/"+module+".ko"); err == nil {
		return has
	}
	if symbol == "" {
		return false
	}
	has, err := k.line("proc/kallsyms", " "+symbol)
	return err == nil && has
}

func (k Kernel) path(name string) string { return filepath.Join("/", k.Root, name) }

// line tells whether a line of a file ends in a text.
func (k Kernel) line(name, text string) (bool, error) {
	f, err := os.Open(k.path(name))
	if err != nil {
		return false, err
	}
	defer f.Close()
	want := []byte(text)
	s := bufio.NewScanner(f)
	for s.Scan() {
		if bytes.HasSuffix(s.Bytes(), want) {
			return true, nil
		}
	}
	return false, s.Err()
}
