package conntrack

import (
	"context"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/trace/nettest"
)

// TestExpectation has the ftp helper see the answer to PASV, which the echo gives back:
// it expects the data connection, and the flow of that names its master.
func TestExpectation(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	n, router := setUp(t)
	nettest.Feed(t, router, "*raw\n-A PREROUTING -i r0 -p tcp --dport 9 -j CT --helper ftp\nCOMMIT\n", "iptables-legacy-restore")
	nettest.Echo(t, n.Server, 9)
	nettest.Echo(t, n.Server, 4097)
	items := watch(t, open(t, router), Options{Resync: time.Hour})
	until(t, items, "the first dump", isTable)
	c, err := nettest.Dial(t, n.Client, "tcp", "", "10.2.0.2:9", patience)
	if err != nil {
		t.Fatal(err)
	}
	// The helper reads no line before it has seen the end of one (find_nl_seq, nf_conntrack_ftp.c).
	for _, l := range []string{"220 hello\r\n", "227 Entering Passive Mode (10,2,0,2,16,1)\r\n"} {
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Write([]byte(l)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	var tab flow.Table
	fold := func(i feed.Item) {
		if i.Flow != nil {
			tab.Apply(*i.Flow)
		}
		if i.Table != nil {
			tab.SetTimeouts(i.Table.Timeouts)
			tab.SetExpectations(i.Table.Expected)
		}
	}
	// The kernel tells of it, so it is read long before the next reading of the table. Another
	// event may be what wakes the reader.
	until(t, items, "the expectation", func(i feed.Item) bool {
		fold(i)
		return i.Table != nil && len(i.Table.Expected) > 0
	})
	var master *flow.Flow
	for f := range tab.All() {
		if len(f.Expects) > 0 {
			master = f
		}
	}
	if master == nil || master.Helper != "ftp" || master.Orig.Tuple.DPort != 9 {
		t.Fatalf("no flow of the helper expects anything: %+v", master)
	}
	if x := master.Expects[0]; x.Tuple.DPort != 4097 || x.Tuple.Dst.String() != "10.2.0.2" || x.Mask.DPort != 0xffff || x.Mask.SPort != 0 || x.Helper != "ftp" {
		t.Errorf("%+v", x)
	}
	if master.State == "ESTABLISHED" && (master.TimeoutMax < master.Timeout || master.TimeoutMax == 0) {
		t.Errorf("timeout %v of %v", master.Timeout, master.TimeoutMax)
	}
	talk(t, n.Client, "tcp", "10.2.0.2:4097")
	i := until(t, items, "the data connection", func(i feed.Item) bool {
		fold(i)
		return i.Flow != nil && i.Flow.Flow != nil && i.Flow.Flow.Orig.Tuple.DPort == 4097
	})
	if f := i.Flow.Flow; f.Status&flow.Expected == 0 || f.Master != master.Orig.Tuple {
		t.Errorf("status %v, master %v, want %v", f.Status.List(), f.Master, master.Orig.Tuple)
	}
}

// TestExpectationFields: a helper's flags and class, which the ftp helper leaves at 0.
func TestExpectationFields(t *testing.T) {
	want := flow.Expectation{Flags: 5, Class: 2, Function: "sip", Helper: "h", ID: 3, Timeout: 7 * time.Second}
	if got := expectation(&conntrack.Expect{Flags: 5, Class: 2, Function: "sip", HelpName: "h", ID: 3, Timeout: 7, Zone: 9}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, expected %+v", got, want)
	}
}

// TestExpectationsInZones: three connections with one tuple in three zones, one of them a zone of
// the original direction alone, each with its own expectation: each shows its own, which is
// found out by asking the kernel for those of one connection.
func TestExpectationsInZones(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "conntrack")
	ns := nettest.New(t, "expectzones")
	// Without a rule that needs it conntrack does not run here.
	nettest.Feed(t, ns, "table ip t {\nchain c {\ntype filter hook input priority 0; ct state new\n}\n}\n", "nft", "-f", "-")
	c, err := conntrack.Dial(&netlink.Config{NetNS: ns.Fd()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := open(t, ns)
	var tab flow.Table
	read := func() {
		items, end := watching(t, r, Options{Resync: time.Hour})
		until(t, items, "the table", func(i feed.Item) bool {
			if i.Flow != nil {
				tab.Apply(*i.Flow)
			}
			if i.Table != nil {
				tab.SetExpectations(i.Table.Expected)
			}
			return i.Table != nil
		})
		end()
	}
	enter := func(zone, orig uint16, ports ...uint16) { // the ftp helper lets a connection expect one at a time
		t.Helper()
		f := conntrack.NewFlow(6, 0, netip.MustParseAddr("10.1.0.2"), netip.MustParseAddr("10.2.0.2"), 1000, 21, 600, 0)
		f.ProtoInfo.TCP = &conntrack.ProtoInfoTCP{State: 3}
		f.Helper, f.Zone, f.TupleOrig.Zone = conntrack.Helper{Name: "ftp\x00"}, zone, orig // with its zero byte
		f.TupleReply.Proto.DestinationPort += orig                                         // which is of zone 0
		if err := c.Create(f); err != nil {
			t.Fatalf("a connection in zone %d, %d: %v", zone, orig, err)
		}
		for _, port := range ports {
			x := conntrack.Expect{TupleMaster: f.TupleOrig, Zone: zone | orig, Timeout: 300}
			x.TupleMaster.Zone = 0
			x.Tuple, x.Mask = x.TupleMaster, x.TupleMaster
			x.Tuple.Proto.DestinationPort = port
			x.Mask.IP.SourceAddress, x.Mask.IP.DestinationAddress = netip.MustParseAddr("255.255.255.255"), netip.MustParseAddr("255.255.255.255")
			x.Mask.Proto.SourcePort, x.Mask.Proto.DestinationPort = 0, 0xffff
			if err := c.CreateExpect(x); err != nil {
				t.Fatalf("an expectation in zone %d: %v", zone|orig, err)
			}
		}
	}
	enter(0, 0, 4000)
	if read(); len(r.decoder.zones.list()) != 0 {
		t.Errorf("without zones: %v", r.decoder.zones.list())
	}
	enter(7, 0, 4007)
	enter(0, 9, 4009)
	enter(8, 0)
	read()
	got := map[uint16][]uint16{}
	for f := range tab.All() {
		zone := f.Zone | f.Orig.Zone
		got[zone] = []uint16{}
		for _, x := range f.Expects {
			if got[zone] = append(got[zone], x.Tuple.DPort); !x.ZoneKnown || x.Zone != zone {
				t.Errorf("in zone %d: %+v", zone, x)
			}
		}
		slices.Sort(got[zone])
	}
	if want := map[uint16][]uint16{0: {4000}, 7: {4007}, 8: {}, 9: {4009}}; !reflect.DeepEqual(got, want) {
		t.Errorf("expected ports by zone: %v, want %v", got, want)
	}
	// Zones without a flow are forgotten, and the others are not.
	if zones := r.decoder.zones.list(); !slices.Equal(zones, []uint16{7, 8, 9}) {
		t.Errorf("zones %v", zones)
	}
	nettest.Run(t, ns, "conntrack", "-D", "-w", "8")
	ctx, stop := context.WithCancel(context.Background())
	if err := r.List(ctx, func(feed.Item) { stop() }); err != nil || len(r.decoder.zones.list()) != 3 {
		t.Errorf("half a reading: %v, %v", err, r.decoder.zones.list())
	}
	r.decoder.zones.begin() // a reading beside, that does not come to its end
	read()
	if r.decoder.zones.end(false); len(r.decoder.zones.list()) != 3 {
		t.Errorf("after no whole reading: %v", r.decoder.zones.list())
	}
	if read(); !slices.Equal(r.decoder.zones.list(), []uint16{7, 9}) {
		t.Errorf("zone 8 has no flow any more: %v", r.decoder.zones.list())
	}
	// One that has read no flow yet does not know of the zones, so it says of their expectations
	// that it does not know whose they are.
	known := map[uint16]bool{}
	for _, x := range open(t, ns).expectations() {
		if known[x.Tuple.DPort] = x.ZoneKnown; x.Zone != 0 {
			t.Errorf("before any flow was read: %+v", x)
		}
	}
	if want := map[uint16]bool{4000: true, 4007: false, 4009: false}; !maps.Equal(known, want) {
		t.Errorf("ports whose zone is known before any flow was read: %v, want %v", known, want)
	}
}

// TestTooManyToZone: what would be too many questions is not asked at all, and no socket is opened
// for it; their zones are not known.
func TestTooManyToZone(t *testing.T) {
	t.Parallel()
	for masters, dials := range map[int]int{0: 0, 1: 1, mostZoned / 2: 1, mostZoned/2 + 1: 0} {
		l := make([]flow.Expectation, masters)
		for i := range l {
			l[i].Master.SPort = uint16(i)
		}
		dialled := 0
		zone(l, []uint16{7, 0}, func() (*netlink.Conn, error) { dialled++; return nil, unix.EMFILE })
		if dialled != dials || slices.ContainsFunc(l, func(x flow.Expectation) bool { return x.ZoneKnown }) {
			t.Errorf("of %d masters: %d sockets, expected %d; %+v", masters, dialled, dials, l)
		}
	}
}

// TestExpectationsRest: what a thousand connections expect is not read again as soon as one more does.
func TestExpectationsRest(t *testing.T) {
	t.Parallel()
	for took, want := range map[time.Duration]time.Duration{0: 64 * time.Millisecond, 3 * time.Millisecond: 64 * time.Millisecond, 50 * time.Millisecond: time.Second} {
		if got := untilAgain(took); got != want {
			t.Errorf("after %v: %v, want %v", took, got, want)
		}
	}
	nettest.Kernel(t)
	r := open(t, nettest.New(t, "expectrest"))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	const took = 20 * time.Millisecond
	var ended time.Time
	readings := 0
	if err := r.Watch(ctx, Options{Resync: time.Hour}, func(i feed.Item) {
		if i.Table == nil {
			return
		}
		if gap := time.Since(ended); readings > 1 && gap < untilAgain(took) {
			t.Errorf("read again %v after a reading that took %v", gap, took)
		}
		if readings++; readings == 4 {
			stop()
		}
		r.expected.Store(true) // and one more connection expects something
		<-time.After(took)
		ended = time.Now()
	}); err != nil || readings < 4 {
		t.Errorf("%d readings: %v", readings, err)
	}
}

// TestNamespaceGone: a followed namespace that is deleted is told of in a sentence, once,
// between two readings of the table as well as with one, and followed all the same.
func TestNamespaceGone(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "ip")
	for _, resync := range []time.Duration{50 * time.Millisecond, time.Hour} {
		t.Run(resync.String(), func(t *testing.T) {
			t.Parallel()
			ns := nettest.New(t, "gone")
			made := nettest.NewTracked(t, ns)
			items, end := watching(t, open(t, ns), Options{Resync: resync})
			until(t, items, "the first dump", isTable)
			nettest.Run(t, ns, "ip", "netns", "del", ns.Name())
			t.Cleanup(func() { nettest.Run(t, ns, "ip", "netns", "add", ns.Name()) }) // for who cleans up
			until(t, items, "the sentence", func(i feed.Item) bool { return i.Problem != "" })
			made.Make(t, 0, 1)
			until(t, items, "what comes later", func(i feed.Item) bool { return i.Flow != nil && i.Flow.Type == flow.EventNew })
			if resync < time.Second {
				until(t, items, "a dump all the same", isTable)
				until(t, items, "and another", isTable)
			}
			end()
			for len(items) > 0 {
				if i := <-items; i.Problem != "" {
					t.Errorf("again: %s", i.Problem)
				}
			}
		})
	}
}
