package lab

import (
	"context"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"nfscope/model"
)

// program names what loads a rules file; package_ is what Debian calls its package.
func program(backend, family string) (name, package_ string) {
	ip := "iptables"
	if family == "ip6" {
		ip = "ip6tables"
	}
	switch backend {
	case model.BackendLegacy.String():
		return ip + "-legacy-restore", "iptables"
	case model.BackendIptablesNFT.String():
		return ip + "-nft-restore", "iptables"
	case backendIPSet:
		return "ipset", "ipset"
	}
	return "nft", "nftables"
}

// find looks for a program also where an ordinary user's PATH does not.
func find(name string) (string, bool) {
	if p, err := exec.LookPath(name); err == nil {
		return p, true
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p, true
		}
	}
	return "", false
}

// resolve holds the lab against the programs of this machine. A backend whose program
// is missing is replaced where the lab allows it; the notes say so.
func resolve(l *Lab, find func(string) (string, bool)) (*Lab, []string, error) {
	if err := Validate(l); err != nil {
		return l, nil, err
	}
	var notes []string
	built := l
	for _, r := range l.loaders() {
		name, pkg := program(*r.backend, r.family)
		if _, ok := find(name); ok {
			continue
		}
		other, _ := program(r.fallback, r.family)
		if _, ok := find(other); r.fallback == "" || !ok {
			return l, nil, fmt.Errorf("the program %s is missing, which loads %s into host %s; install the package %s", name, r.what, r.host, pkg)
		}
		note := fmt.Sprintf("the program %s is missing: lab %s runs with %s instead", name, l.Name, r.fallback)
		if !slices.Contains(notes, note) {
			notes = append(notes, note)
		}
		built = built.With(*r.backend, r.fallback)
	}
	return built, notes, nil
}

// loadRules loads each file with its backend's own program.
func (n *Network) loadRules(ctx context.Context) error {
	for _, h := range n.lab.Hosts {
		for _, r := range h.Rules {
			if err := n.load(ctx, h.Name, r); err != nil {
				return fmt.Errorf("host %s: %w", h.Name, err)
			}
		}
	}
	return nil
}

// lockWait is for how many seconds a lab waits for the xtables lock: it is one for all
// namespaces of the host, and on a busy one many want it.
const lockWait = 30

func (n *Network) load(ctx context.Context, host string, r Rules) error {
	text, err := fs.ReadFile(n.lab.files, r.File)
	if err != nil {
		return err
	}
	name, _ := program(r.Backend, r.Family)
	path, _ := find(name)
	args := []string{"-w", strconv.Itoa(lockWait)}
	switch r.Backend {
	case model.BackendNFTables.String():
		args = []string{"-f", "-"}
	case backendIPSet:
		args = []string{"restore"}
	}
	if _, err = n.hosts[host].Output(ctx, text, path, args...); err != nil {
		return &RulesError{n.lab.path(r.File), refusedAt(err), err}
	}
	return nil
}

// refusedAt is the line at which the loading program gave up, 0 where it does not say:
// each names it in its own way.
func refusedAt(err error) int {
	m := regexp.MustCompile(`(?:line:? |/dev/stdin:|-:)([0-9]+)`).FindStringSubmatch(err.Error())
	if m == nil {
		return 0
	}
	line, _ := strconv.Atoi(m[1]) // too large a number is no line
	return line
}
