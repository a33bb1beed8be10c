package netns_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// bareRun is set for the child of TestBesideIP.
const bareRun = "NFSCOPE_BARE_RUN"

// TestBesideIP: a namespace made on a machine that never had one can be deleted after
// somebody's first `ip netns add`, which lays a mount over the names.
func TestBesideIP(t *testing.T) {
	nettest.Kernel(t, "ip", "unshare", "mount")
	if os.Getenv(bareRun) == "" {
		t.Parallel()
		cmd := exec.Command("unshare", "--mount", "sh", "-c", `mount -t tmpfs nfscope /run && exec "$0" -test.run '^TestBesideIP$' -test.v`, os.Args[0])
		cmd.Env = append(os.Environ(), bareRun+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	h, err := netns.Create("nfs-test-first")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ip", "netns", "add", "nfs-test-second").CombinedOutput()
	if err != nil {
		t.Fatalf("ip netns add: %v: %s", err, out)
	}
	if err := errors.Join(h.Remove(), netns.Delete("nfs-test-second")); err != nil {
		t.Error(err)
	}
	if left, err := netns.List(""); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
