package sets

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// modules tells what the kernel has without asking for it: a netlink message to a
// subsystem that is not there makes the kernel load a module (nfnetlink.c,
// request_module). root is "/".
type modules struct{ root string }

// ipset is true where ip_set is there. It has a parameter, so that sysfs shows it also
// where it is built in.
func (m modules) ipset() bool { return m.exists("sys/module/ip_set") }

// nfTables is true where nf_tables is there, and where nobody can tell but it cannot be
// loaded either. It has no parameter: built in, only lists of what the kernel is made of
// show it.
func (m modules) nfTables() bool {
	return m.exists("sys/module/nf_tables") || // loaded
		!m.exists("proc/modules") || // a kernel without modules
		m.has("lib/modules/"+release()+"/modules.builtin", "/nf_tables.ko") ||
		m.has("proc/kallsyms", " nft_do_chain")
}

func (m modules) exists(path string) bool {
	_, err := os.Stat(filepath.Join(m.root, path))
	return err == nil
}

// has tells whether a line of a file holds a text.
func (m modules) has(path, text string) bool {
	f, err := os.Open(filepath.Join(m.root, path))
	if err != nil {
		return false
	}
	defer f.Close()
	want := []byte(text)
	for s := bufio.NewScanner(f); s.Scan(); {
		if bytes.Contains(s.Bytes(), want) {
			return true
		}
	}
	return false
}

// release is uname -r.
func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	s, _, _ := strings.Cut(string(u.Release[:]), "\x00")
	return s
}
