package rules

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"testing"

	"nfscope/trace/nettest"
)

// generated is a filter table of n rules in chains of 100. NFSCOPE_BENCH_RULES sets n.
func generated(b *testing.B) (text string, n int) {
	n = 10_000
	if s := os.Getenv("NFSCOPE_BENCH_RULES"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	var t bytes.Buffer
	t.WriteString("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n")
	for c := range (n + 99) / 100 {
		fmt.Fprintf(&t, ":c%d - [0:0]\n", c)
	}
	for i := range n {
		fmt.Fprintf(&t, "-A c%d -s 10.%d.%d.%d/32 -p tcp -m tcp --dport %d -j ACCEPT\n", i/100, i>>16&255, i>>8&255, i&255, i%1000+1)
	}
	t.WriteString("COMMIT\n")
	return t.String(), n
}

func BenchmarkCounts(b *testing.B) {
	nettest.Kernel(b, "iptables-legacy-restore", "iptables-nft-restore")
	text, n := generated(b)
	for _, backend := range []string{"legacy", "nft"} {
		ns := nettest.New(b, "bench")
		nettest.Feed(b, ns, text, "iptables-"+backend+"-restore")
		r := open(b, ns)
		rs := clean(b, r)
		if _, have := rs.Size(); have != n {
			b.Fatalf("%d rules, want %d", have, n)
		}
		b.Run(backend, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Counts(b.Context(), rs); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(backend+"-save-exec", func(b *testing.B) {
			for b.Loop() {
				nettest.Run(b, ns, "iptables-"+backend+"-save", "-c")
			}
		})
		b.Run(backend+"-generation", func(b *testing.B) {
			for b.Loop() {
				generation(b, r)
			}
		})
		b.Run(backend+"-snapshot", func(b *testing.B) {
			for b.Loop() {
				clear(r.cache)
				clean(b, r)
			}
		})
	}
}
