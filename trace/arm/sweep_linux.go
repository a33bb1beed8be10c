package arm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/nftables"

	"nfscope/trace/guard"
	"nfscope/trace/netns"
)

// Sweep takes out of a namespace what killed traces have left in it, and says, a
// sentence each, what it took. It touches only what carries our name and the id of a
// process that is dead; what may belong to a living one stays, and the error says so.
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

// sweepTables deletes our tables that no socket owns; it gives all tables' names. No
// trace lives in such a table: it is a copy, from a ruleset that was saved and loaded.
func sweepTables(ns *netns.Handle) (did []string, all []nftRaw, err error) {
	conn, err := open(ns)
	if missing(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = conn.CloseLasting() }()
	tables, err := conn.ListTables()
	if missing(err) {
		return nil, nil, nil
	}
	for _, t := range tables {
		all = append(all, nftRaw{t.Family, t.Name})
		// An owned table goes with its owner, and nobody else may delete it.
		m := ours.FindStringSubmatch(t.Name)
		if m == nil || tableFlags(t)&flagOwner != 0 {
			continue
		}
		if exists(m[1]) {
			err = errors.Join(err, fmt.Errorf("the nft table %s stays, since there is a process %s; if that is no nfscope, `nft delete table` takes it out", t.Name, m[1]))
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

// sweepRaw takes the rules of dead processes and then their chains out of a raw table.
func sweepRaw(command string) (did []string, err error) {
	run := func(args ...string) (string, error) {
		out, err := exec.Command(command, append([]string{"-w", strconv.Itoa(lockWait), "-t", "raw"}, args...)...).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%s -t raw %s: %w: %s", command, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
		}
		return string(out), err
	}
	text, err := run("-S")
	if err != nil {
		return nil, err
	}
	rules, chains, errs := pickDead(command, text)
	for _, r := range rules {
		if _, err := run(append([]string{"-D"}, r...)...); err != nil {
			errs = append(errs, err)
			continue
		}
		did = append(did, fmt.Sprintf("took a rule of a dead nfscope out of the raw table (%s): -A %s", command, strings.Join(r, " ")))
	}
	for _, c := range chains {
		_, err := run("-F", c)
		if err == nil {
			_, err = run("-X", c)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		did = append(did, fmt.Sprintf("removed the chain %s of a dead nfscope from the raw table (%s)", c, command))
	}
	return did, errors.Join(errs...)
}

// pickDead picks from what iptables -S prints the rules and the chains of dead
// processes. For what may belong to a living one there is an error that says so.
func pickDead(command, text string) (rules [][]string, chains []string, errs []error) {
	var made []string
	life := map[string]guard.Life{} // of a chain's maker, by the rules in it
	for _, line := range strings.Split(text, "\n") {
		f := strings.Fields(strings.ReplaceAll(line, `"`, "")) // nothing in our rules needs its quotes
		if len(f) == 2 && f[0] == "-N" && ours.MatchString(f[1]) {
			made = append(made, f[1])
		}
		if len(f) < 3 || f[0] != "-A" {
			continue
		}
		maker, is := makerOf(f)
		switch inside := ours.MatchString(f[1]); {
		case !is:
		case inside:
			life[f[1]] = max(life[f[1]], maker.Life()) // the zero value is Dead
		case maker.Life() == guard.Dead:
			rules = append(rules, f[1:])
		case maker.Life() == guard.Unknown:
			errs = append(errs, fmt.Errorf("a rule in the raw table stays, since its process, of another pid namespace, may be alive; if it is not, `%s -t raw -D %s` takes it out", command, strings.Join(f[1:], " ")))
		}
	}
	for _, c := range made {
		l, tagged := life[c]
		// An empty chain traces nothing. Its maker is known by the pid only.
		if !tagged && exists(ours.FindStringSubmatch(c)[1]) {
			l = guard.Unknown
		}
		switch l {
		case guard.Dead:
			chains = append(chains, c)
		case guard.Unknown:
			errs = append(errs, fmt.Errorf("the chain %s of the raw table stays, since its process may be alive; if it is not, `%[2]s -t raw -F %[1]s` and `%[2]s -t raw -X %[1]s` take it out", c, command))
		}
	}
	return rules, chains, errs
}

// makerOf reads who made a rule; is tells whether one of ours did. A maker that cannot
// be read is nobody, whose life is not known.
func makerOf(fields []string) (p guard.Process, is bool) {
	i := slices.Index(fields, "--comment")
	if i < 0 || i+1 == len(fields) {
		return p, false
	}
	name, is := strings.CutPrefix(fields[i+1], comment)
	if !is {
		return p, false
	}
	if p, err := guard.ParseProcess(name); err == nil {
		return p, true
	}
	_, err := strconv.Atoi(name)
	return guard.Process{}, err == nil
}

// exists reports whether there is a process of that id, whatever it is.
func exists(pid string) bool {
	_, err := os.Stat("/proc/" + pid)
	return !errors.Is(err, os.ErrNotExist)
}
