package conntrack

import (
	"context"
	"io"
	"os/exec"
	"testing"

	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/trace/nettest"
)

// BenchmarkList reads 10,000 flows: into a flow.Table, as it is, and by conntrack -L.
func BenchmarkList(b *testing.B) {
	nettest.Kernel(b, "conntrack")
	ns := nettest.New(b, "bench")
	const n = 10000
	create(b, ns, n)
	r := open(b, ns)
	b.Run("table", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var tab flow.Table
			if err := r.List(context.Background(), func(i feed.Item) {
				if i.Flow != nil {
					tab.Apply(*i.Flow)
				}
			}); err != nil || tab.Live() != n {
				b.Fatal(tab.Live(), err)
			}
		}
	})
	b.Run("list", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			got := 0
			if err := r.List(context.Background(), func(i feed.Item) {
				if i.Flow != nil && i.Flow.Flow != nil {
					got++
				}
			}); err != nil || got != n {
				b.Fatal(got, err)
			}
		}
	})
	b.Run("conntrack-L", func(b *testing.B) {
		for b.Loop() {
			cmd := exec.Command("conntrack", "-L", "-o", "extended,id")
			cmd.Stdout = io.Discard
			if err := ns.Start(cmd); err != nil {
				b.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
