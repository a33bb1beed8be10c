package live

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/trace/arm"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

const (
	// nat tables of iptables, up to their rules.
	natHead = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
	states  = "-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n"
)

// bothCase is a talk through the router (or with it), and what of it must be traced.
type bothCase struct {
	name string
	// legacy, legacy6, nft, nft6 and native are rules for the router; tracked says that
	// they have conntrack at work.
	legacy, legacy6, nft, nft6, native string
	tracked                            bool
	filter                             string
	method                             string
	talk                               func(*testing.T, *nettest.Routed)
	// want are journeys that must come, each as text that its description holds, words
	// apart by " .. " in this order; known of them must be known by their connection.
	want []string
	// never may stand in none.
	never string
}

// talkTo opens a TCP connection from a namespace, sends and gets an echo, and closes.
func talkTo(from func(*nettest.Routed) *netns.Handle, to string, port int) func(*testing.T, *nettest.Routed) {
	return func(t *testing.T, n *nettest.Routed) {
		t.Helper()
		nettest.Echo(t, n.Server, port)
		c, err := nettest.Dial(t, from(n), "tcp", "", to, nettest.InVain)
		if err != nil {
			t.Fatal(err)
		}
		exchange(t, c)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func exchange(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(nettest.InVain)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
}

func client(n *nettest.Routed) *netns.Handle { return n.Client }
func router(n *nettest.Routed) *netns.Handle { return n.Router }

// talkUDP sends a datagram and waits for the echo.
func talkUDP(to string, port int) func(*testing.T, *nettest.Routed) {
	return func(t *testing.T, n *nettest.Routed) {
		t.Helper()
		nettest.Echo(t, n.Server, port)
		c, err := nettest.Dial(t, n.Client, "udp", "", to, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		exchange(t, c)
	}
}

// refused dials what is rejected, or sends a datagram there.
func refused(network, to string) func(*testing.T, *nettest.Routed) {
	return func(t *testing.T, n *nettest.Routed) {
		t.Helper()
		c, err := nettest.Dial(t, n.Client, network, "", to, nettest.InVain)
		if strings.HasPrefix(network, "tcp") {
			if err == nil {
				t.Fatal("it was not refused")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(nettest.InVain)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 9)); err == nil {
			t.Fatal("it was not refused")
		}
	}
}

// echo sends an echo request and waits for the reply.
func echo(to string) func(*testing.T, *nettest.Routed) {
	return func(t *testing.T, n *nettest.Routed) {
		t.Helper()
		nettest.Do(t, n.Client, func() error {
			c, err := net.Dial("ip4:icmp", to)
			if err != nil {
				return err
			}
			defer c.Close()
			if err := c.SetDeadline(time.Now().Add(nettest.InVain)); err != nil {
				return err
			}
			if _, err := c.Write([]byte{8, 0, 0xf7, 0xfd, 0, 1, 0, 1}); err != nil {
				return err
			}
			_, err = c.Read(make([]byte, 64))
			return err
		})
	}
}

func bothCases() []bothCase {
	tcpForward := []string{
		"tcp 10.1.0.2:PORT > 10.2.0.2:80 SYN .. path forward original",
		"tcp 10.2.0.2:80 > 10.1.0.2:PORT SYN,ACK .. path forward reply answers",
		"tcp 10.1.0.2:PORT > 10.2.0.2:80 PSH,ACK .. path forward original answers",
		"tcp 10.2.0.2:80 > 10.1.0.2:PORT PSH,ACK .. path forward reply answers",
	}
	untracked := []string{
		"tcp 10.1.0.2:PORT > 10.2.0.2:80 SYN .. path forward",
		"tcp 10.2.0.2:80 > 10.1.0.2:PORT SYN,ACK .. path forward",
		"tcp 10.1.0.2:PORT > 10.2.0.2:80 PSH,ACK .. path forward",
		"tcp 10.2.0.2:80 > 10.1.0.2:PORT PSH,ACK .. path forward",
	}
	const known = "known by its connection: chains before conntrack are not shown"
	f := "tcp and dst host 10.2.0.2 and dst port 80"
	var cases []bothCase
	add := func(c bothCase) { cases = append(cases, c) }

	// Plain, with and without conntrack.
	add(bothCase{name: "plain legacy", legacy: accept4 + states + "COMMIT\n", tracked: true, filter: f, talk: talkTo(client, "10.2.0.2:80", 80), want: tcpForward, never: known})
	add(bothCase{name: "plain iptables-nft", nft: accept4 + states + "COMMIT\n", tracked: true, filter: f, talk: talkTo(client, "10.2.0.2:80", 80), want: tcpForward, never: known})
	add(bothCase{name: "plain native", native: "table inet fw {\n chain f { type filter hook forward priority 0; ct state established,related accept\n}\n}\n", tracked: true,
		filter: f, talk: talkTo(client, "10.2.0.2:80", 80), want: tcpForward, never: known})
	add(bothCase{name: "no conntrack, legacy", legacy: accept4 + "-A FORWARD -p tcp -j ACCEPT\nCOMMIT\n", filter: f, talk: talkTo(client, "10.2.0.2:80", 80), want: untracked, never: "known by"})
	add(bothCase{name: "no conntrack, native", native: "table ip fw {\n chain f { type filter hook forward priority 0; tcp dport 80 accept\n}\n}\n", filter: f, talk: talkTo(client, "10.2.0.2:80", 80), want: untracked, never: "known by"})
	add(bothCase{name: "the reply is named", native: "table ip fw {\n chain f { type filter hook forward priority 0; tcp dport 80 accept\n}\n}\n",
		filter: "tcp and src host 10.2.0.2 and src port 80", talk: talkTo(client, "10.2.0.2:80", 80), want: untracked})

	// Translated. The reply comes to the router from where the filter does not say.
	dnat := []string{
		"tcp 10.1.0.2:PORT > 10.1.0.1:99 SYN .. path forward original",
		"tcp 10.2.0.2:80 > 10.1.0.2:PORT SYN,ACK .. path forward reply answers .. " + known,
		"tcp 10.1.0.2:PORT > 10.1.0.1:99 PSH,ACK .. path forward original answers",
		"tcp 10.2.0.2:80 > 10.1.0.2:PORT PSH,ACK .. path forward reply answers .. " + known,
	}
	fd := "tcp and dst host 10.1.0.1 and dst port 99"
	rule := "-A PREROUTING -p tcp -m tcp --dport 99 -j DNAT --to-destination 10.2.0.2:80\nCOMMIT\n"
	native := "table ip n {\n chain p { type nat hook prerouting priority -100; tcp dport 99 dnat to 10.2.0.2:80\n}\n}\n"
	for _, c := range []bothCase{{name: "legacy", legacy: natHead + rule}, {name: "iptables-nft", nft: natHead + rule}, {name: "native", native: native}} {
		c.name, c.tracked, c.filter, c.talk, c.want = "DNAT "+c.name, true, fd, talkTo(client, "10.1.0.1:99", 80), dnat
		add(c)
	}
	// Asked by what it became: the request's own headers never say so.
	add(bothCase{name: "DNAT, the backend is named", native: native, tracked: true, filter: "tcp and dst host 10.2.0.2 and dst port 80", talk: talkTo(client, "10.1.0.1:99", 80),
		want: []string{"tcp 10.2.0.2:80 > 10.1.0.2:PORT SYN,ACK .. path forward reply", "tcp 10.1.0.2:PORT > 10.1.0.1:99 PSH,ACK .. path forward original answers .. " + known}})

	fs := "tcp and src host 10.1.0.2"
	snat := []string{
		"tcp 10.1.0.2:PORT > 10.2.0.2:80 SYN .. path forward original",
		"tcp 10.2.0.2:80 > 10.2.0.1:PORT SYN,ACK .. path forward reply answers .. " + known,
		"tcp 10.2.0.2:80 > 10.2.0.1:PORT PSH,ACK .. path forward reply answers .. " + known,
	}
	rule = "-A POSTROUTING -o r1 -j MASQUERADE\nCOMMIT\n"
	for _, c := range []bothCase{{name: "legacy", legacy: natHead + rule}, {name: "iptables-nft", nft: natHead + rule},
		{name: "native", native: "table inet n {\n chain p { type nat hook postrouting priority 100; oifname \"r1\" masquerade\n}\n}\n"}} {
		c.name, c.tracked, c.filter, c.talk, c.want = "MASQUERADE "+c.name, true, fs, talkTo(client, "10.2.0.2:80", 80), snat
		add(c)
	}
	add(bothCase{name: "SNAT legacy", legacy: natHead + "-A POSTROUTING -o r1 -j SNAT --to-source 10.2.0.1\nCOMMIT\n", tracked: true, filter: fs, talk: talkTo(client, "10.2.0.2:80", 80), want: snat})
	add(bothCase{name: "hairpin", native: "table ip n {\n chain p { type nat hook prerouting priority -100; ip daddr 10.1.0.1 tcp dport 99 dnat to 10.1.0.2:80\n}\n" +
		" chain q { type nat hook postrouting priority 100; oifname \"r0\" masquerade\n}\n}\n", tracked: true, filter: fd,
		talk: func(t *testing.T, n *nettest.Routed) {
			nettest.Run(t, n.Router, "sysctl", "-qw", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.r0.send_redirects=0")
			m := &nettest.Routed{Client: n.Client, Router: n.Router, Server: n.Client}
			talkTo(client, "10.1.0.1:99", 80)(t, m)
		},
		want: []string{
			"tcp 10.1.0.2:PORT > 10.1.0.1:99 SYN .. path forward original",
			"tcp 10.1.0.2:80 > 10.1.0.1:PORT SYN,ACK .. path forward reply answers .. " + known,
			"tcp 10.1.0.2:80 > 10.1.0.1:PORT PSH,ACK .. path forward reply answers .. " + known,
		}})

	// UDP, ICMP, IPv6, the router's own.
	add(bothCase{name: "UDP DNAT", native: "table ip n {\n chain p { type nat hook prerouting priority -100; udp dport 99 dnat to 10.2.0.2:9\n}\n}\n", tracked: true,
		filter: "udp and dst port 99", talk: talkUDP("10.1.0.1:99", 9),
		want: []string{"udp 10.1.0.2:PORT > 10.1.0.1:99 .. path forward original", "udp 10.2.0.2:9 > 10.1.0.2:PORT .. path forward reply answers .. " + known}})
	add(bothCase{name: "echo MASQUERADE", native: "table inet n {\n chain p { type nat hook postrouting priority 100; oifname \"r1\" masquerade\n}\n}\n", tracked: true,
		filter: "icmp and src host 10.1.0.2", talk: echo("10.2.0.2"),
		want: []string{"icmp 10.1.0.2 > 10.2.0.2 echo-request .. path forward original", "icmp 10.2.0.2 > 10.2.0.1 echo-reply .. path forward reply answers .. " + known}})
	add(bothCase{name: "IPv6 DNAT", native: "table ip6 n {\n chain p { type nat hook prerouting priority -100; tcp dport 99 dnat to [fd02::2]:80\n}\n}\n", tracked: true,
		filter: "tcp and dst host fd01::1 and dst port 99", talk: talkTo(client, "[fd01::1]:99", 80),
		want: []string{"tcp [fd01::2]:PORT > [fd01::1]:99 SYN .. path forward original", "tcp [fd02::2]:80 > [fd01::2]:PORT SYN,ACK .. path forward reply answers .. " + known}})
	add(bothCase{name: "IPv6 legacy MASQUERADE", legacy6: natHead + "-A POSTROUTING -o r1 -j MASQUERADE\nCOMMIT\n", tracked: true,
		filter: "ip6 and tcp and src host fd01::2", talk: talkTo(client, "[fd02::2]:80", 80),
		want: []string{"tcp [fd01::2]:PORT > [fd02::2]:80 SYN .. path forward original", "tcp [fd02::2]:80 > [fd02::1]:PORT SYN,ACK .. path forward reply answers .. " + known}})
	add(bothCase{name: "own packets, redirected", native: "table ip n {\n chain o { type nat hook output priority -100; tcp dport 99 dnat to 10.2.0.2:80\n}\n}\n", tracked: true,
		filter: "tcp and dst port 99", talk: talkTo(router, "10.2.0.77:99", 80),
		want: []string{"> 10.2.0.77:99 SYN .. path output original", "tcp 10.2.0.2:80 > .. SYN,ACK .. path input reply answers .. " + known}})

	// Answers of this host, and of routers beyond.
	add(bothCase{name: "REJECT with reset, translated", nft: natHead + "-A PREROUTING -p tcp -m tcp --dport 99 -j DNAT --to-destination 10.2.0.2:80\nCOMMIT\n" +
		accept4 + "-A FORWARD -p tcp -j REJECT --reject-with tcp-reset\nCOMMIT\n", tracked: true, filter: fd, talk: refused("tcp", "10.1.0.1:99"),
		want: []string{"tcp 10.1.0.2:PORT > 10.1.0.1:99 SYN .. rejected by", "tcp 10.2.0.2:80 > 10.1.0.2:PORT RST,ACK .. path output reply answers .. REJECT's answer to .. " + known}})
	add(bothCase{name: "REJECT with ICMP", native: "table inet fw {\n chain f { type filter hook forward priority 0; ct state established accept; udp dport 9 reject\n}\n}\n", tracked: true,
		filter: "udp and dst port 9", talk: refused("udp", "10.2.0.2:9"),
		want: []string{"udp 10.1.0.2:PORT > 10.2.0.2:9 .. rejected by", "icmp 10.1.0.1 > 10.1.0.2 unreachable code 3 .. path output reply answers .. ICMP error about .. " + known}})
	add(bothCase{name: "REJECT with ICMP, legacy", legacy: accept4 + states + "-A FORWARD -p udp -j REJECT\nCOMMIT\n", tracked: true,
		filter: "udp and dst port 9", talk: refused("udp", "10.2.0.2:9"),
		want: []string{"udp 10.1.0.2:PORT > 10.2.0.2:9 .. rejected by", "icmp 10.1.0.1 > 10.1.0.2 unreachable code 3 .. path output reply answers .. ICMP error about .. " + known}})
	add(bothCase{name: "REJECT with ICMP, IPv6", nft6: accept4 + "-A FORWARD -m state --state ESTABLISHED -j ACCEPT\n-A FORWARD -p udp -j REJECT\nCOMMIT\n", tracked: true,
		filter: "udp and dst port 9", talk: refused("udp", "[fd02::2]:9"),
		want: []string{"udp [fd01::2]:PORT > [fd02::2]:9 .. rejected by", "icmpv6 fd01::1 > fd01::2 unreachable code 4 .. path output reply answers .. ICMP error about .. " + known}})
	add(bothCase{name: "ICMP error from beyond, translated", native: "table ip n {\n chain p { type nat hook postrouting priority 100; oifname \"r1\" masquerade\n}\n}\n", tracked: true,
		filter: "udp and dst port 9", talk: refused("udp", "10.2.0.2:9"),
		want: []string{"udp 10.1.0.2:PORT > 10.2.0.2:9 .. path forward original", "icmp 10.2.0.2 > 10.2.0.1 unreachable code 3 .. path forward reply answers .. ICMP error about .. " + known}})

	// -j TRACE knows headers only.
	add(bothCase{name: "raw method", method: arm.MethodRaw, legacy: accept4 + states + "COMMIT\n", tracked: true, filter: f, talk: talkTo(client, "10.2.0.2:80", 80), want: []string{
		"tcp 10.1.0.2:PORT > 10.2.0.2:80 SYN .. path forward", "tcp 10.2.0.2:80 > 10.1.0.2:PORT SYN,ACK .. path forward"}, never: known})
	return cases
}

// TestBoth traces talks of both directions, beside strangers, and holds that nothing
// of the trace is left, conntrack least of all.
func TestBoth(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "iptables-legacy-restore", "ip6tables-legacy-restore", "iptables-nft-restore", "ip6tables-nft-restore")
	for _, c := range bothCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			for _, l := range []struct{ program, text string }{{"iptables-legacy-restore", c.legacy}, {"ip6tables-legacy-restore", c.legacy6},
				{"iptables-nft-restore", c.nft}, {"ip6tables-nft-restore", c.nft6}} {
				if l.text != "" {
					load(t, n.Router, l.program, l.text)
				}
			}
			if c.native != "" {
				load(t, n.Router, "nft", c.native)
			}
			if got := tracks(t, n.Router); got != c.tracked {
				t.Fatalf("conntrack at work: %v, want %v", got, c.tracked)
			}
			// Another trace, whose packets everybody sees.
			load(t, n.Router, "nft", "table ip stranger {\n chain c { type filter hook prerouting priority -290; udp dport 7 meta nftrace set 1\n}\n}\n")
			before := nettest.Run(t, n.Router, "nft", "list", "tables")
			s := open(t, n.Router, Trace{Filter: parse(t, c.filter), Both: true, Rate: 10000, Method: c.method, For: time.Minute})
			if !c.tracked && tracks(t, n.Router) {
				t.Error("arming has switched conntrack on")
			}
			udp(t, n.Client, "10.2.0.2:7")
			c.talk(t, n)
			var snap *snapshot.Snapshot
			s.wait("both directions", func(now *snapshot.Snapshot) bool {
				snap = now
				for _, w := range c.want {
					if find(now.Journeys, w) == nil {
						return false
					}
				}
				return true
			})
			seen := map[string]int{}
			for _, j := range snap.Journeys {
				d := told(j)
				if !j.Complete && j.Closed && c.method == "" {
					t.Errorf("not whole:\n%s", d)
				}
				if c.never != "" && strings.Contains(d, c.never) {
					t.Errorf("%q is said of:\n%s", c.never, d)
				}
				if j.Closed && j.Packet.DPort == 7 {
					t.Errorf("a stranger:\n%s", d)
				}
				if p := j.Packet; p.Proto == model.ProtoTCP && p.IPID != 0 && j.Path == journey.PathForward {
					seen[fmt.Sprint(p.String(), p.Seq, p.Ack, p.IPID, p.Length)]++
				}
			}
			for p, k := range seen {
				if k > 1 {
					t.Errorf("%s is there %d times", p, k)
				}
			}
			if err := s.session.Disarm(); err != nil {
				t.Fatal(err)
			}
			if after := nettest.Run(t, n.Router, "nft", "list", "tables"); after != before {
				t.Errorf("tables left:\n%s\nbefore:\n%s", after, before)
			}
			if !c.tracked && tracks(t, n.Router) {
				t.Error("the trace has left conntrack on")
			}
		})
	}
}

// find gives the first closed journey whose story holds the parts of a text in order.
func find(list []*journey.Journey, want string) *journey.Journey {
	for _, j := range list {
		if !j.Closed {
			continue
		}
		rest, ok := told(j), true
		for _, part := range strings.Split(want, " .. ") {
			before, after, found := cutPort(rest, part)
			if !found {
				ok = false
				break
			}
			_, rest = before, after
		}
		if ok {
			return j
		}
	}
	return nil
}

// cutPort is strings.Cut, where PORT in the text stands for any number.
func cutPort(s, part string) (before, after string, found bool) {
	pieces := strings.Split(part, "PORT")
	for from := 0; ; {
		i := strings.Index(s[from:], pieces[0])
		if i < 0 {
			return s, "", false
		}
		at, ok := from+i+len(pieces[0]), true
		for _, p := range pieces[1:] {
			for at < len(s) && s[at] >= '0' && s[at] <= '9' {
				at++
			}
			if ok = strings.HasPrefix(s[at:], p); !ok {
				break
			}
			at += len(p)
		}
		if ok {
			return s[:from+i], s[at:], true
		}
		from += i + 1
	}
}

// told is what there is to say of a journey, in one text.
func told(j *journey.Journey) string {
	s := fmt.Sprintf("#%d %s path %s %s", j.Number, &j.Packet, j.Path, j.Direction)
	if j.Answers > 0 {
		s += " answers"
	}
	return s + " " + j.About() + "\n" + describe(j)
}

// tracks reports whether conntrack is at work in a namespace: whether a packet of its
// own makes an entry.
func tracks(t *testing.T, ns *netns.Handle) bool {
	t.Helper()
	count := func() (n int) {
		nettest.Do(t, ns, func() error {
			b, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_count")
			if err != nil {
				return err
			}
			_, err = fmt.Sscan(string(b), &n)
			return err
		})
		return n
	}
	before := count()
	for _, to := range []string{"127.0.0.1:4321", "[::1]:4321"} {
		udp(t, ns, to)
	}
	return count() > before
}
