package live

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"nfscope/model/snapshot"
	"nfscope/trace/conntrack"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// TestConntrackLate: a kernel that has no conntrack when a session begins gets it later.
// The session says so, goes on without it, and follows connections as soon as it can. The
// kernel here has it built in, so that Open is refused in its place.
func TestConntrackLate(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "table ip n { chain post { type nat hook postrouting priority 100; masquerade; }; }", "nft", "-f", "-")
	s := begin(t, n.Router)
	loaded := make(chan struct{})
	s.session.again = time.Millisecond
	s.session.conntrack = func(ns *netns.Handle) (*conntrack.Reader, error) {
		select {
		case <-loaded:
			return conntrack.Open(ns)
		default:
			return nil, fmt.Errorf("nf_conntrack is not in this kernel: %w", errors.ErrUnsupported)
		}
	}
	s.session.Watch(t.Context())
	told := func(x *snapshot.Snapshot) bool {
		return strings.Contains(strings.Join(x.Problems, "\n"), "connections are not followed")
	}
	x := s.wait("the rules and the problem", func(x *snapshot.Snapshot) bool { return x.Rules != nil && told(x) })
	if x.Flows.Ready || strings.Count(strings.Join(x.Problems, "\n"), "not followed") != 1 {
		t.Errorf("ready %v, %q", x.Flows.Ready, x.Problems)
	}
	close(loaded)
	datagram(t, n.Client, "", "10.2.0.2:9")
	s.wait("connections, and no problem", func(x *snapshot.Snapshot) bool { return x.Flows.Table.Live() == 1 && !told(x) })
}
