package conntrack

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/trace/nettest"
)

// follower is a Table that follows what a Watch tells.
type follower struct {
	items <-chan feed.Item
	end   func() // ends the Watch
	table flow.Table
	lost  uint64
}

func follow(t *testing.T, r *Reader, o Options) *follower {
	t.Helper()
	items, end := watching(t, r, o)
	f := &follower{items: items, end: end}
	until(t, items, "the first dump", func(i feed.Item) bool { f.fold(i); return isTable(i) })
	return f
}

func (f *follower) fold(i feed.Item) {
	switch {
	case i.Flow != nil:
		if i.Flow.Type == flow.EventGap {
			f.lost += i.Flow.Lost
		}
		f.table.Apply(*i.Flow)
	case i.Table != nil:
		f.table.SetExpectations(i.Table.Expected)
	}
}

// still reports whether no TCP connection is between two states that stay, but for those that
// are open: what a client sent last to one that it closed may still be on its way.
func (f *follower) still(open map[string]bool) bool {
	for x := range f.table.All() {
		switch x.State {
		case "ESTABLISHED":
			if x.Status&(flow.SeenReply|flow.Assured) == flow.SeenReply || !open[x.Orig.Tuple.String()] {
				return false
			}
		case "SYN_SENT", "SYN_RECV", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK":
			return false
		}
	}
	return true
}

// life does what connections do, at random.
type life struct {
	t    *testing.T
	r    *rand.Rand
	n    *nettest.Routed
	open []net.Conn // TCP and UDP
	ftp  net.Conn
	ct   *conntrack.Conn
}

// step does one thing.
func (l *life) step() {
	to := [...]string{"10.2.0.2", "10.2.0.2", "203.0.113.1"}[l.r.IntN(3)]
	switch n := l.r.IntN(20); {
	case n < 6:
		network := [...]string{"tcp", "udp"}[l.r.IntN(2)]
		c, err := nettest.Dial(l.t, l.n.Client, network, fmt.Sprintf("10.1.0.2:%d", 20000+l.r.IntN(2000)), fmt.Sprintf("%s:%d", to, 7+l.r.IntN(2)), patience)
		if err != nil { // the port is taken, or nobody listens
			return
		}
		l.open = append(l.open, c)
	case n < 11 && len(l.open) > 0:
		c := l.open[l.r.IntN(len(l.open))]
		_ = c.SetDeadline(time.Now().Add(patience))
		// Behind DNAT too: an answer on its way when all is over would be counted between two readings.
		// Of a port where nobody listens comes an error.
		if _, err := c.Write([]byte("hello")); err == nil {
			_, _ = c.Read(make([]byte, 100))
		}
	case n < 14 && len(l.open) > 0:
		i := l.r.IntN(len(l.open))
		if c, ok := l.open[i].(*net.TCPConn); ok && l.r.IntN(2) == 0 {
			_ = c.SetLinger(0) // a reset
		}
		_ = l.open[i].Close()
		l.open = append(l.open[:i], l.open[i+1:]...)
	case n < 15:
		ping(l.t, l.n.Client, "10.2.0.2", uint16(1+l.r.IntN(9)))
	case n < 17:
		l.expect()
	case n < 18:
		c, err := nettest.Dial(l.t, l.n.Client, "tcp", "", fmt.Sprintf("10.2.0.2:%d", 4096+l.r.IntN(4)), patience)
		if err == nil {
			_ = c.Close()
		}
	default:
		l.change()
	}
}

// opened are the TCP connections that are open, by their tuples.
func (l *life) opened() map[string]bool {
	open := map[string]bool{}
	for _, c := range append([]net.Conn{l.ftp}, l.open...) {
		if _, ok := c.(*net.TCPConn); ok {
			from, to := netip.MustParseAddrPort(c.LocalAddr().String()), netip.MustParseAddrPort(c.RemoteAddr().String())
			open[model.Tuple{Proto: model.ProtoTCP, Src: from.Addr(), SPort: from.Port(), Dst: to.Addr(), DPort: to.Port()}.String()] = true
		}
	}
	return open
}

// expect has the helper hear an answer to PASV, which the echo gives back.
func (l *life) expect() {
	_ = l.ftp.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(l.ftp, "227 Entering Passive Mode (10,2,0,2,16,%d)\r\n", l.r.IntN(4)); err != nil {
		l.t.Fatal(err)
	}
	_, _ = l.ftp.Read(make([]byte, 200))
}

// change deletes an entry, or gives it another mark, as conntrack(8) does. A deleted one of
// TCP would come again in the middle of its life, and may never come to rest.
func (l *life) change() {
	flows, err := l.ct.Dump(nil)
	if err != nil {
		l.t.Fatal(err)
	}
	if len(flows) == 0 {
		return
	}
	f := flows[l.r.IntN(len(flows))]
	if model.Proto(f.TupleOrig.Proto.Protocol) != model.ProtoTCP && l.r.IntN(2) == 0 {
		_ = l.ct.Delete(f) // it may have gone meanwhile
		return
	}
	_ = l.ct.Update(conntrack.Flow{TupleOrig: f.TupleOrig, TupleReply: f.TupleReply, Zone: f.Zone, Mark: l.r.Uint32()})
}

// TestEqualsFreshDump: after any sequence of events, losses and readings the model equals a
// fresh reading of the table in every field; by events alone in all that events tell.
func TestEqualsFreshDump(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	for _, seed := range nettest.Seeds(t, 1, 2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			equalsFreshDump(t, seed)
		})
	}
}

func equalsFreshDump(t *testing.T, seed uint64) {
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, `table ip n {
 ct helper f { type "ftp" protocol tcp; }
 chain z { type filter hook prerouting priority -300; iifname "r0" meta l4proto { tcp, udp } th sport 20000-20499 ct original zone set 3; }
 chain h { type filter hook prerouting priority -200; tcp dport 21 ct helper set "f"; }
 chain pre { type nat hook prerouting priority -100; ip daddr 203.0.113.1 dnat to 10.2.0.2; }
 chain post { type nat hook postrouting priority 100; meta l4proto { tcp, udp } th sport 20800-21200 masquerade; ct status dnat snat to 203.0.113.9; icmp type echo-request snat to 203.0.113.9; }
 chain m { type filter hook forward priority 0; ct state new meta l4proto udp ct mark set 0x7 ct label set 9; }
}`, "nft", "-f", "-")
	args := []string{"-qw", "net.netfilter.nf_conntrack_acct=1", "net.netfilter.nf_conntrack_timestamp=1"}
	for _, x := range []string{"tcp_timeout_close", "tcp_timeout_time_wait", "tcp_timeout_syn_sent", "udp_timeout", "udp_timeout_stream", "icmp_timeout"} {
		args = append(args, "net.netfilter.nf_conntrack_"+x+"=3600") // none ends while it is looked at
	}
	nettest.Run(t, n.Router, "sysctl", args...)
	// No ACK comes when all else is over.
	nettest.Run(t, n.Client, "ip", "route", "replace", "default", "via", "10.1.0.1", "quickack", "1")
	nettest.Run(t, n.Server, "ip", "route", "replace", "default", "via", "10.2.0.1", "quickack", "1")
	nettest.Run(t, n.Server, "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0")
	for _, p := range []int{7, 21, 4097, 4099} {
		nettest.Echo(t, n.Server, p)
	}
	r := open(t, n.Router)
	all := map[string]*follower{
		"readings":    follow(t, r, Options{Resync: 60 * time.Millisecond}),
		"events":      follow(t, r, Options{Resync: time.Hour}),
		"with losses": follow(t, r, Options{Resync: 80 * time.Millisecond, Buffer: 2048}),
	}
	l := &life{t: t, r: rand.New(rand.NewPCG(seed, 7)), n: n}
	var err error
	if l.ct, err = conntrack.Dial(&netlink.Config{NetNS: n.Router.Fd()}); err != nil {
		t.Fatal(err)
	}
	defer l.ct.Close()
	if l.ftp, err = nettest.Dial(t, n.Client, "tcp", "", "10.2.0.2:21", patience); err != nil {
		t.Fatal(err)
	}
	_, _ = l.ftp.Write([]byte("220 hello\r\n"))
	_, _ = l.ftp.Read(make([]byte, 100))
	for range 200 {
		l.step()
	}
	l.expect()
	read := func(to *follower) {
		if err := r.List(t.Context(), func(i feed.Item) { i.Split(to.fold) }); err != nil {
			t.Fatal(err)
		}
	}
	open := l.opened()
	for deadline := time.Now().Add(patience); ; { // the other ends close when they hear of it
		var now follower
		if read(&now); now.still(open) {
			break
		} else if time.Now().After(deadline) {
			t.Fatal("connections do not come to rest")
		}
	}
	fresh := &follower{}
	for _, what := range []string{"readings", "with losses"} { // whatever they were in the middle of
		f := all[what]
		f.end()
		for more := true; more; {
			select {
			case i := <-f.items:
				f.fold(i)
			default:
				more = false
			}
		}
		read(f)
	}
	read(fresh)
	for _, what := range []string{"readings", "with losses"} {
		for _, d := range all[what].differs(fresh, false) {
			t.Errorf("%s: %s", what, d)
		}
	}
	// Events of two processors come in any order, and none says that it is the last.
	events := all["events"]
	for deadline := time.After(patience); len(events.differs(fresh, true)) > 0; {
		select {
		case i := <-events.items:
			events.fold(i)
		case <-deadline:
			t.Fatalf("by events alone: %s", strings.Join(events.differs(fresh, true), "\n"))
		}
	}
	kinds := map[string]int{}
	for x := range fresh.table.All() {
		kinds[x.Orig.Tuple.Proto.String()+" "+x.Word()]++
		if len(x.Expects) > 0 {
			kinds["expects"]++
		}
		if x.Orig.Zone != 0 {
			kinds["zone"]++
		}
	}
	have := fmt.Sprint(kinds)
	t.Logf("%d flows live, %d events lost on purpose: %s", fresh.table.Live(), all["with losses"].lost, have)
	for _, want := range []string{"tcp ESTABLISHED", "tcp TIME_WAIT", "udp ", "icmp ", "expects", "zone"} {
		if !strings.Contains(have, want) {
			t.Errorf("the test says too little: no %s", want)
		}
	}
}

// differs tells in what a model is another than a fresh reading; by events alone in what
// these tell: counters and times come at the end, TCP's flags with its state, expectations
// are read a moment later.
func (f *follower) differs(fresh *follower, byEvents bool) (out []string) {
	if n, want := f.table.Live(), fresh.table.Live(); n != want {
		out = append(out, fmt.Sprintf("%d flows live, the kernel has %d", n, want))
	}
	for x := range fresh.table.All() {
		mine := f.table.Get(x.Key())
		if mine == nil || !mine.Gone.IsZero() {
			out = append(out, fmt.Sprintf("%s is missing: %+v", x.Line(), mine))
			continue
		}
		a, b := essence(mine), essence(x)
		for _, y := range []*flow.Flow{a, b} {
			if byEvents {
				y.Orig.Count, y.Reply.Count, y.Use, y.Start, y.Expects = x.Orig.Count, x.Reply.Count, 0, time.Time{}, nil
				y.Orig.TCP, y.Reply.TCP = flow.TCPSide{}, flow.TCPSide{}
			}
		}
		if !reflect.DeepEqual(a, b) {
			out = append(out, fmt.Sprintf("the model has %+v, the kernel %+v", a, b))
		}
	}
	return out
}

// essence is a flow without what differs from moment to moment.
func essence(f *flow.Flow) *flow.Flow {
	x := *f
	x.Timeout, x.TimeoutMax, x.Seen, x.Rate, x.NAT = 0, 0, time.Time{}, 0, flow.NAT{}
	x.Expects = append([]flow.Expectation(nil), f.Expects...)
	for i := range x.Expects {
		x.Expects[i].Timeout = 0
	}
	if x.Orig.Tuple.Proto == model.ProtoTCP { // an ACK may be late
		x.Orig.Count, x.Reply.Count = model.Counters{}, model.Counters{}
		const unacknowledged = 0x10
		x.Orig.TCP.Flags, x.Reply.TCP.Flags = x.Orig.TCP.Flags&^unacknowledged, x.Reply.TCP.Flags&^unacknowledged
	}
	return &x
}
