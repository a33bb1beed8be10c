package conntrack

import (
	"bytes"
	"context"
	"os/exec"
	"testing"
	"time"

	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/trace/nettest"
)

// BenchmarkEvents makes and takes away connections at rates that rise, each for two
// seconds, and tells the share of the events that came: to a Reader that folds them into a
// Table, and to conntrack -E. What the Reader says it lost must be what did not come.
func BenchmarkEvents(b *testing.B) {
	nettest.Kernel(b, "conntrack")
	nettest.TrackedRoom(b, 1_100_000)
	for _, c := range []struct {
		name string
		rate int
	}{{"30000", 30_000}, {"60000", 60_000}, {"120000", 120_000}, {"240000", 240_000}} {
		b.Run("table/"+c.name, func(b *testing.B) {
			ns := nettest.New(b, "rate")
			r := open(b, ns)
			for b.Loop() {
				tab := &flow.Table{}
				came, lost := 0, 0
				ctx, stop := context.WithCancel(context.Background())
				ready, ended := make(chan struct{}), make(chan error, 1)
				go func() {
					ended <- r.Watch(ctx, Options{Resync: time.Hour}, func(i feed.Item) {
						switch {
						case i.Table != nil && ready != nil:
							close(ready)
							ready = nil
						case i.Flows != nil:
							came += len(i.Flows.Records)
							tab.ApplyBatch(i.Flows)
							i.Flows.Release()
						case i.Flow != nil && i.Flow.Type == flow.EventGap:
							lost += int(i.Flow.Lost)
						case i.Flow != nil:
							tab.Apply(*i.Flow)
						}
						tab.Expire(i.Time.Add(flow.Linger))
					})
				}()
				<-ready
				sent, took := nettest.NewTracked(b, ns).Storm(b, 0, c.rate, 2*time.Second)
				for w := time.After(5 * time.Second); r.table().Count > 0; {
					select {
					case <-w:
						b.Fatalf("%d connections are left", r.table().Count)
					case <-time.After(50 * time.Millisecond):
					}
				}
				<-time.After(500 * time.Millisecond) // what is in the socket
				stop()
				if err := <-ended; err != nil {
					b.Fatal(err)
				}
				if came+lost != sent {
					b.Errorf("%d events were sent, %d came and %d were told lost", sent, came, lost)
				}
				b.ReportMetric(float64(sent)/took.Seconds(), "events/s")
				b.ReportMetric(100*float64(lost)/float64(sent), "%lost")
				b.ReportMetric(0, "ns/op")
			}
		})
		b.Run("conntrack-E/"+c.name, func(b *testing.B) {
			ns := nettest.New(b, "rate")
			for b.Loop() {
				var out bytes.Buffer
				cmd := exec.Command("conntrack", "-E", "-o", "id", "-b", "67108864")
				cmd.Stdout = &out
				if err := ns.Start(cmd); err != nil {
					b.Fatal(err)
				}
				<-time.After(500 * time.Millisecond) // it says nothing when it listens
				sent, took := nettest.NewTracked(b, ns).Storm(b, 0, c.rate, 2*time.Second)
				<-time.After(3 * time.Second)
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				came := bytes.Count(out.Bytes(), []byte{'\n'})
				b.ReportMetric(float64(sent)/took.Seconds(), "events/s")
				b.ReportMetric(100*float64(sent-came)/float64(sent), "%lost")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}
