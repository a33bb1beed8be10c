package main

import (
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"nfscope/model/flow"
	"nfscope/trace/nettest"
)

// BenchmarkConnections runs the program itself in a terminal with the page Connections open,
// while 50,000 entries a second come and go in its namespace: alone, beside a hundred thousand
// others, and beside a million. What makes them has a CPU of its own, as far as the program
// leaves it, as traffic has that a gateway forwards in its interrupts. It tells
//
//   - the share of one core that the program takes, in %, of which 30 are allowed;
//
//   - how long keys take until their frame has come out of the program, in ms: half of them,
//     19 of 20, and the worst of some 130. On average 4 of these, and 8 at most, are bubbletea's,
//     which writes 120 times a second;
//
//   - the longest that any thread of the program waited for a CPU meanwhile, in 19 of 20 keys,
//     by the kernel's account;
//
//   - the memory that a connection takes, everything that the program has included: before
//     those that come and go, right behind them, while those of the last seconds are still
//     shown, and when they have left. 250 bytes are allowed.
//
//     go test -run '^$' -bench Connections -benchtime 1x ./cmd/nfscope
func BenchmarkConnections(b *testing.B) {
	nettest.Kernel(b, "conntrack")
	nettest.TrackedRoom(b, 1_200_000)
	program := filepath.Join(b.TempDir(), "nfscope")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		b.Fatalf("build nfscope: %v\n%s", err, out)
	}
	empty := 0
	for _, c := range []struct {
		name  string
		flows int
		// lasts is how long the CPU is measured: of a million at least one reading of the
		// whole table falls into it, of which there is one in half a minute.
		lasts time.Duration
	}{{"few", 0, 8 * time.Second}, {"hundred-thousand", 100_000, 8 * time.Second}, {"million", 1_000_000, 36 * time.Second}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				ns := nettest.New(b, "busy")
				nettest.Run(b, ns, "sysctl", "-qw", "net.netfilter.nf_conntrack_acct=1")
				made := nettest.NewTracked(b, ns)
				made.Make(b, 0, c.flows)
				s := openScreen(b, program, ns)
				s.press("3")
				s.see("timeout")
				s.settle(b)
				rest, rss := s.cpu(b, 5*time.Second), s.memory(b)
				stop := make(chan struct{})
				var storm sync.WaitGroup
				storm.Add(1)
				rate, of := 0.0, 0.0
				go func() {
					defer storm.Done()
					var events int
					var took time.Duration
					of = onOne(b, func() { events, took = made.Storm(b, 1_000_000, 50_000, c.lasts+12*time.Second) })
					rate = float64(events) / took.Seconds()
					close(stop)
				}()
				busy := s.cpu(b, c.lasts)
				keys, waited := s.keysUntil(stop)
				storm.Wait()
				s.settle(b)
				storming := s.memory(b)
				s.cpu(b, flow.Linger+3*time.Second)
				after := s.memory(b)
				if c.flows == 0 {
					empty = rss
				}
				s.quit()
				slices.Sort(keys)
				slices.Sort(waited)
				b.ReportMetric(rate, "events/s")
				b.ReportMetric(of, "%core-storm")
				b.ReportMetric(rest, "%core-rest")
				b.ReportMetric(busy, "%core")
				b.ReportMetric(float64(len(keys)), "keys")
				b.ReportMetric(keys[len(keys)/2], "ms-key")
				b.ReportMetric(keys[len(keys)*19/20], "ms-key-95%")
				b.ReportMetric(keys[len(keys)-1], "ms-key-worst")
				b.ReportMetric(waited[len(waited)*19/20], "ms-waited-95%")
				b.ReportMetric(float64(rss)/1e6, "MB")
				b.ReportMetric(float64(storming)/1e6, "MB-storm")
				b.ReportMetric(float64(after)/1e6, "MB-after")
				if c.flows >= 1_000_000 && empty > 0 { // else the first was not asked for
					each := func(bytes int) float64 { return float64(bytes-empty) / float64(c.flows) }
					b.ReportMetric(each(rss), "B/flow")
					b.ReportMetric(each(after), "B/flow-after")
					if max(each(rss), each(after)) > 250 {
						b.Errorf("a connection takes %.0f bytes, after a storm %.0f", each(rss), each(after))
					}
				}
				if busy > 30 {
					b.Errorf("%.1f %% of a core, %.1f %% at rest; a key %.0f ms, at worst %.0f ms; %d MB", busy, rest, keys[len(keys)/2], keys[len(keys)-1], rss/1e6)
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
