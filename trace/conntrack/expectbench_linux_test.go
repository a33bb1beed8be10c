package conntrack

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"

	"nfscope/trace/nettest"
)

// BenchmarkExpectations reads what so many connections expect, one each: up to mostZoned each of
// them is asked for by its zone, beyond that the list alone is read. The kernel holds
// nf_conntrack_expect_max of them in a namespace (4,096 by default), however many connections
// have a helper: the last case is a full list.
func BenchmarkExpectations(b *testing.B) {
	nettest.Kernel(b, "nft")
	for _, masters := range []int{1, 100, mostZoned, min(10_000, int(sysctl("nf_conntrack_expect_max")))} {
		b.Run(fmt.Sprint(masters), func(b *testing.B) {
			ns := nettest.New(b, "expect")
			nettest.Feed(b, ns, "table ip t {\nchain c {\ntype filter hook input priority 0; ct state new\n}\n}\n", "nft", "-f", "-")
			c, err := conntrack.Dial(&netlink.Config{NetNS: ns.Fd()})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			any4 := netip.MustParseAddr("255.255.255.255")
			for i := range masters {
				f := conntrack.NewFlow(6, 0, netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), netip.MustParseAddr("10.2.0.2"), 1000, 21, 600, 0)
				f.ProtoInfo.TCP = &conntrack.ProtoInfoTCP{State: 3}
				f.Helper = conntrack.Helper{Name: "ftp\x00"}
				if err := c.Create(f); err != nil {
					b.Fatal(err)
				}
				x := conntrack.Expect{TupleMaster: f.TupleOrig, Tuple: f.TupleOrig, Mask: f.TupleOrig, Timeout: 600}
				x.Tuple.Proto.DestinationPort = 4000
				x.Mask.IP.SourceAddress, x.Mask.IP.DestinationAddress = any4, any4
				x.Mask.Proto.SourcePort, x.Mask.Proto.DestinationPort = 0, 0xffff
				if err := c.CreateExpect(x); err != nil {
					b.Fatal(err)
				}
			}
			r := open(b, ns)
			for b.Loop() {
				if n := len(r.expectations()); n != masters {
					b.Fatalf("%d of %d", n, masters)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(masters), "us/master")
		})
	}
}
