package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
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

// TestAgentEnds: an order that waits for the xtables lock when the lab goes is given up, and
// does not keep it standing for as long as the lock may be waited for.
func TestAgentEnds(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "ipset")
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	t.Setenv("XTABLES_LOCKFILE", path("lock")) // the host's own is everybody's
	s := groups()
	s.Backend = "iptables-legacy"
	n := &Network{lab: &Lab{}, hosts: map[string]*netns.Handle{"a": nettest.New(t, "agent")}, closers: map[io.Closer]bool{}}
	defer func() { _ = n.Down() }()
	if err := n.listen(t.Context(), "a", s); err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile(path("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		defer func() { _ = lock.Close() }()
		err = errors.Join(unix.Flock(int(lock.Fd()), unix.LOCK_EX), unix.Mkfifo(path("starts"), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	restore, _ := find("iptables-legacy-restore")
	script := fmt.Sprintf("#!/bin/sh\n: >%s\nexec %s \"$@\"\n", path("starts"), restore)
	if err := os.WriteFile(path("iptables-legacy-restore"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	ended := make(chan error, 1)
	go func() {
		_, err := n.agents[0].obey("join B web")
		ended <- err
	}()
	started := make(chan error, 1)
	go func() {
		_, err := os.ReadFile(path("starts")) // the set is made, the program is there
		started <- err
	}()
	select {
	case err = <-started:
	case err = <-ended:
		err = fmt.Errorf("it did not wait: %w", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Down(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
