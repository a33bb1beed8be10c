package conntrack

import (
	"reflect"
	"testing"
	"time"

	"github.com/ti-mo/conntrack"

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
