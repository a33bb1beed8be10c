package live

import (
	"sync"
	"testing"
	"time"

	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

// TestHeard: while a reader is held up, of a tracer, of connections, of what the kernel drops or
// of what is seen between the chains, what was sent since is not heard.
func TestHeard(t *testing.T) {
	nettest.Kernel(t, "nft", "iptables-legacy-restore")
	t.Parallel()
	for name, held := range map[string]func(*feed.Item) bool{
		"nf_tables":          func(it *feed.Item) bool { return it.Events != nil && it.Events[0].Source == journey.SourceNFT },
		"legacy":             func(it *feed.Item) bool { return it.Events != nil && it.Events[0].Source == journey.SourceLegacy },
		"connections":        func(it *feed.Item) bool { return it.Flows != nil && !it.Flows.Dumped() },
		"drops":              func(it *feed.Item) bool { return it.Drop != nil && it.Drop.HasPacket() },
		"between the chains": func(it *feed.Item) bool { return it.Sight != nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := nettest.New(t, "heard")
			load(t, ns, "iptables-legacy-restore", "*filter\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n")
			load(t, ns, "nft", "table inet fw { chain c { type filter hook output priority 10; ct state new; }; }\n")
			watched, here, on := make(chan bool), make(chan bool), make(chan bool)
			watches := sync.OnceFunc(func() { close(watched) })
			first := true // of one reader's goroutine
			s, err := Open(ns, guarded(t), About{}, func(it feed.Item) {
				if it.Drops != nil {
					watches()
				}
				if held(&it) && first {
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
			s.Watch(t.Context())
			<-watched
			if err := s.Arm(t.Context(), Trace{Filter: parse(t, "udp and dst port 9"), Between: true}); err != nil {
				t.Fatal(err)
			}
			udp(t, ns, "127.0.0.1:9")
			sent := time.Now()
			<-here
			udp(t, ns, "127.0.0.1:9")
			others := func() (n int) { // of the sources, those that have heard what was
				s.mu.Lock()
				defer s.mu.Unlock()
				if len(s.ears) < 5 {
					return 0
				}
				for e := range s.ears {
					if e.Heard().After(sent) {
						n++
					}
				}
				return n
			}
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for now := time.Now(); others() < 4; <-tick.C {
				if time.Since(now) > nettest.InVain {
					t.Fatalf("of %d sources %d have heard what was", len(s.ears), others())
				}
			}
			if at := s.Heard(); at.After(sent) {
				t.Errorf("it is held since %v, and heard is %v", sent, at)
			}
			close(on)
			for now := time.Now(); s.Heard().Before(now); <-tick.C {
				if time.Since(now) > nettest.InVain {
					t.Fatal("it reads, and has not heard what was")
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if n := len(s.ears); n > 0 { // nothing runs any more
				t.Errorf("nobody listens, and %d are waited for", n)
			}
		})
	}
}
