package rulesettest

import (
	"strings"
	"testing"
)

func TestKubeSize(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 3, 100, KubeServices} {
		text := Kube(n)
		chains, rules := KubeSize(n)
		if c, r := strings.Count(text, "\n:"), strings.Count(text, "] -A "); c != chains || r != rules {
			t.Errorf("%d services: %d chains and %d rules, want %d and %d", n, c, r, chains, rules)
		}
		if text != Kube(n) {
			t.Errorf("%d services: two calls differ", n)
		}
	}
}
