// Package nettest builds private networks for kernel tests, and sends and listens in them.
package nettest

import (
	"os"
	"testing"
	"time"
)

// InVain is how long a test waits for what must come, before it says what came instead.
// Nothing is measured by it: what is slow is as right as what is fast.
const InVain = time.Minute

// Skip skips the test with a reason, or fails it under NFSCOPE_REQUIRE_KERNEL=1.
func Skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("NFSCOPE_REQUIRE_KERNEL") == "1" {
		t.Fatal("NFSCOPE_REQUIRE_KERNEL=1, but: " + reason)
	}
	t.Skip(reason)
}
