package sets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/model/set"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// long is more than the kernel puts into the first messages of a dump.
const long = 20_000

func feedLong(t *testing.T, ns *netns.Handle) {
	t.Helper()
	var ip, nft strings.Builder
	ip.WriteString("create x hash:ip\n")
	nft.WriteString("table inet t { set x { type ipv4_addr; elements = {")
	for i := range long {
		fmt.Fprintf(&ip, "add x 10.0.%d.%d\n", i>>8, i&255)
		fmt.Fprintf(&nft, "10.0.%d.%d,", i>>8, i&255)
	}
	nettest.Feed(t, ns, ip.String(), "ipset", "restore")
	nettest.Feed(t, ns, nft.String()+"} }\n}\n", "nft", "-f", "-")
}

// TestDestroyed: a set that goes away in the middle of a reading is ErrGone, and an
// ipset can be destroyed as soon as a page was read.
func TestDestroyed(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "ipset", "nft")
	ns := nettest.New(t, "destroyed")
	feedLong(t, ns)
	r := reader(t, ns)
	l, err := r.List(t.Context())
	if err != nil || len(l) != 2 {
		t.Fatalf("%v, %v", l, err)
	}
	for _, s := range l {
		p, err := r.Members(t.Context(), s, 0, 10)
		if err != nil || len(p.Members) != 10 || !p.More {
			t.Fatalf("%s: %d members, more: %t, %v", s.Key, len(p.Members), p.More, err)
		}
		destroy := []string{"ipset", "destroy", "x"}
		if s.Backend == set.NFT {
			destroy = []string{"nft", "delete set inet t x"}
			seen := 0
			err := r.each(t.Context(), s, func(*member) error {
				if seen++; seen == 10 {
					nettest.Run(t, ns, destroy[0], destroy[1:]...)
				}
				return nil
			}, func() {})
			if err = r.refused(s.String(), err); !errors.Is(err, ErrGone) {
				t.Errorf("%s was destroyed after 10 members; %d were read, and %v", s.Key, seen, err)
			}
		} else {
			nettest.Run(t, ns, destroy[0], destroy[1:]...)
		}
		if _, err := r.Members(t.Context(), s, 0, 10); !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), s.String()) {
			t.Errorf("Members of %s: %v, want ErrGone", s.Key, err)
		}
		if _, err := r.Count(t.Context(), s); !errors.Is(err, ErrGone) {
			t.Errorf("Count of %s: %v, want ErrGone", s.Key, err)
		}
	}
}

// TestMoved: a dump that the ruleset changes under is made again, and a page that could
// not be had undisturbed says so.
func TestMoved(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "ipset", "nft")
	ns := nettest.New(t, "moved")
	feedLong(t, ns)
	r := reader(t, ns)
	s := list(t, r)["x"]
	for _, l := range mustList(t, r) {
		if l.Backend == set.NFT {
			s = l
		}
	}
	seen, again, changes := 0, 0, 1
	disturb := func(*member) error {
		if seen++; seen == 10 && again < changes {
			nettest.Run(t, ns, "nft", fmt.Sprintf("add table inet t%d_%d", changes, again))
		}
		return nil
	}
	err := r.each(t.Context(), s, disturb, func() { again++; seen = 0 })
	if err != nil || again != 1 || seen != long {
		t.Errorf("disturbed once: %d members after %d beginnings, %v", seen, again, err)
	}
	seen, again, changes = 0, 0, tries
	err = r.each(t.Context(), s, disturb, func() { again++; seen = 0 })
	if !errors.Is(err, errMoved) || again != tries-1 || seen != long {
		t.Errorf("disturbed each time: %d members after %d beginnings, %v", seen, again, err)
	}
}

func mustList(t *testing.T, r *Reader) []set.Set {
	t.Helper()
	l, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestCancelled: a reading that is not wanted any more ends.
func TestCancelled(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "ipset", "nft")
	ns := nettest.New(t, "cancelled")
	feedLong(t, ns)
	r := reader(t, ns)
	for _, s := range mustList(t, r) {
		ctx, cancel := context.WithCancel(t.Context())
		seen := 0
		err := r.each(ctx, s, func(*member) error {
			if seen++; seen == 10 {
				cancel()
			}
			return nil
		}, func() {})
		if !errors.Is(err, context.Canceled) || seen >= long {
			t.Errorf("%s: %v after %d members", s.Key, err, seen)
		}
	}
}

// TestWithoutPrivilege: who may not look is told so, in one sentence.
func TestWithoutPrivilege(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "ipset", "nft")
	got := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread dies without its capabilities
		got <- func() error {
			ns, err := netns.Current()
			if err != nil {
				return err
			}
			defer ns.Close()
			h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
			var none [2]unix.CapUserData
			if err := unix.Capset(&h, &none[0]); err != nil {
				return err
			}
			r, err := Open(ns)
			if err != nil {
				return err
			}
			_, err = r.List(t.Context())
			return err
		}()
	}()
	err := <-got
	if !errors.Is(err, os.ErrPermission) || strings.Count(err.Error(), "CAP_NET_ADMIN") != 1 {
		t.Errorf("got %v", err)
	}
}
