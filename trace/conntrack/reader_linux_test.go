package conntrack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"

	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// TestMain runs the test binary as the program that has no rights, where asked for.
func TestMain(m *testing.M) {
	if os.Getenv("NFSCOPE_TEST_REFUSED") != "" {
		ns, err := netns.Current()
		if err == nil {
			var r *Reader
			if r, err = Open(ns); err == nil {
				err = r.Watch(context.Background(), Options{}, func(feed.Item) {})
			}
		}
		fmt.Println(err)
		fmt.Println(errors.Is(err, os.ErrPermission))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestLifeOfAConnection follows a real TCP connection from its SYN to its end.
func TestLifeOfAConnection(t *testing.T) {
	t.Parallel()
	n, router := setUp(t)
	items := watch(t, open(t, router), Options{Resync: time.Hour})
	first := until(t, items, "the first dump", isTable)
	if !first.Table.Ready || first.Table.Accounting || first.Table.Timestamps {
		t.Errorf("%+v", first.Table)
	}
	c, err := nettest.Dial(t, n.Client, "tcp", "10.1.0.2:4321", "10.2.0.2:7", patience)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	next := func() *flow.Event {
		i := until(t, items, "an event of the connection", func(i feed.Item) bool {
			return i.Flow != nil && i.Flow.Flow != nil && i.Flow.Flow.Orig.Tuple.SPort == 4321
		})
		got = append(got, i.Flow.Type.String()+" "+i.Flow.Flow.State)
		return i.Flow
	}
	var tab flow.Table
	for range 3 {
		tab.Apply(*next())
	}
	if f := tab.List()[0]; f.Status&(flow.Assured|flow.SeenReply) != flow.Assured|flow.SeenReply || f.Timeout < time.Hour {
		t.Errorf("established: %v, timeout %v", f.Status.List(), f.Timeout)
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close() // a RST
	next()
	nettest.Run(t, router, "conntrack", "-D", "-p", "tcp", "--orig-port-src", "4321")
	e := next()
	want := []string{"new SYN_SENT", "update SYN_RECV", "update ESTABLISHED", "update CLOSE", "destroy CLOSE"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, expected %q", got, want)
	}
	if e.Flow.Key() != tab.List()[0].Key() {
		t.Errorf("destroyed %+v, made as %+v", e.Flow.Key(), tab.List()[0].Key())
	}
	if tab.Apply(*e); tab.Live() != 0 {
		t.Error("still alive in the table")
	}
}

// TestOldFlowsLeave destroys a flow of which the kernel sends no events, and the next
// reading finds out. Flows older than the first subscription are such flows. Which one
// was the first is counted over all namespaces (nf_ctnetlink_has_listener,
// nf_conntrack_netlink.c), and tests run side by side: so the sysctl makes it one.
func TestOldFlowsLeave(t *testing.T) {
	t.Parallel()
	n, router := setUp(t)
	nettest.Run(t, router, "sysctl", "-qw", "net.netfilter.nf_conntrack_events=0")
	talk(t, n.Client, "udp", "10.2.0.2:7")
	nettest.Run(t, router, "sysctl", "-qw", "net.netfilter.nf_conntrack_events=2")
	items := watch(t, open(t, router), Options{Resync: 200 * time.Millisecond})
	var tab flow.Table
	destroyed := false
	fold := func(what string, is func() bool) {
		until(t, items, what, func(i feed.Item) bool {
			if i.Flow != nil {
				destroyed = destroyed || i.Flow.Type == flow.EventDestroy
				tab.Apply(*i.Flow)
			}
			return i.Table != nil && is()
		})
	}
	fold("the flow", func() bool { return tab.Live() == 1 })
	nettest.Run(t, router, "conntrack", "-D", "-p", "udp")
	fold("its end", func() bool { return tab.Live() == 0 })
	if destroyed {
		t.Error("DESTROY came by event: this proves nothing of the reading")
	}
	if l := tab.List(); len(l) != 1 || l[0].Gone.IsZero() {
		t.Errorf("%+v", l)
	}
}

// TestHeard: what waits in the socket, or is being handed over, was not heard; without it
// all was.
func TestHeard(t *testing.T) {
	t.Parallel()
	n, router := setUp(t)
	r := open(t, router)
	if before := time.Now(); r.Heard().Before(before) {
		t.Error("nothing is followed, and something was not heard")
	}
	met, on := make(chan bool), make(chan bool)
	read, ended := make(chan bool, 1000), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		ended <- r.Watch(ctx, Options{}, func(i feed.Item) {
			switch {
			case i.Table != nil:
				read <- true
			case i.Flows != nil:
				met <- true
				<-on
			}
		})
	}()
	<-read
	for range 2 { // the second one finds the reader at work on the first
		talk(t, n.Client, "udp", "10.2.0.2:7")
	}
	<-met
	begun := time.Now()
	for range 100 {
		if at := r.Heard(); !at.Before(begun) {
			t.Fatalf("a flow is in hand, and all was heard up to %v after it", at.Sub(begun))
		}
	}
	go func() {
		for range met {
		}
	}()
	close(on)
	deadline, again := time.After(patience), time.NewTicker(time.Millisecond)
	defer again.Stop()
	for r.Heard().Before(begun) {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatal("it is handed over, and was not heard")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	close(met)
}

// TestZonesMarksHelpers holds what rules give to flows against what conntrack prints.
func TestZonesMarksHelpers(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	n, router := setUp(t)
	nettest.Feed(t, router, `*raw
-A PREROUTING -i r0 -p tcp --dport 7 -j CT --zone 5
-A PREROUTING -i r1 -p tcp --sport 7 -j CT --zone 5
-A PREROUTING -i r0 -p udp --dport 8 -j CT --zone-orig 6
-A PREROUTING -i r0 -p tcp --dport 9 -j CT --helper ftp
COMMIT
*mangle
-A FORWARD -p tcp --dport 7 -j CONNMARK --set-mark 0x1234
COMMIT
`, "iptables-legacy-restore")
	nettest.Feed(t, router, "table inet labels { chain c { type filter hook forward priority 1; tcp dport 9 ct label set 3; }; }", "nft", "-f", "-")
	nettest.Echo(t, n.Server, 8)
	nettest.Echo(t, n.Server, 9)
	talk(t, n.Client, "tcp", "10.2.0.2:7")
	talk(t, n.Client, "udp", "10.2.0.2:8")
	talk(t, n.Client, "tcp", "10.2.0.2:9")
	printed := conntrackL(t, router)
	flows, _ := list(t, open(t, router))
	seen := 0
	for _, f := range flows {
		l, ok := printed[f.ID]
		if f.Orig.Tuple.Src != netip.MustParseAddr("10.1.0.2") {
			continue
		}
		if !ok {
			t.Errorf("conntrack does not print %s", f.Line())
			continue
		}
		seen++
		same(t, f, l)
		switch f.Orig.Tuple.DPort {
		case 7:
			if f.Zone != 5 || f.Mark != 0x1234 || f.Key().Zone != 5 {
				t.Errorf("zone %d mark %#x", f.Zone, f.Mark)
			}
		case 8:
			if f.Orig.Zone != 6 || f.Reply.Zone != 0 || f.Zone != 0 || f.Key().Zone != 6 {
				t.Errorf("zones %d, %d and %d", f.Orig.Zone, f.Reply.Zone, f.Zone)
			}
		case 9:
			if f.Helper != "ftp" || len(f.Labels) == 0 || f.Labels[0] != 1<<3 || f.Status&flow.Helper == 0 {
				t.Errorf("helper %q, labels %x, %v", f.Helper, f.Labels, f.Status.List())
			}
		}
	}
	if seen != 3 {
		t.Errorf("%d flows, expected 3", seen)
	}
}

// TestLookingSwitchesNothingOn reads and follows a namespace that does not track, and
// sends packets through it: there must be no entry, and no sysctl may have moved.
func TestLookingSwitchesNothingOn(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "conntrack")
	n := nettest.NewRouted(t)
	nettest.Echo(t, n.Server, 7)
	sysctls := func() string {
		return nettest.Run(t, n.Router, "sysctl", "-a", "-r", `^net\.(netfilter|ipv4\.ip_forward)`)
	}
	before := sysctls()
	r := open(t, n.Router)
	items := watch(t, r, Options{Resync: 50 * time.Millisecond})
	until(t, items, "the first dump", isTable)
	if _, tab := list(t, r); tab.Table.Count != 0 || !tab.Table.Ready || tab.Table.Max == 0 {
		t.Errorf("%+v", tab.Table)
	}
	for _, network := range []string{"tcp", "udp"} {
		talk(t, n.Client, network, "10.2.0.2:7")
		talk(t, n.Client, network, "[fd02::2]:7")
	}
	for range 3 {
		i := until(t, items, "a dump", func(i feed.Item) bool {
			if i.Flow != nil && i.Flow.Flow != nil {
				t.Errorf("a flow: %s", i.Flow.Flow.Line())
			}
			return i.Table != nil
		})
		if i.Table.Count != 0 {
			t.Errorf("%d entries where nothing was tracked", i.Table.Count)
		}
	}
	if l := conntrackL(t, n.Router); len(l) != 0 {
		t.Errorf("conntrack prints %v", l)
	}
	if after := sysctls(); after != before {
		t.Errorf("sysctls before\n%s\nafter\n%s", before, after)
	}
	// The proof can fail: with a rule that tracks, the same packet leaves an entry.
	if _, err := exec.LookPath("nft"); err == nil {
		nettest.Feed(t, n.Router, "table inet track { chain c { type filter hook forward priority 0; ct state new counter; }; }", "nft", "-f", "-")
		talk(t, n.Client, "udp", "10.2.0.2:7")
		until(t, items, "a flow", func(i feed.Item) bool { return i.Flow != nil && i.Flow.Type == flow.EventNew })
	}
}

// create makes n entries by netlink, as `conntrack -I` does, and del takes them away.
func create(t testing.TB, ns *netns.Handle, n int) (flows []conntrack.Flow, del func()) {
	t.Helper()
	c, err := conntrack.Dial(&netlink.Config{NetNS: ns.Fd()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for i := range n {
		f := conntrack.NewFlow(17, 0, netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)}), netip.MustParseAddr("10.2.0.2"), 1000, 53, 600, uint32(i))
		if err := c.Create(f); err != nil {
			t.Fatalf("entry %d: %v", i, err)
		}
		flows = append(flows, f)
	}
	return flows, func() {
		for _, f := range flows {
			if err := c.Delete(f); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestStorm lets a Reader with a tiny buffer stand still while thousands of flows come
// and go. What it got and what it says it lost must be what a Reader with a large
// buffer got; and after the next reading its table must be the kernel's.
func TestStorm(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	ns := nettest.New(t, "storm")
	r := open(t, ns)
	large := watch(t, r, Options{Resync: time.Hour})
	until(t, large, "the first dump", isTable)

	stand, storm := make(chan struct{}), make(chan struct{})
	small := make(chan feed.Item, 1<<16)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		stood := false
		ended <- r.Watch(ctx, Options{Resync: time.Hour, Buffer: 4096}, func(i feed.Item) {
			if i.Flows != nil && !i.Flows.Dumped() && !stood {
				stood = true
				close(stand)
				<-storm
			}
			i.Split(func(i feed.Item) { small <- i })
		})
	}()
	until(t, small, "the first dump", isTable)

	_, delFirst := create(t, ns, 1)
	<-stand
	delFirst()
	const n = 3000
	flows, del := create(t, ns, n)
	del()
	c, err := conntrack.Dial(&netlink.Config{NetNS: ns.Fd()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, f := range flows[:100] {
		if err := c.Create(f); err != nil {
			t.Fatal(err)
		}
	}
	sent := 0
	until(t, large, "the last event", func(i feed.Item) bool {
		if i.Flow == nil || i.Flow.Flow == nil || i.Flow.Type == flow.EventDump {
			if i.Flow != nil && i.Flow.Type == flow.EventGap {
				t.Errorf("the large buffer lost %d", i.Flow.Lost)
			}
			return false
		}
		sent++
		return sent == 2+2*n+100
	})
	// A reader that stands still must not make the kernel keep what is destroyed.
	if c := r.table().Count; c != 100 {
		t.Errorf("%d entries in the table, expected 100", c)
	}
	close(storm)

	var tab flow.Table
	got, lost, gaps := 0, 0, 0
	fold := func(i feed.Item) bool {
		if i.Flow != nil {
			switch i.Flow.Type {
			case flow.EventGap:
				lost += int(i.Flow.Lost)
				gaps++
			case flow.EventNew, flow.EventUpdate, flow.EventDestroy:
				got++
			}
			tab.Apply(*i.Flow)
		}
		return i.Table != nil && lost > 0 // the reading that the loss caused, long before Resync
	}
	until(t, small, "the loss and a reading after it", fold)
	if got+lost != sent || lost < sent/2 {
		t.Errorf("%d events came and %d were told lost in %d gaps, of %d sent", got, lost, gaps, sent)
	}
	fresh, _ := list(t, r)
	if tab.Live() != 100 || len(fresh) != 100 {
		t.Errorf("%d live flows, a fresh dump has %d, expected 100", tab.Live(), len(fresh))
	}
	for _, f := range fresh {
		mine := tab.Get(f.Key())
		if mine == nil || !mine.Gone.IsZero() || mine.Mark != f.Mark || mine.Status != f.Status || mine.Reply.Tuple != f.Reply.Tuple {
			t.Fatalf("the kernel has %+v, the table %+v", f, mine)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestLossWhileItReads: a Reader with a tiny buffer loses again and again while it reads
// bursts; what came and what it says it lost are all that was sent, to the last event.
func TestLossWhileItReads(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	ns := nettest.New(t, "bursts")
	items, end := watching(t, open(t, ns), Options{Resync: time.Hour, Buffer: 4096})
	until(t, items, "the first dump", isTable)
	sent, came, lost, gaps := 0, 0, 0, 0
	count := func(i feed.Item) bool {
		switch {
		case i.Flow == nil:
		case i.Flow.Type == flow.EventGap:
			lost += int(i.Flow.Lost)
			gaps++
		case i.Flow.Type == flow.EventNew, i.Flow.Type == flow.EventUpdate, i.Flow.Type == flow.EventDestroy:
			came++
		}
		return came+lost >= sent
	}
	for made := nettest.NewTracked(t, ns); gaps < 2; { // a reader that is kept waiting has one gap of it all
		n, _ := made.Storm(t, sent/2, 60_000, 300*time.Millisecond)
		sent += n
		until(t, items, "all that was sent", count)
	}
	end()
	for len(items) > 0 {
		count(<-items)
	}
	t.Logf("%d events came and %d were told lost in %d gaps, of %d sent", came, lost, gaps, sent)
	if came+lost != sent || came == 0 {
		t.Errorf("%d events came and %d were told lost in %d gaps, of %d sent", came, lost, gaps, sent)
	}
}

// TestLossWhileTheTableIsRead: what was lost meanwhile may be the end of a flow that the reading
// tells: the next one comes soon.
func TestLossWhileTheTableIsRead(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	ns := nettest.New(t, "lossread")
	made := nettest.NewTracked(t, ns)
	r := open(t, ns)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tables, lost := 0, 0
	err := r.Watch(ctx, Options{Resync: time.Hour, Buffer: 4096}, func(i feed.Item) {
		switch {
		case i.Flow != nil && i.Flow.Type == flow.EventDumpBegin && tables == 0:
			made.Make(t, 0, 500)
		case i.Flow != nil && i.Flow.Type == flow.EventGap:
			lost += int(i.Flow.Lost)
		case i.Table != nil:
			if tables++; tables == 2 {
				cancel()
			}
		}
	})
	if err != nil || tables != 2 || lost == 0 {
		t.Errorf("%v, %d readings, %d lost", err, tables, lost)
	}
}

// TestClose: Close unblocks a Watch that waits, and later calls say so.
func TestClose(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	r, err := Open(nettest.New(t, "close"))
	if err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- r.Watch(context.Background(), Options{Resync: time.Hour}, func(i feed.Item) {
			if i.Table != nil {
				close(ready)
			}
		})
	}()
	<-ready
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("Watch ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Watch goes on after Close")
	}
	if err := r.List(context.Background(), func(feed.Item) {}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("List after Close: %v", err)
	}
}

// TestContext: a context that has ended, or ends while Watch waits, ends it with nil.
func TestContext(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	r := open(t, nettest.New(t, "context"))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- r.Watch(ctx, Options{Resync: time.Hour}, func(i feed.Item) {
			if i.Table != nil {
				cancel() // while the goroutine is between the dump and the wait
			}
		})
	}()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("Watch goes on")
	}
	if err := r.Watch(ctx, Options{}, func(feed.Item) {}); err != nil {
		t.Error(err)
	}
}

// TestRefused runs a program without rights in the namespace.
func TestRefused(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	ns := nettest.New(t, "refused")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "NFSCOPE_TEST_REFUSED=1")
	// Root of a user namespace of its own has no rights in a network namespace that
	// is not its own.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := ns.Start(cmd); err != nil {
		nettest.Skip(t, "cannot make a user namespace: "+err.Error())
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err, out.String())
	}
	if s := out.String(); !strings.Contains(s, "needs CAP_NET_ADMIN") || !strings.Contains(s, "\ntrue\n") || strings.Count(s, "\n") != 2 {
		t.Errorf("said %q", s)
	}
}

// TestNoEvents: where the sysctl switches events off, a sentence says so and names it.
func TestNoEvents(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	ns := nettest.New(t, "silent")
	nettest.Run(t, ns, "sysctl", "-qw", "net.netfilter.nf_conntrack_events=0")
	items := watch(t, open(t, ns), Options{Resync: time.Hour})
	i := until(t, items, "the problem", func(i feed.Item) bool { return i.Problem != "" })
	if !strings.Contains(i.Problem, "net.netfilter.nf_conntrack_events") {
		t.Errorf("%q", i.Problem)
	}
	until(t, items, "the dump all the same", isTable)
}

func TestRefusedInWords(t *testing.T) {
	r := &Reader{name: "blue"}
	for err, want := range map[error]string{
		syscall.EPERM:  "CAP_NET_ADMIN",
		syscall.EINVAL: "nf_conntrack_netlink",
		syscall.ENOMEM: "cannot allocate memory",
	} {
		s := r.refused("reading the connections", err)
		if !strings.Contains(s.Error(), want) || !strings.Contains(s.Error(), `"blue"`) || !errors.Is(s, err) {
			t.Errorf("%v", s)
		}
	}
	if !errors.Is(r.refused("", syscall.EINVAL), errors.ErrUnsupported) {
		t.Error("EINVAL is not taken for a missing feature")
	}
}

func TestLocalAddrs(t *testing.T) {
	t.Parallel()
	n := nettest.NewRouted(t)
	got, err := LocalAddrs(n.Router)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"127.0.0.1/8", "10.1.0.1/24", "10.2.0.1/24", "::1/128", "fd01::1/64", "fd02::1/64"} {
		if !slices.Contains(got, netip.MustParsePrefix(want)) {
			t.Errorf("%s is missing in %v", want, got)
		}
	}
}

// TestNoSubsystem asks the kernel for a subsystem of nfnetlink that is not there, as
// conntrack's is not where nf_conntrack_netlink is not loaded: what it answers is taken for
// a missing feature.
func TestNoSubsystem(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	r := open(t, nettest.New(t, "nothing"))
	c, err := r.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const none = 15 // no subsystem has this number
	_, err = c.Execute(netlink.Message{Header: netlink.Header{Type: none<<8 | 1, Flags: netlink.Request | netlink.Dump}, Data: make([]byte, 4)})
	if err == nil || !errors.Is(r.refused("reading the connections", err), errors.ErrUnsupported) {
		t.Errorf("%v", err)
	}
}
