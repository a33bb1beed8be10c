package conntrack

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// listener accepts one connection in a namespace.
func listener(t *testing.T, ns *netns.Handle, at string) (accepted <-chan net.Conn) {
	t.Helper()
	out := make(chan net.Conn, 1)
	nettest.Do(t, ns, func() error {
		l, err := net.Listen("tcp", at)
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			if c, err := l.Accept(); err == nil {
				out <- c
			}
		}()
		return nil
	})
	return out
}

func accept(t *testing.T, from <-chan net.Conn) net.Conn {
	t.Helper()
	select {
	case c := <-from:
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience))
		return c
	case <-time.After(patience):
		t.Fatal("no connection came")
		return nil
	}
}

// lines is one direction of a connection in lines.
type lines struct {
	t        *testing.T
	from, to net.Conn
	in       *bufio.Reader // of to
}

// say sends a line and gives it as it arrives.
func (l *lines) say(text string) string {
	l.t.Helper()
	if _, err := l.from.Write([]byte(text + "\r\n")); err != nil {
		l.t.Fatal(err)
	}
	got, err := l.in.ReadString('\n')
	if err != nil {
		l.t.Fatal(err)
	}
	return strings.TrimSpace(got)
}

// TestFTP has the kernel's ftp helper and its NAT rewrite what two ends say of addresses:
// the lengths change, so that sequence numbers are moved; a connection is expected, comes,
// and belongs to the first.
func TestFTP(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "conntrack", "nft")
	for _, c := range []struct {
		name string
		s    *side
		// active has the client listen and the server call.
		active bool
		format string
	}{
		{"active v4", &ip4, true, "PORT %s"}, {"passive v4", &ip4, false, "227 Entering Passive Mode (%s)"},
		{"active v6", &ip6, true, "EPRT |2|%s|%d|"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ftp(t, c.s, c.active, c.format)
		})
	}
}

func ftp(t *testing.T, s *side, active bool, format string) {
	n := nettest.NewRouted(t)
	ip := map[bool]string{false: "ip", true: "ip6"}[s.v6()]
	nettest.Feed(t, n.Router, fmt.Sprintf(`table %[1]s n {
 ct helper f { type "ftp" protocol tcp; }
 chain raw { type filter hook prerouting priority -200; tcp dport 21 ct helper set "f"; }
 chain pre { type nat hook prerouting priority -100; %[1]s daddr %[2]s dnat to %[3]s; }
 chain post { type nat hook postrouting priority 100; oifname "r1" snat to %[4]s; }
}`, ip, s.service, s.server, s.pool), "nft", "-f", "-")
	items := watch(t, open(t, n.Router), Options{Resync: time.Hour})
	until(t, items, "the first dump", isTable)

	calls := listener(t, n.Server, net.JoinHostPort(s.server, "21"))
	dial := s.server
	if !active {
		dial = s.service
	}
	client, err := nettest.Dial(t, n.Client, "tcp", "", net.JoinHostPort(dial, "21"), patience)
	if err != nil {
		t.Fatal(err)
	}
	_ = client.SetDeadline(time.Now().Add(patience))
	server := accept(t, calls)
	asks := &lines{t, client, server, bufio.NewReader(server)}
	answers := &lines{t, server, client, bufio.NewReader(client)}
	answers.say("220 hello") // the helper takes no line before it has seen the end of one
	asks.say("USER x")

	// Who listens says where; the other one reads something else, and calls that.
	at, far, speaks, host := s.client, n.Server, asks, n.Client
	if !active {
		at, far, speaks, host = s.server, n.Client, answers, n.Server
	}
	const port = 0x1011
	data := listener(t, host, net.JoinHostPort(at, fmt.Sprint(port)))
	sent := fmt.Sprintf(format, strings.ReplaceAll(at, ".", ",")+",16,17")
	if s.v6() {
		sent = fmt.Sprintf(format, at, port)
	}
	said := speaks.say(sent)
	moved := len(said) - len(sent)
	if moved == 0 {
		t.Fatalf("%q arrived as %q: no length changed", sent, said)
	}
	tab := &flow.Table{}
	fold := func(i feed.Item) {
		if i.Flow != nil {
			tab.Apply(*i.Flow)
		}
		if i.Table != nil {
			tab.SetExpectations(i.Table.Expected)
		}
	}
	until(t, items, "the expectation", func(i feed.Item) bool {
		fold(i)
		return i.Table != nil && len(i.Table.Expected) == 1
	})
	flows, whole := acknowledged(t, open(t, n.Router))
	if len(whole.Table.Expected) != 1 {
		t.Fatalf("expected are %+v", whole.Table.Expected)
	}
	x := whole.Table.Expected[0]
	printed := nettest.Run(t, n.Router, "conntrack", "-L", "expect", "-f", map[bool]string{false: "ipv4", true: "ipv6"}[s.v6()])
	want := fmt.Sprintf("proto=6 src=%s dst=%s sport=%d dport=%d mask-src=%s mask-dst=%s sport=%d dport=%d master-src=%s master-dst=%s sport=%d dport=%d class=%d helper=%s",
		x.Tuple.Src, x.Tuple.Dst, x.Tuple.SPort, x.Tuple.DPort, x.Mask.Src, x.Mask.Dst, x.Mask.SPort, x.Mask.DPort,
		x.Master.Src, x.Master.Dst, x.Master.SPort, x.Master.DPort, x.Class, x.Helper)
	left := 0
	if _, err := fmt.Sscan(printed, &left); err != nil || !strings.Contains(printed, want) || strings.Count(printed, "\n") != 1 {
		t.Errorf("nfscope reads %s, conntrack prints %s", want, printed)
	}
	// Its helper gives it five minutes (nf_conntrack_ftp.c); what is left was read before.
	if s := int(x.Timeout.Seconds()); s < left || s > 300 || x.ID == 0 || x.Function != "nat-follow-master" {
		t.Errorf("%+v, of which conntrack prints that %d s are left", x, left)
	}
	var control *flow.Flow
	for _, f := range flows {
		if f.Orig.Tuple.DPort == 21 {
			control = f
		}
	}
	if control == nil || control.Helper != "ftp" || control.Status&(flow.Helper|flow.SeqAdjust) != flow.Helper|flow.SeqAdjust || x.Master != control.Orig.Tuple {
		t.Fatalf("%+v", control)
	}
	adjust, other := control.Orig.Adjust, control.Reply.Adjust
	if !active {
		adjust, other = other, adjust
	}
	if int(adjust.After) != moved || adjust.Before != 0 || adjust.Position == 0 || other.After != 0 {
		t.Errorf("moved by %+v, and %+v the other way; %d bytes were added", adjust, other, moved)
	}
	line := conntrackL(t, n.Router)[control.ID]
	same(t, control, line)
	sameXML(t, control, conntrackXML(t, n.Router)[control.ID])

	to := calledAt(t, said)
	if want := map[bool]string{true: s.pool, false: s.service}[active]; to.Addr().String() != want {
		t.Errorf("the other end is told to call %s, expected %s", to, want)
	}
	if _, err := nettest.Dial(t, far, "tcp", "", to.String(), patience); err != nil {
		t.Fatal(err)
	}
	accept(t, data)
	child := until(t, items, "the data connection", func(i feed.Item) bool {
		fold(i)
		return i.Flow != nil && i.Flow.Flow != nil && i.Flow.Flow.Orig.Tuple.DPort == to.Port()
	}).Flow.Flow
	if child.Status&flow.Expected == 0 || child.Master != control.Orig.Tuple {
		t.Errorf("%v, master %v", child.Status.List(), child.Master)
	}
	b, err := json.Marshal(flow.Event{Type: flow.EventDump, Flow: control})
	if want := fmt.Sprintf(`"seqadj":{"position":%d,"before":0,"after":%d}`, adjust.Position, moved); err != nil || !strings.Contains(string(b), want) || !strings.Contains(string(b), `"SEQ_ADJUST"`) {
		t.Errorf("%s in %s, %v", want, b, err)
	}
	if b, err = json.Marshal(flow.Event{Type: flow.EventNew, Flow: child}); err != nil || !strings.Contains(string(b), `"master":{"proto":"tcp"`) {
		t.Errorf("%s, %v", b, err)
	}
}

// acknowledged reads the table when no data waits for an ACK, which would change the timeout.
func acknowledged(t *testing.T, r *Reader) (flows []*flow.Flow, tab feed.Item) {
	t.Helper()
	const waits = 0x10 // IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED
	for deadline := time.Now().Add(patience); ; {
		flows, tab = list(t, r)
		if !slices.ContainsFunc(flows, func(f *flow.Flow) bool { return (f.Orig.TCP.Flags|f.Reply.TCP.Flags)&waits != 0 }) {
			return flows, tab
		}
		if time.Now().After(deadline) {
			t.Fatal("data is not acknowledged")
		}
	}
}

// calledAt reads where a line tells to call.
func calledAt(t *testing.T, said string) netip.AddrPort {
	t.Helper()
	if _, rest, ok := strings.Cut(said, "|2|"); ok {
		f := strings.Split(rest, "|")
		return netip.MustParseAddrPort("[" + f[0] + "]:" + f[1])
	}
	var b [6]int
	at := strings.IndexAny(said, "(")
	if at < 0 {
		at = len("PORT")
	}
	if _, err := fmt.Sscanf(said[at+1:], "%d,%d,%d,%d,%d,%d", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]); err != nil {
		t.Fatalf("%q: %v", said, err)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(b[0]), byte(b[1]), byte(b[2]), byte(b[3])}), uint16(b[4]<<8|b[5]))
}
