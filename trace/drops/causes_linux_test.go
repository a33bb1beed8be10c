package drops

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// where tells which host of a nettest.Routed a cause is at work in.
type where uint8

const (
	atRouter where = iota
	atServer
)

// cause makes the kernel drop a packet for one reason.
type cause struct {
	name string
	at   where
	// setup runs in the host that is watched, each line a command.
	setup string
	// ready makes what else must be there, once.
	ready func(t testing.TB, n *nettest.Routed)
	// fire makes the packets; it may be done again.
	fire func(t testing.TB, n *nettest.Routed)
	// reason, station and hook are what must be told of it.
	reason  string
	station drop.Station
	hook    model.Hook
	by      drop.By // drop.ByKernel if ""
	// what must be in the packet's words, says and facts in the explanation.
	what, says string
	facts      []string
	// counter is the counter of /proc that must rise; on StepBPF it stands alone where
	// reason is "".
	counter string
	// hasCT says that the packet had a connection; conn is what must be told of it then, where
	// that is not "": both tuples, state, zone, and the packet's mark.
	hasCT bool
	conn  string
	// way is the interfaces it came by and was to leave by, "" to hold nothing.
	way string
}

func (c *cause) host(n *nettest.Routed) *netns.Handle {
	if c.at == atServer {
		return n.Server
	}
	return n.Router
}

// frame sends a nettest.Frame frame from the client to the router.
func frame(c nettest.Frame) func(testing.TB, *nettest.Routed) {
	return func(t testing.TB, n *nettest.Routed) {
		if c.ToMAC == "" {
			c.ToMAC = nettest.MAC(t, n.Router, "r0")
		}
		nettest.SendFrame(t, n.Client, "c0", c)
	}
}

// from sends a datagram by a socket of the client.
func datagram(network, to string, size int, noFrag bool) func(testing.TB, *nettest.Routed) {
	return func(t testing.TB, n *nettest.Routed) {
		sendFrom(t, n.Client, network, to, size, noFrag)
	}
}

func sendFrom(t testing.TB, ns *netns.Handle, network, to string, size int, noFrag bool) {
	t.Helper()
	nettest.Do(t, ns, func() error {
		d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) {
				if noFrag {
					_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
				}
			})
		}}
		c, err := d.Dial(network, to)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write(make([]byte, max(1, size)))
		return err
	})
}

// connect tries a TCP connection.
func connect(to string) func(testing.TB, *nettest.Routed) {
	return func(t testing.TB, n *nettest.Routed) {
		nettest.SYN(t, n.Client, to) // it fails, as it should
	}
}

// listen has a TCP socket of the server listen.
func listen(at string) func(testing.TB, *nettest.Routed) {
	return func(t testing.TB, n *nettest.Routed) {
		nettest.Do(t, n.Server, func() error {
			l, err := net.Listen("tcp", at)
			if err == nil {
				t.Cleanup(func() { _ = l.Close() })
			}
			return err
		})
	}
}

// over has a connection end at the server first, which keeps it in TIME_WAIT, and gives the
// client's port.
func over(t testing.TB, n *nettest.Routed, at string) uint16 {
	t.Helper()
	var l net.Listener
	nettest.Do(t, n.Server, func() (err error) {
		l, err = net.Listen("tcp", at)
		return err
	})
	defer l.Close()
	c, err := nettest.Dial(t, n.Client, "tcp", "", at, nettest.InVain)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	_, _ = c.Read(make([]byte, 1)) // the end
	_ = c.Close()
	port := uint16(c.LocalAddr().(*net.TCPAddr).Port)
	waits := fmt.Sprintf(":%04X 06 ", port)
	for deadline := time.Now().Add(nettest.InVain); ; runtime.Gosched() {
		var all []byte
		nettest.Do(t, n.Server, func() error {
			for _, f := range []string{"tcp", "tcp6"} {
				b, err := os.ReadFile("/proc/thread-self/net/" + f)
				if err != nil {
					return err
				}
				all = append(all, b...)
			}
			return nil
		})
		if strings.Contains(string(all), waits) {
			return port
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server keeps nothing in TIME_WAIT:\n%s", all)
		}
	}
}

// watching is a Reader at work.
type watching struct {
	*Reader
	began drop.Watch // while it runs its Watch is its own
	drops chan *drop.Drop
	again int // how often something was fired again
}

func (w *watching) Watch() drop.Watch { return w.began }

// watch returns when the drops are being told: what this host says about one is asked
// when it is, and may be another thing later.
func watch(t testing.TB, ns *netns.Handle, o Options) *watching {
	t.Helper()
	r, err := Open(ns, o)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, r)
}

// run has a Reader tell.
func run(t testing.TB, r *Reader) *watching {
	t.Helper()
	w := &watching{Reader: r, began: r.Watch(), drops: make(chan *drop.Drop, 1<<16)}
	ctx, stop := context.WithCancel(context.Background())
	ended, told := make(chan error, 1), make(chan struct{})
	var once sync.Once
	go func() {
		ended <- r.Run(ctx, func(it feed.Item) {
			switch {
			case it.Drop != nil:
				w.drops <- it.Drop
			case it.Drops != nil:
				once.Do(func() { close(told) })
			}
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-told:
	case err := <-ended:
		ended <- err
		t.Fatalf("it watches no drops: %v", err)
	}
	return w
}

// needBPF ends a test that eBPF is needed for where the Reader stands on a lower step.
func needBPF(t testing.TB, w drop.Watch) {
	t.Helper()
	if w.Step != drop.StepBPF {
		t.Fatalf("step %s: %+v", w.Step, w.Lift)
	}
}

func line(d *drop.Drop) string {
	return fmt.Sprintf("%s %s %q at %s < %v, station %s hook %s, %d×, in %q out %q, %s, orig %s %s, facts %+v", d.Source, d.Reason, d.What(), d.Place, d.Callers, d.Station, d.Hook, d.Count, d.In, d.Out, d.Kind, d.Orig, d.State, d.Facts)
}

// build makes the network of a cause. Neighbours are fixed, so that nothing waits for
// them but what is about them.
func build(t testing.TB, c *cause) (*nettest.Routed, *netns.Handle) {
	t.Helper()
	n := nettest.NewRouted(t)
	n.FixNeighbours(t)
	host := c.host(n)
	for l := range strings.Lines(c.setup) {
		if l = strings.TrimSpace(l); l != "" {
			nettest.Run(t, host, "sh", "-ec", l)
		}
	}
	if c.ready != nil {
		c.ready(t, n)
	}
	return n, host
}

// TestCauses makes the kernel drop packets for each reason, and checks what is said of
// it, word for reason: by eBPF, by perf, which tells of the same drops of the whole host, and
// by the counters, where this process has no capability for either.
func TestCauses(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy", "nft", "tc", "ip", "sysctl")
	blind := watchBlind(t)
	const few = 3 // of some hundred drops one is passed over
	var again atomic.Int32
	t.Run("all", func(t *testing.T) {
		for _, c := range causes() {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				n, host := build(t, &c)
				w := watch(t, host, Options{Counters: 100 * time.Millisecond})
				needBPF(t, w.Watch())
				var low *watching
				if c.counter != "" {
					low = run(t, openWithout(t, host, Options{Tracefs: blind.tracefs, Counters: 100 * time.Millisecond}))
					if l := low.Watch(); l.Step != drop.StepProc || len(l.Lift) != 2 || !strings.Contains(l.Lift[0].Why, "it needs CAP_BPF and CAP_PERFMON") || !strings.Contains(l.Lift[1].Why, "it needs CAP_PERFMON") {
						t.Errorf("without capabilities: %+v", l)
					}
				}
				c.check(t, w, blind, func() { c.fire(t, n) })
				if w.again > 0 {
					again.Add(1)
				}
				if low != nil {
					_, all := low.until(t, c.counter, func(d *drop.Drop) bool { return d.Reason == c.counter })
					c.checkCounters(t, all)
				}
			})
		}
	})
	if n := again.Load(); n > few {
		t.Errorf("%d causes were fired again: so many drops the kernel does not pass over", n)
	}
	blind.check(t)
}

// check fires a cause, holds what is told by eBPF against it, and has it held against perf.
func (c *cause) check(t *testing.T, w *watching, blind *blindly, fire func()) {
	t.Helper()
	words := drop.Meanings()
	if c.reason == "" {
		fire()
		d, _ := w.until(t, c.counter, func(d *drop.Drop) bool { return d.Reason == c.counter })
		if e := words.Explain(d); d.Source != drop.StepProc || !strings.Contains(e.Sentence(), c.says) {
			t.Errorf("%s: %s", line(d), e.Sentence())
		}
		return
	}
	d, all := w.fired(t, c.what, fire, func(d *drop.Drop) bool { return strings.Contains(d.What(), c.what) })
	blind.told(c, d, all)
	e := words.Explain(d)
	if c.by == "" {
		c.by = drop.ByKernel
	}
	if d.Reason != c.reason || d.Station != c.station || d.Hook != c.hook || d.Count != 1 || d.Netns != w.Watch().Netns {
		t.Errorf("wrong: %s", line(d))
	}
	if e.By != c.by || d.Netfilter() != (c.by != drop.ByKernel) {
		t.Errorf("by %s, want %s: %s", e.By, c.by, line(d))
	}
	if d.Tracked() != c.hasCT {
		t.Errorf("a connection: %v, want %v: %s", d.Tracked(), c.hasCT, line(d))
	}
	if got := fmt.Sprintf("%s, %s, %s, zone %d, mark %d", d.Orig, d.Reply, d.State, d.Zone, d.Packet.Mark); c.conn != "" && got != c.conn {
		t.Errorf("its connection is told as %s, want %s", got, c.conn)
	}
	if got := d.In + ">" + d.Out; c.way != "" && got != c.way {
		t.Errorf("it came and went %s, want %s", got, c.way)
	}
	for _, want := range append(c.facts, c.says) {
		if !strings.Contains(e.Sentence()+" | "+e.Do, want) {
			t.Errorf("%q is not said: %s | %s", want, e.Sentence(), e.Do)
		}
	}
	for _, d := range all {
		if len(d.Callers) == 0 && d.Source == drop.StepBPF || d.Place == "" && d.Source == drop.StepBPF || strings.HasPrefix(d.Place, "0x") {
			t.Errorf("no place: %s", line(d))
		}
	}
}

// checkCounters holds what the counters tell against the cause: no packet, and no blame of the
// kernel for a rule.
func (c *cause) checkCounters(t *testing.T, all []*drop.Drop) {
	t.Helper()
	for _, d := range all {
		e := drop.Meanings().Explain(d)
		if d.Source != drop.StepProc || d.Count == 0 || d.HasPacket() || d.Netfilter() || e.By == drop.ByNetfilter || e.Words == "" {
			t.Errorf("%s: %+v", line(d), e)
		}
		if host := drop.Meanings().Of(d.Reason).Host; host != (d.Netns == 0) {
			t.Errorf("it is told of namespace %d, and is of the whole host: %v: %s", d.Netns, host, line(d))
		}
		if c.by == drop.ByNetfilter && e.By == drop.ByKernel && d.Netns != 0 { // else of the whole host
			t.Errorf("the kernel is blamed for a rule: %s", line(d))
		}
	}
}
