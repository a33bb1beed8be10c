package main

import (
	"fmt"
	"os"
	"testing"

	"nfscope/trace/nettest"
)

// TestClean: what a dead nfscope left in the namespace goes and is named. What may be a living
// one's stays, and the status says so. With nothing left, that is said.
func TestClean(t *testing.T) {
	nettest.Kernel(t, "nft", "unshare", "mount")
	t.Parallel()
	ns := nettest.New(t, "clean")
	living := fmt.Sprintf("nfscope_%d_1", os.Getpid())
	for _, c := range []struct{ table, says string }{
		{"", "nothing was left to remove\nstatus 0\n"},
		{"nfscope_99999999_1", "deleted the nft table nfscope_99999999_1\nstatus 0\n"},
		{living, fmt.Sprintf("nfscope: the nft table %s stays, since there is a process %d; if that is no nfscope, `nft delete table` takes it out\nstatus 1\n", living, os.Getpid())},
	} {
		if c.table != "" {
			nettest.Run(t, ns, "nft", "add", "table", "inet", c.table)
		}
		// With a /run of its own it sees no dead of other tests.
		said := nettest.Run(t, ns, "unshare", "-m", "sh", "-c", `mount -t tmpfs none /run && { nfscope clean 2>&1; echo "status $?"; }`)
		if said != c.says {
			t.Errorf("with table %q it says\n%swant\n%s", c.table, said, c.says)
		}
	}
}
