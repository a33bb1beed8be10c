package live

import (
	"testing"
	"time"

	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

// TestHeard: while either tracer's reader is held up, what was sent since is not heard.
func TestHeard(t *testing.T) {
	nettest.Kernel(t, "nft", "iptables-legacy-restore")
	t.Parallel()
	ns := nettest.New(t, "heard")
	load(t, ns, "iptables-legacy-restore", "*filter\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n")
	load(t, ns, "nft", "table inet fw { chain c { type filter hook output priority 10; }; }\n")
	for _, held := range []journey.Source{journey.SourceNFT, journey.SourceLegacy} {
		here, on := make(chan bool), make(chan bool)
		first := true // of one reader's goroutine
		s, err := Open(ns, guarded(t), About{}, func(it feed.Item) {
			if it.Events != nil && it.Events[0].Source == held && first {
				first = false
				here <- true
				<-on
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.Rules(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Arm(t.Context(), Trace{Filter: parse(t, "udp and dst port 9")}); err != nil {
			t.Fatal(err)
		}
		udp(t, ns, "127.0.0.1:9")
		sent := time.Now()
		<-here
		udp(t, ns, "127.0.0.1:9")
		if at := s.Heard(); at.After(sent) {
			t.Errorf("%v is held since %v, and heard is %v", held, sent, at)
		}
		close(on)
		for now := time.Now(); s.Heard().Before(now); {
			if time.Since(now) > 30*time.Second {
				t.Fatalf("%v reads, and has not heard what was", held)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if time.Since(s.Heard()) > 10*time.Second {
			t.Error("nobody listens, and it is waited for")
		}
	}
}
