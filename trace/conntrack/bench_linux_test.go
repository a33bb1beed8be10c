package conntrack

import (
	"context"
	"fmt"
	"io"
	"math"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

const million = 1_000_000

// BenchmarkMillion reads a million connections into a flow.Table, beside what a dump costs
// that only counts its messages, conntrack -L, and ti-mo/conntrack's Dump. It may take 1.25
// times as long as that dump.
func BenchmarkMillion(b *testing.B) {
	nettest.Kernel(b, "conntrack")
	nettest.TrackedRoom(b, 1_100_000)
	ns := nettest.New(b, "million")
	nettest.NewTracked(b, ns).Make(b, 0, million)
	r := open(b, ns)
	if n := r.table().Count; n != million {
		b.Fatalf("%d connections were made", n)
	}
	bare := func(b *testing.B) {
		if n := count(b, r); n != million {
			b.Fatal(n)
		}
	}
	// The dump that only counts is run before each of the others: a machine has slow minutes.
	timed := func(b *testing.B, fn func(b *testing.B)) float64 {
		runtime.GC()
		began := time.Now()
		fn(b)
		return time.Since(began).Seconds()
	}
	run := func(name string, most float64, fn func(b *testing.B)) {
		b.Run(name, func(b *testing.B) {
			least := [2]float64{1e9, 1e9}
			var each []string
			for b.Loop() {
				one, other := timed(b, bare), timed(b, fn)
				least[0], least[1] = min(least[0], one), min(least[1], other)
				each = append(each, fmt.Sprintf("%.2f s of %.2f s (%.2f)", other, one, other/one))
			}
			b.Log(strings.Join(each, ", "))
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(least[0], "s-bare")
			b.ReportMetric(least[1], "s")
			b.ReportMetric(least[1]/least[0], "x-bare")
			if least[1] > most*least[0] {
				b.Errorf("%.2f s, and a dump that only counts %.2f s", least[1], least[0])
			}
		})
	}
	run("table", 1.25, func(b *testing.B) {
		before := heap()
		tab := intoTable(b, r)
		b.ReportMetric(float64(heap()-before)/million, "B/flow")
		if tab.Live() != million {
			b.Fatal(tab.Live())
		}
	})
	run("conntrack-L", math.Inf(1), func(b *testing.B) {
		cmd := exec.Command("conntrack", "-L", "-o", "extended,id")
		cmd.Stdout = io.Discard
		if err := ns.Start(cmd); err != nil {
			b.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			b.Fatal(err)
		}
	})
	run("ti-mo-Dump", math.Inf(1), func(b *testing.B) {
		c, err := netns.In(ns, func() (*conntrack.Conn, error) { return conntrack.Dial(nil) })
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		before := heap()
		l, err := c.Dump(nil)
		if err != nil || len(l) != million {
			b.Fatal(len(l), err)
		}
		b.ReportMetric(float64(heap()-before)/million, "B/flow")
		runtime.KeepAlive(l)
	})
}

// intoTable reads as a session does: one goroutine reads and decodes, another folds.
func intoTable(b *testing.B, r *Reader) *flow.Table {
	tab, items, done := &flow.Table{}, make(chan feed.Item, 512), make(chan struct{})
	go func() {
		defer close(done)
		for i := range items {
			switch {
			case i.Flows != nil:
				tab.ApplyBatch(i.Flows)
				i.Flows.Release()
			case i.Flow != nil:
				tab.Apply(*i.Flow)
			}
		}
	}()
	if err := r.List(context.Background(), func(i feed.Item) { items <- i }); err != nil {
		b.Fatal(err)
	}
	close(items)
	<-done
	return tab
}

// count is a dump that only counts.
func count(b *testing.B, r *Reader) (n int) {
	conn, err := r.dial()
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		b.Fatal(err)
	}
	if _, err := conn.Send(netlink.Message{Header: netlink.Header{Type: msgGet, Flags: dumpBits}, Data: make([]byte, 4)}); err != nil {
		b.Fatal(err)
	}
	for buf := make([]byte, datagram); ; {
		got, err := receive(raw, buf)
		if err != nil {
			b.Fatal(err)
		}
		for d := buf[:got]; len(d) > 0; n++ {
			m, rest, err := split(d)
			if err != nil {
				b.Fatal(err)
			}
			if m.Type == unix.NLMSG_DONE {
				return n
			}
			d = rest
		}
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}
