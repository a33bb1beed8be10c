// Package nettest builds private networks for kernel tests, and sends and listens in them.
package nettest

import (
	"os"
	"testing"
)

// Skip skips the test with a reason, or fails it under NFSCOPE_REQUIRE_KERNEL=1.
func Skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("NFSCOPE_REQUIRE_KERNEL") == "1" {
		t.Fatal("NFSCOPE_REQUIRE_KERNEL=1, but: " + reason)
	}
	t.Skip(reason)
}
