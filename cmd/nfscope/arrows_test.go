package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestArrows holds the arrows of docs/architecture.md: cmd -> ui, trace, model;
// ui -> model; trace -> model; model -> the standard library.
func TestArrows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		packages string
		// never lists prefixes that must not be among the dependencies.
		never []string
		// only, where it is set, lists what may be there besides the standard library.
		only []string
	}{
		{packages: "nfscope/model/...", only: []string{"nfscope/model"}},
		{packages: "nfscope/ui/...", never: []string{"nfscope/trace", "nfscope/cmd"}},
		{packages: "nfscope/trace/...", never: []string{"nfscope/ui", "nfscope/cmd", "charm.land/"}},
		{packages: "nfscope/docs/...", only: []string{"nfscope/docs"}},
	} {
		for _, goos := range []string{"linux", "darwin"} {
			cmd := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", c.packages)
			cmd.Env = append(cmd.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("go list %s: %v", c.packages, err)
			}
			deps := strings.Fields(string(out))
			if len(deps) == 0 {
				t.Errorf("%s: no packages", c.packages)
			}
			for _, d := range deps {
				for _, n := range c.never {
					if strings.HasPrefix(d, n) {
						t.Errorf("%s (%s) depends on %s", c.packages, goos, d)
					}
				}
				if c.only != nil && !within(d, c.only) {
					t.Errorf("%s (%s) depends on %s", c.packages, goos, d)
				}
			}
		}
	}
}

func within(pkg string, roots []string) bool {
	for _, r := range roots {
		if pkg == r || strings.HasPrefix(pkg, r+"/") {
			return true
		}
	}
	return false
}
