package lab

import (
	"context"
	"errors"
	"strings"
	"testing"

	"nfscope/trace/nettest"
)

// TestFailedOrder: of an order that could not be carried out nothing is left, in the books
// nor in the kernel, and it can be given again.
func TestFailedOrder(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "ipset")
	s := groups()
	s.Backend = "iptables-legacy"
	a := agentOf(nettest.New(t, "agent"), s)
	defer a.Close()
	if err := a.ipset(t.Context(), a.cloud.sets()); err != nil {
		t.Fatal(err)
	}
	set := func(group string) bool {
		return strings.Contains(nettest.Run(t, a.host, "ipset", "list", group), "\n10.0.0.1\n")
	}
	// There is no chain of group B that the VM's could jump to.
	if says, err := a.obey("join B web"); err == nil {
		t.Fatal(says)
	}
	if got := a.cloud.back(s); len(got) != 0 || set("group-B") {
		t.Errorf("an order that failed is to be taken back by %q; in the set: %v", got, set("group-B"))
	}
	if err := a.iptables(t.Context(), a.cloud.rules()); err != nil {
		t.Fatal(err)
	}
	for _, o := range []struct {
		order string
		a, b  bool
	}{{"join B web", true, true}, {"leave A web", false, true}} {
		if says, err := a.obey(o.order); err != nil || strings.Contains(says, "already") || set("group-A") != o.a || set("group-B") != o.b {
			t.Errorf("%s: %q, %v", o.order, says, err)
		}
	}
}

// TestAgentEnds: an order that is under way when the lab goes is given up, and does not keep
// it standing for as long as the xtables lock may be waited for.
func TestAgentEnds(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "ipset")
	s := groups()
	s.Backend = "iptables-legacy"
	a := agentOf(nettest.New(t, "agent"), s)
	if err := a.ipset(t.Context(), a.cloud.sets()); err != nil {
		t.Fatal(err)
	}
	_ = a.Close()
	if says, err := a.obey("join B web"); !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v", says, err)
	}
}
