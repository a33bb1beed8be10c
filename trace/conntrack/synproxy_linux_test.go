package conntrack

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/model/flow"
	"nfscope/trace/nettest"
)

// The queues of a TCP socket under repair (include/uapi/linux/tcp.h, enum).
const (
	recvQueue = 1
	sendQueue = 2
)

// sequence is where a queue of a socket is: the next number it gives, or waits for.
func sequence(t *testing.T, c net.Conn, queue int) (seq uint32) {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	cerr := raw.Control(func(fd uintptr) {
		set := func(name, v int) {
			if err == nil {
				err = unix.SetsockoptInt(int(fd), unix.SOL_TCP, name, v)
			}
		}
		set(unix.TCP_REPAIR, 1)
		set(unix.TCP_REPAIR_QUEUE, queue)
		n := 0
		if err == nil {
			n, err = unix.GetsockoptInt(int(fd), unix.SOL_TCP, unix.TCP_QUEUE_SEQ)
		}
		seq = uint32(n)
		set(unix.TCP_REPAIR, -1) // without a window probe
	})
	if cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	return seq
}

// TestSynproxy has the kernel speak for a server until a client is known, by the statement
// of nft and by the target of iptables: what is kept of the flow is held against the
// sequence numbers of the two sockets.
func TestSynproxy(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "iptables-legacy-restore", "conntrack")
	for _, c := range []struct {
		name string
		s    *side
		nft  bool
	}{{"nft v4", &ip4, true}, {"nft v6", &ip6, true}, {"legacy v4", &ip4, false}, {"legacy v6", &ip6, false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			nettest.Run(t, n.Router, "sysctl", "-qw", "net.netfilter.nf_conntrack_tcp_loose=0")
			if c.nft {
				nettest.Feed(t, n.Router, `table inet s {
 chain raw { type filter hook prerouting priority -300; iifname "r0" tcp dport 80 tcp flags syn notrack; }
 chain f { type filter hook forward priority 0; tcp dport 80 ct state invalid,untracked synproxy mss 1440 wscale 7 timestamp sack-perm; ct state invalid drop; }
}`, "nft", "-f", "-")
			} else {
				nettest.Feed(t, n.Router, "*raw\n-A PREROUTING -i r0 -p tcp --dport 80 --syn -j CT --notrack\nCOMMIT\n*filter\n"+
					"-A FORWARD -p tcp --dport 80 -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1440\n"+
					"-A FORWARD -m conntrack --ctstate INVALID -j DROP\nCOMMIT\n", map[bool]string{false: "iptables-", true: "ip6tables-"}[c.s.v6()]+"legacy-restore")
			}
			calls := listener(t, n.Server, net.JoinHostPort(c.s.server, "80"))
			client, err := nettest.Dial(t, n.Client, "tcp", "", net.JoinHostPort(c.s.server, "80"), patience)
			if err != nil {
				t.Fatal(err)
			}
			server := accept(t, calls)
			const hello = "hello"
			if _, err := server.Write([]byte(hello)); err != nil {
				t.Fatal(err)
			}
			if _, err := client.Read(make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			got, gave := sequence(t, client, recvQueue), sequence(t, server, sendQueue)
			var f *flow.Flow
			flows, _ := acknowledged(t, open(t, n.Router))
			for _, x := range flows {
				if x.Orig.Tuple.DPort == 80 {
					f = x
				}
			}
			if f == nil {
				t.Fatalf("%d flows, none of it", len(flows))
			}
			if isn := got - uint32(len(hello)) - 1; f.Synproxy.ISN != isn {
				t.Errorf("isn %d, the client knows %d", f.Synproxy.ISN, isn)
			}
			if f.Reply.Adjust.After != int32(got-gave) || f.Reply.Adjust.After == 0 || f.Status&flow.SeqAdjust == 0 {
				t.Errorf("moved by %+v, expected %d; %v", f.Reply.Adjust, int32(got-gave), f.Status.List())
			}
			if f.Synproxy.ITS == 0 || f.State != "ESTABLISHED" {
				t.Errorf("%+v, %s", f.Synproxy, f.State)
			}
			same(t, f, conntrackL(t, n.Router)[f.ID])
			sameXML(t, f, conntrackXML(t, n.Router)[f.ID])
			b, err := json.Marshal(flow.Event{Type: flow.EventDump, Flow: f})
			if want := fmt.Sprintf(`"synproxy":{"isn":%d,"its":%d,"offset":%d}`, f.Synproxy.ISN, f.Synproxy.ITS, f.Synproxy.Offset); err != nil || !strings.Contains(string(b), want) {
				t.Errorf("%s in %s, %v", want, b, err)
			}
		})
	}
}
