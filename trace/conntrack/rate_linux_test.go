package conntrack

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
	"nfscope/trace/rcvbuf"
)

// BenchmarkEvents makes and takes away connections for two seconds at rates that rise, until
// `conntrack -E` loses events, and so with the buffer that a Reader has, and with
// ti-mo/conntrack's Listen and that buffer. Then a Reader that folds what comes into a Table
// gets four times the rate at which `conntrack -E` began to lose: it may lose none. And it
// gets as many as can be made: what it says that it lost must be what did not come.
//
//	go test -run '^$' -bench Events -benchtime 1x ./trace/conntrack
func BenchmarkEvents(b *testing.B) {
	nettest.Kernel(b, "conntrack")
	nettest.TrackedRoom(b, 1_100_000)
	const most = 320_000 // more than two cores make
	begins := 0
	for _, p := range []struct {
		name string
		run  func(b *testing.B, ns *netns.Handle, rate int) stormed
	}{
		{"conntrack-E", func(b *testing.B, ns *netns.Handle, rate int) stormed { return program(b, ns, rate) }},
		{"conntrack-E-64MB", func(b *testing.B, ns *netns.Handle, rate int) stormed {
			return program(b, ns, rate, "-b", fmt.Sprint(rcvbuf.Want))
		}},
		{"ti-mo-Listen-64MB", library},
	} {
		b.Run(p.name, func(b *testing.B) {
			for b.Loop() {
				for rate := 10_000; rate <= most; rate = rate * 3 / 2 {
					s := p.run(b, nettest.New(b, "rate"), rate)
					if b.Logf("%.0f a second: %d of %d came", s.rate(), s.came, s.sent); s.came < s.sent {
						if begins == 0 {
							begins = int(s.rate())
						}
						b.ReportMetric(s.rate(), "events/s-loses")
						break
					}
				}
				b.ReportMetric(0, "ns/op")
			}
		})
	}
	for _, rate := range []int{4 * begins, most} {
		b.Run(fmt.Sprintf("table/%d", rate), func(b *testing.B) {
			for b.Loop() {
				s := reader(b, nettest.New(b, "rate"), rate)
				if b.Logf("%.0f a second: %d of %d came, %d were told lost", s.rate(), s.came, s.sent, s.lost); s.came+s.lost != s.sent {
					b.Errorf("%d events were sent, %d came and %d were told lost", s.sent, s.came, s.lost)
				}
				if rate < most && (s.lost > 0 || s.rate() < 0.95*float64(rate)) {
					b.Errorf("%d events of %d were lost at %.0f a second", s.lost, s.sent, s.rate())
				}
				b.ReportMetric(s.rate(), "events/s")
				b.ReportMetric(100*float64(s.lost)/float64(s.sent), "%lost")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// stormed is what became of a storm of events.
type stormed struct {
	sent, came, lost int
	took             time.Duration
}

func (s *stormed) rate() float64 { return float64(s.sent) / s.took.Seconds() }

func storm(b *testing.B, ns *netns.Handle, rate int) (s stormed) {
	s.sent, s.took = nettest.NewTracked(b, ns).Storm(b, 0, rate, 2*time.Second)
	return s
}

// quietly waits until a count stands still.
func quietly(count func() int) int {
	for n := -1; ; {
		now := count()
		if now == n {
			return n
		}
		n = now
		<-time.After(2 * time.Second)
	}
}

// reader is a Reader with a Table behind it.
func reader(b *testing.B, ns *netns.Handle, rate int) stormed {
	r := open(b, ns)
	tab := &flow.Table{}
	var came, lost atomic.Int64
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		is := false
		ended <- r.Watch(ctx, Options{Resync: time.Hour}, func(i feed.Item) {
			switch {
			case i.Table != nil && !is:
				is = true
				close(ready)
			case i.Flows != nil && i.Flows.Dumped(): // read anew after a loss
				i.Flows.Release()
			case i.Flows != nil:
				came.Add(int64(len(i.Flows.Records)))
				tab.ApplyBatch(i.Flows)
				i.Flows.Release()
			case i.Flow != nil && i.Flow.Type == flow.EventGap:
				lost.Add(int64(i.Flow.Lost))
			case i.Flow != nil:
				tab.Apply(*i.Flow)
			}
			tab.Expire(i.Time.Add(flow.Linger))
		})
	}()
	<-ready
	s := storm(b, ns, rate)
	quietly(func() int { return int(came.Load() + lost.Load()) })
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	s.came, s.lost = int(came.Load()), int(lost.Load())
	return s
}

// program is conntrack -E.
func program(b *testing.B, ns *netns.Handle, rate int, args ...string) stormed {
	var out printed
	cmd := exec.Command("conntrack", append([]string{"-E", "-o", "id"}, args...)...)
	cmd.Stdout = &out
	if err := ns.Start(cmd); err != nil {
		b.Fatal(err)
	}
	for end := time.Now().Add(patience); !listened(b, ns); { // it says nothing when it listens
		if time.Now().After(end) {
			b.Fatal("conntrack -E does not listen")
		}
	}
	s := storm(b, ns, rate)
	s.came = quietly(out.count)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return s
}

// listened reports whether a program in the namespace listens to conntrack's groups.
func listened(b *testing.B, ns *netns.Handle) (yes bool) {
	b.Helper()
	nettest.Do(b, ns, func() error {
		text, err := os.ReadFile("/proc/thread-self/net/netlink")
		for l := range strings.Lines(string(text)) {
			// the socket, its protocol, port and groups; 1, 2 and 4 tell of new, changed and destroyed flows
			f := strings.Fields(l)
			yes = yes || len(f) > 3 && f[1] == strconv.Itoa(unix.NETLINK_NETFILTER) && strings.TrimLeft(f[3], "0") == "7"
		}
		return err
	})
	return yes
}

// printed counts the lines that are written to it.
type printed struct{ n atomic.Int64 }

func (l *printed) Write(p []byte) (int, error) {
	l.n.Add(int64(bytes.Count(p, []byte{'\n'})))
	return len(p), nil
}

func (l *printed) count() int { return int(l.n.Load()) }

// library is ti-mo/conntrack's Listen with the buffer that a Reader has. It ends at the first
// loss.
func library(b *testing.B, ns *netns.Handle, rate int) stormed {
	c, err := netns.In(ns, func() (*conntrack.Conn, error) { return conntrack.Dial(nil) })
	if err != nil {
		b.Fatal(err)
	}
	if err := c.SetReadBuffer(rcvbuf.Want); err != nil {
		b.Fatal(err)
	}
	events := make(chan conntrack.Event, 4096)
	failed, err := listen(c.Listen, events)
	if err != nil {
		b.Fatal(err)
	}
	var came atomic.Int64
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-events:
				came.Add(1)
			case <-failed:
			case <-stop:
				return
			}
		}
	}()
	s := storm(b, ns, rate)
	s.came = quietly(func() int { return int(came.Load()) })
	_ = c.Close()
	close(stop)
	<-ended
	return s
}

// listen asks for new, changed and destroyed flows. G is netfilter.NetlinkGroup, of a module
// that is not ours to name.
func listen[G ~uint8 | ~uint32](fn func(chan<- conntrack.Event, uint8, []G) (chan error, error), to chan<- conntrack.Event) (chan error, error) {
	return fn(to, 1, []G{1, 2, 3})
}
