package drops

import (
	"net"
	"testing"
	"time"

	"github.com/cilium/ebpf/btf"

	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/trace/kbtf"
	"nfscope/trace/nettest"
)

// TestMissed: where an interrupt drops packets while the program tells of another, the kernel
// passes the program over, and the Reader says so.
func TestMissed(t *testing.T) {
	nettest.Kernel(t, "nft", "tc", "ip")
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	if f := (kbtf.Finder{Spec: spec}); f.Optional("bpf_prog_info", "recursion_misses") < 0 {
		nettest.Skip(t, "this kernel does not count for which drops it passes a program over (Linux 5.12 does)")
	}
	t.Parallel()
	ns := nettest.New(t, "missed")
	// The queue sends by a timer, whose interrupt delivers to a port where nobody listens.
	nettest.Run(t, ns, "ip", "link", "set", "lo", "mtu", "1500")
	nettest.Run(t, ns, "tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "8mbit", "burst", "1600", "limit", "1000000")
	nettest.Feed(t, ns, "table inet t { chain o { type filter hook output priority 0; udp dport 11 drop; }; }", "nft", "-f", "-")
	w := watch(t, ns, Options{Rate: 1000, Burst: 10, Counters: 20 * time.Millisecond, NoFacts: true})
	needBPF(t, w.Watch())
	var rule, port net.Conn
	nettest.Do(t, ns, func() (err error) {
		if rule, err = net.Dial("udp", "127.0.0.1:11"); err == nil {
			port, err = net.Dial("udp", "127.0.0.1:12")
		}
		return err
	})
	defer rule.Close()
	defer port.Close()
	missed := uint64(0)
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	for n, late := 1, time.Now().Add(nettest.InVain); missed == 0; n++ {
		if n%1000 == 0 { // others are tested meanwhile
			<-pause.C
		}
		for range 5 {
			_, _ = rule.Write([]byte("x")) // dropped in this call, which says so
		}
		_, _ = port.Write([]byte("x")) // or is told of the one before
		if missed, err = w.probe.missed(); err != nil || time.Now().After(late) {
			t.Fatalf("no drop was missed: %v", err)
		}
	}
	w.settled(t, func(w drop.Watch) bool { return w.Missed >= missed })
}

// TestMissedUnread: where the misses cannot be read they stay as they are, and the Reader
// goes on.
func TestMissedUnread(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	r, err := Open(nettest.New(t, "unread"), Options{Most: drop.StepBPF, NoFacts: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	needBPF(t, r.Watch())
	r.watch.Missed = 7
	if err := r.probe.prog.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := r.probe.missed(); err == nil {
		t.Fatalf("%d are read of a program that is closed", n)
	}
	if err := r.counted(func(feed.Item) {}); err != nil || r.watch.Missed != 7 {
		t.Errorf("%d missed, %v", r.watch.Missed, err)
	}
}
