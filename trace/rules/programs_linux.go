package rules

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"nfscope/model"
)

// programs finds and runs the programs that print rules. Tests put others in place.
type programs struct {
	find func(name string) (string, error)
	run  func(ctx context.Context, path string, args ...string) (*printout, error)
}

// findProgram looks in PATH, then where administration programs live: the PATH of an
// ordinary user leaves those out.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p, nil
		}
	}
	return "", err
}

// save finds the program that prints the tables of an iptables backend. Where there
// is none of the full name, the plain one may be of that backend (`iptables-save -V`).
func (p *programs) save(ctx context.Context, b model.Backend, f model.Family) (string, error) {
	stem, variant := "iptables", "legacy"
	if f == model.FamilyIPv6 {
		stem = "ip6tables"
	}
	if b == model.BackendIptablesNFT {
		variant = "nft"
	}
	full := stem + "-" + variant + "-save"
	path, err := p.find(full)
	if err == nil {
		return path, nil
	}
	if plain, perr := p.find(stem + "-save"); perr == nil {
		out, verr := p.text(ctx, plain, "-V")
		if verr == nil && strings.Contains(string(out), "nf_tables") == (variant == "nft") {
			return plain, nil
		}
	}
	return "", fmt.Errorf("%s is not installed: %s", full, installWords(variant))
}

// text runs a program and gives all that it printed.
func (p *programs) text(ctx context.Context, path string, args ...string) ([]byte, error) {
	out, err := p.run(ctx, path, args...)
	if err != nil {
		return nil, err
	}
	defer out.close()
	return out.text()
}

func (p *programs) nft() (string, error) {
	path, err := p.find("nft")
	if err != nil {
		return "", fmt.Errorf("nft is not installed: `apt install nftables` or `dnf install nftables` brings it")
	}
	return path, nil
}

func installWords(variant string) string {
	return fmt.Sprintf("`apt install iptables` or `dnf install iptables-%s` brings it", variant)
}
