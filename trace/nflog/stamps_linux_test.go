package nflog

import (
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/trace/nettest"
)

// TestStampLate: the first trace event switches the stamps on, no sooner.
func TestStampLate(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	ns := nettest.New(t, "late")
	arm(t, ns)
	nettest.Feed(t, ns, traced, "iptables-legacy-restore")
	l := listen(t, ns, Options{StampLate: true})
	on := func() bool {
		v, err := unix.GetsockoptInt(l.r.stamps.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS)
		if err != nil {
			t.Fatal(err)
		}
		return v != 0
	}
	if on() || l.r.Stats().Stamped {
		t.Error("they are on before anything was traced")
	}
	nettest.SendUDP(t, ns, 0, "127.0.0.1:4000")
	nettest.SendUDP(t, ns, 0, "127.0.0.1:4999")
	if len(l.untilSentinel(t)) == 0 || !on() {
		t.Error("a packet was traced, and they are off")
	}
}
