package arm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/nftables"

	"nfscope/trace/netns"
)

// Sweep takes out of a namespace what killed traces have left in it, and says, a
// sentence each, what it took. It touches only what carries our name and the id of a
// process that is dead.
func Sweep(ns *netns.Handle) ([]string, error) {
	did, tables, err := sweepTables(ns)
	errs := []error{err}
	for _, c := range []struct {
		command string
		there   func() bool // listing a legacy table would make it
	}{
		{"iptables-legacy", func() bool { return legacyRaw("ip_tables_names") }},
		{"ip6tables-legacy", func() bool { return legacyRaw("ip6_tables_names") }},
		{"iptables-nft", func() bool { return slices.Contains(tables, nftRaw{nftables.TableFamilyIPv4, "raw"}) }},
		{"ip6tables-nft", func() bool { return slices.Contains(tables, nftRaw{nftables.TableFamilyIPv6, "raw"}) }},
	} {
		err := ns.Do(func() error {
			if !c.there() {
				return nil
			}
			if _, err := exec.LookPath(c.command); err != nil {
				return nil
			}
			more, err := sweepRaw(c.command)
			did = append(did, more...)
			return err
		})
		errs = append(errs, err)
	}
	return did, errors.Join(errs...)
}

// nftRaw names a table of nf_tables.
type nftRaw struct {
	family nftables.TableFamily
	name   string
}

func legacyRaw(names string) bool {
	b, err := os.ReadFile("/proc/thread-self/net/" + names)
	return err == nil && slices.Contains(strings.Fields(string(b)), "raw")
}

var ours = regexp.MustCompile(`^` + Prefix + `([0-9]+)_[0-9]+$`)

// sweepTables deletes our tables that no socket owns; it gives all tables' names.
func sweepTables(ns *netns.Handle) (did []string, all []nftRaw, err error) {
	conn, err := nftables.New(nftables.WithNetNSFd(ns.NetNS()))
	if err != nil {
		return nil, nil, err
	}
	tables, err := conn.ListTables()
	if missing(err) {
		return nil, nil, nil
	}
	for _, t := range tables {
		all = append(all, nftRaw{t.Family, t.Name})
		// An owned table goes with its owner, and nobody else may delete it.
		if m := ours.FindStringSubmatch(t.Name); m == nil || t.Flags&flagOwner != 0 || alive(m[1]) {
			continue
		}
		conn.DelTable(t)
		if e := conn.Flush(); e != nil {
			err = errors.Join(err, fmt.Errorf("delete table %s: %w", t.Name, e))
			continue
		}
		did = append(did, "deleted the nft table "+t.Name)
	}
	return did, all, err
}

// sweepRaw takes our rules and then our chains out of a raw table.
func sweepRaw(command string) (did []string, err error) {
	run := func(args ...string) (string, error) {
		out, err := exec.Command(command, append([]string{"-w", "5", "-t", "raw"}, args...)...).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%s -t raw %s: %w: %s", command, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
		}
		return string(out), err
	}
	text, err := run("-S")
	if err != nil {
		return nil, err
	}
	var rules, chains [][]string
	for _, line := range strings.Split(text, "\n") {
		f := strings.Fields(strings.ReplaceAll(line, `"`, "")) // nothing in our rules needs its quotes
		switch {
		case len(f) == 2 && f[0] == "-N" && deadChain(f[1]):
			chains = append(chains, []string{"-F", f[1]}, []string{"-X", f[1]})
		case len(f) > 2 && f[0] == "-A" && !ours.MatchString(f[1]) && deadRule(f):
			rules = append(rules, append([]string{"-D"}, f[1:]...))
		}
	}
	for _, args := range append(rules, chains...) {
		if _, e := run(args...); e != nil {
			err = errors.Join(err, e)
			continue
		}
		if args[0] != "-F" {
			did = append(did, fmt.Sprintf("ran %s -t raw %s", command, strings.Join(args, " ")))
		}
	}
	return did, err
}

func deadChain(name string) bool {
	m := ours.FindStringSubmatch(name)
	return m != nil && !alive(m[1])
}

func deadRule(fields []string) bool {
	i := slices.Index(fields, "--comment")
	if i < 0 || i+1 == len(fields) {
		return false
	}
	pid, ok := strings.CutPrefix(fields[i+1], comment)
	_, err := strconv.Atoi(pid)
	return ok && err == nil && !alive(pid)
}

// alive reports whether the process is there and may be one of ours: a pid that
// another program uses by now is a dead one.
func alive(pid string) bool {
	exe, err := os.Readlink("/proc/" + pid + "/exe")
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	self, err := os.Executable()
	clean := func(s string) string { return filepath.Base(strings.TrimSuffix(s, " (deleted)")) }
	return err != nil || clean(exe) == clean(self)
}
