package live

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/trace/arm"
	"nfscope/trace/nettest"
)

// costRules are the rules that BenchmarkForwarding forwards through.
func costRules() []costRule {
	return []costRule{
		{"no-rules", "", "", ""},
		{"host-legacy", "", hostRules(), ""},
		{"host-iptables-nft", "", "", hostRules()},
		{"iptables-gateway", "", `*nat
-A POSTROUTING -s 10.1.0.0/24 -o r1 -j MASQUERADE
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i r0 -j ACCEPT
COMMIT
`, ""},
		{"nft-gateway", `table ip gateway {
	chain forward { type filter hook forward priority 0; policy drop; ct state established,related accept; iifname "r0" accept; }
	chain post { type nat hook postrouting priority 100; oifname "r1" masquerade; }
}
`, "", ""},
		{"many-rules", benchRules(), benchLegacy(), ""},
	}
}

// costRule is rules for nft, iptables-legacy-restore and iptables-nft-restore.
type costRule struct{ name, nft, legacy, xnft string }

// switchOnly has the one statement that makes the kernel trace in chains of nf_tables,
// where no packet meets it: what is left is the kernel's own price of that.
const switchOnly = `table inet only { chain nowhere { meta nftrace set 1; }; }
`

// cpuSender is the sender on a CPU of its own choice. What it sends is forwarded and received
// on that CPU before the call that sent it returns (veth_xmit, netif_rx).
type cpuSender struct {
	ask    chan int
	answer chan float64
}

func (f *flood) pin(cpu int) *cpuSender {
	p := &cpuSender{make(chan int), make(chan float64)}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		var set unix.CPUSet
		set.Set(cpu)
		ready <- unix.SchedSetaffinity(0, &set)
		// What nobody reads is dropped, and drops cost more where they are watched: the server
		// reads what its socket has room for, which is not measured.
		const room = 100
		payload, got := []byte("nfscope!"), make([]byte, 64)
		for n := range p.ask {
			var took time.Duration
			for i := -max(1, n/20/room) * room; i < n; i += room { // the first ones warm up what the others use
				start := time.Now()
				for range room {
					_, _ = unix.Write(f.fd, payload)
				}
				if i >= 0 {
					took += time.Since(start)
				}
				for err := error(nil); err == nil; {
					_, _, err = unix.Recvfrom(f.sink, got, unix.MSG_DONTWAIT)
				}
			}
			p.answer <- float64(took.Nanoseconds()) / float64((n+room-1)/room*room)
		}
	}()
	if err := <-ready; err != nil {
		f.b.Fatal(err)
	}
	f.b.Cleanup(func() { close(p.ask) })
	return p
}

// burst gives the time that one packet takes, in nanoseconds, in the quickest of three
// bursts: others use the machine too.
func (p *cpuSender) burst(packets int) float64 {
	least := math.Inf(1)
	for range 3 {
		p.ask <- packets
		least = min(least, <-p.answer)
	}
	return least
}

// ratios are measured in pairs, one right after the other, so that what changes slowly
// on the machine is in both.
type ratios []float64

func (r *ratios) add(with float64, without ...float64) {
	mean := 0.0
	for _, w := range without {
		mean += w / float64(len(without))
	}
	*r = append(*r, 100*(with/mean-1))
}

// median gives it in percent, and the bounds between which it is with 95 % confidence, by
// the order of the ratios alone.
func (r ratios) median() (median, low, high float64) {
	slices.Sort(r)
	n := len(r)
	d := int(math.Ceil(0.98 * math.Sqrt(float64(n))))
	return r[n/2], r[max(0, n/2-d)], r[min(n-1, n/2+d)]
}

// received is the server's own count of the packets that came to it.
func (f *flood) received() (n int) {
	f.b.Helper()
	nettest.Do(f.b, f.net.Server, func() error {
		b, err := os.ReadFile("/proc/thread-self/net/dev")
		if err != nil {
			return err
		}
		_, rest, _ := strings.Cut(string(b), "s0:")
		var bytes int
		_, err = fmt.Sscan(rest, &bytes, &n)
		return err
	})
	return n
}

// BenchmarkForwarding is what a forwarded packet costs, from the sender's call to the
// receiver: without nfscope, with nfscope looking on, and with a trace armed for another
// flow by a table of its own and by the raw table; and, without nfscope, with a rule somewhere that says "meta nftrace set", which is
// what any trace of nf_tables costs. A round takes 0.3 s; with -benchtime 150x the bounds
// are some 0.3 % apart.
func BenchmarkForwarding(b *testing.B) {
	const packets = 1500
	flt, err := filter.Parse("udp and dst port 10 and host 10.9.9.9")
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range costRules() {
		b.Run(r.name, func(b *testing.B) {
			f := floodThrough(b, r.nft, r.legacy)
			if r.xnft != "" {
				nettest.Kernel(b, "iptables-nft-restore")
				nettest.Feed(b, f.net.Router, r.xnft, "iptables-nft-restore")
			}
			p := f.pin(runtime.NumCPU() - 1)
			p.burst(packets)
			f.answered()
			var base []float64
			var disarmed, armed, raw, kernel ratios
			for b.Loop() {
				before, came := p.burst(packets), f.received()
				nettest.Feed(b, f.net.Router, switchOnly, "nft", "-f", "-")
				only := p.burst(packets)
				nettest.Run(b, f.net.Router, "nft", "delete", "table", "inet", "only")
				between := p.burst(packets)
				s := openSession(b, f.net.Router, func(feed.Item) {})
				looking := p.burst(packets)
				trace := func(method string) float64 {
					if err := s.session.Arm(context.Background(), Trace{Filter: flt, For: time.Minute, Method: method}); err != nil {
						b.Fatal(err)
					}
					defer func() {
						if err := s.session.Disarm(); err != nil {
							b.Fatal(err)
						}
					}()
					return p.burst(packets)
				}
				byOwner, byRaw := trace(arm.MethodOwner), trace(arm.MethodRaw)
				again := p.burst(packets)
				s.close()
				after := p.burst(packets)
				if n := f.received() - came; n < 7*3*packets {
					b.Fatalf("%d packets of %d were forwarded", n, 7*3*packets)
				}
				base = append(base, before, between, after)
				kernel.add(only, before, between)
				disarmed.add(min(looking, again), min(between, after))
				armed.add(byOwner, looking, again)
				raw.add(byRaw, looking, again)
			}
			slices.Sort(base)
			b.ReportMetric(base[len(base)/2], "ns/packet")
			for _, m := range []struct {
				name string
				r    ratios
			}{{"disarmed", disarmed}, {"armed", armed}, {"armed-raw", raw}, {"kernel", kernel}} {
				mid, low, high := m.r.median()
				b.ReportMetric(mid, m.name+"-%")
				b.Logf("%s: %+.1f %% (%+.1f to %+.1f)", m.name, mid, low, high)
			}
		})
	}
}
