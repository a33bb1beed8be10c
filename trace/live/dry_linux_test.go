package live

import (
	"testing"
	"time"

	"nfscope/trace/nettest"
	"nfscope/trace/nflog"
	"nfscope/trace/nftrace"
)

// TestDry: the end of a trace waits for what is still to be read, and not for ever.
func TestDry(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		queued []uint64 // at each look, the last one from then on
		looks  int      // 0 where the deadline ends it
	}{
		{"nothing", []uint64{0}, 2},
		{"something comes between", []uint64{5, 0, 5, 0, 0}, 5},
		{"it never ends", []uint64{0, 1}, 0},
	} {
		looks := 0
		deadline := time.Now().Add(10 * calm)
		dry(func() uint64 {
			n := c.queued[min(looks, len(c.queued)-1)]
			looks++
			return n
		}, deadline)
		if over := !time.Now().Before(deadline); c.looks > 0 && looks != c.looks && !over || c.looks == 0 && !over {
			t.Errorf("%s: %d looks, the deadline over: %v", c.name, looks, over)
		}
	}
}

// TestQueued: what waits in the socket of either reader is known.
func TestQueued(t *testing.T) {
	nettest.Kernel(t, "nft", "iptables-legacy")
	t.Parallel()
	ns := nettest.New(t, "queued")
	nft, err := nftrace.Open(ns, nftrace.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer nft.Close()
	log, err := nflog.Open(ns, nflog.TraceGroup, nflog.Options{StampLate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for _, c := range []struct {
		name    string
		tr      *tracing
		command []string
	}{
		{"nf_tables", &tracing{nft: nft}, []string{"nft", "table inet x { chain c { type filter hook output priority 0; udp dport 9 meta nftrace set 1; }; }"}},
		{"legacy", &tracing{nflog: log}, []string{"iptables-legacy", "-A", "OUTPUT", "-p", "udp", "--dport", "9", "-j", "NFLOG"}},
	} {
		if n := c.tr.queued(); n != 0 {
			t.Errorf("%s: %d bytes before there is anything", c.name, n)
		}
		nettest.Run(t, ns, c.command[0], c.command[1:]...)
		udp(t, ns, "127.0.0.1:9")
		if n := c.tr.queued(); n == 0 {
			t.Errorf("%s: an event waits, and nothing is told", c.name)
		}
	}
	if log.Close(); (&tracing{nflog: log}).queued() == 0 {
		t.Error("what cannot be asked is told to be empty")
	}
}
