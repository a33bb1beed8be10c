package live

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/trace/nettest"
)

// fateCase is one packet that the rules of the router hand to something else than a
// plain verdict, and what may be said of it.
type fateCase struct {
	name                 string
	legacy, nft4, native string
	// from the client to, by proto (udp where "").
	to, proto string
	// before prepares the router.
	before   func(t *testing.T, n *nettest.Routed)
	verdict  string
	sentence string // a part of it
	// never is what the sentence must not have.
	never    string
	why      string // a part of it, "" where the journey is whole
	possible string
	steps    []string
}

const either = "accepted dropped"

// synproxy4 is the ruleset of iptables-extensions(8).
const synproxy4 = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -i r0 -p tcp -m tcp --syn -j CT --notrack\nCOMMIT\n" +
	accept4 + "-A FORWARD -p tcp -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460\n-A FORWARD -m conntrack --ctstate INVALID -j DROP\nCOMMIT\n"

func strict(t *testing.T, n *nettest.Routed) {
	nettest.Run(t, n.Router, "sysctl", "-qw", "net.netfilter.nf_conntrack_tcp_loose=0", "net.ipv4.tcp_syncookies=1", "net.ipv4.tcp_timestamps=1")
}

const (
	mangle4 = "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
	tproxy4 = mangle4 + "-A PREROUTING -p tcp -m tcp --dport 80 -j TPROXY --on-port 99 --on-ip 0.0.0.0 --tproxy-mark 0x1/0xffffffff\nCOMMIT\n"
)

// proxy listens on the router's port 99 as a transparent proxy does.
func proxy(t *testing.T, n *nettest.Routed) {
	nettest.Do(t, n.Router, func() error {
		var lc net.ListenConfig
		lc.Control = func(_, _ string, c syscall.RawConn) (err error) {
			if e := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_TRANSPARENT, 1) }); e != nil {
				return e
			}
			return err
		}
		l, err := lc.Listen(context.Background(), "tcp4", ":99")
		if err == nil {
			t.Cleanup(func() { _ = l.Close() })
		}
		return err
	})
}

func fateCases() []fateCase {
	const queue = "-A FORWARD -p udp -m udp --dport 9 -j NFQUEUE --queue-num 5"
	unheard := "what user space did with it was not seen; without a listener on the queue the kernel drops it"
	return []fateCase{
		{name: "legacy NFQUEUE without a listener", to: "10.2.0.2:9", legacy: accept4 + queue + "\nCOMMIT\n",
			verdict: journey.Queued, sentence: "queued to user space by rule 1 of filter/FORWARD (iptables-legacy)", why: unheard, possible: either,
			steps: []string{"L filter/FORWARD 1 queue"}},
		{name: "iptables-nft NFQUEUE without a listener", to: "10.2.0.2:9", nft4: accept4 + queue + "\nCOMMIT\n",
			verdict: journey.Queued, sentence: "queued to user space by rule 1 of filter/FORWARD (iptables-nft)", why: unheard, possible: either,
			steps: []string{"I filter/FORWARD 1 queue"}},
		{name: "legacy NFQUEUE beside a chain of its priority", to: "10.2.0.2:9", legacy: accept4 + queue + "\nCOMMIT\n", nft4: accept4 + "COMMIT\n",
			verdict: journey.Queued, sentence: "queued to user space by rule 1 of filter/FORWARD (iptables-legacy)", why: unheard, possible: either},
		{name: "legacy NFQUEUE passed by", to: "10.2.0.2:9", legacy: accept4 + queue + " --queue-bypass\nCOMMIT\n",
			verdict:  journey.Accepted,
			sentence: "sent out of r1, let on by user space, or past it by --queue-bypass, at rule 1 of filter/FORWARD (iptables-legacy): " + queue + " --queue-bypass",
			steps:    []string{"L filter/FORWARD 1 queue"}},
		{name: "iptables-nft NFQUEUE passed by", to: "10.2.0.2:9", nft4: accept4 + queue + " --queue-bypass\nCOMMIT\n",
			verdict:  journey.Accepted,
			sentence: "sent out of r1, let on by user space, or past it by --queue-bypass, at rule 1 of filter/FORWARD (iptables-nft)",
			steps:    []string{"I filter/FORWARD 1 queue"}},

		{name: "legacy SYNPROXY", to: "10.2.0.2:80", proto: "tcp", legacy: synproxy4, before: strict,
			verdict:  journey.Unknown,
			sentence: "taken over by rule 1 of filter/FORWARD (iptables-legacy): ",
			steps:    []string{"L raw/PREROUTING 1 continue", "L raw/PREROUTING policy accept", "L filter/FORWARD 1 stolen"}},
		{name: "iptables-nft SYNPROXY", to: "10.2.0.2:80", proto: "tcp", nft4: synproxy4, before: strict,
			verdict:  journey.Unknown,
			sentence: "taken over by rule 1 of filter/FORWARD (iptables-nft): "},

		{name: "legacy TPROXY without a socket", to: "10.1.0.1:80", proto: "tcp", legacy: tproxy4,
			verdict: journey.Unknown, sentence: "last seen at rule 1 of mangle/PREROUTING (iptables-legacy): -A PREROUTING", never: "no rule dropped it",
			why: "its end was not seen", possible: either, steps: []string{"L mangle/PREROUTING 1 unknown"}},
		{name: "iptables-nft TPROXY without a socket", to: "10.1.0.1:80", proto: "tcp", nft4: tproxy4,
			verdict: journey.Dropped, sentence: "(no socket took it)", steps: []string{"I mangle/PREROUTING 1 drop"}},
		{name: "legacy TPROXY with a socket", to: "10.1.0.1:80", proto: "tcp", legacy: tproxy4, before: proxy,
			verdict: journey.Accepted, sentence: "delivered to this host, accepted by rule 1 of mangle/PREROUTING (iptables-legacy)",
			steps: []string{"L mangle/PREROUTING 1 accept", "L mangle/INPUT policy accept mark=0x1"}},

		{name: "a rule that ends the trace", to: "10.2.0.2:9", native: `table inet fw {
				chain pre { type filter hook prerouting priority -150; meta nftrace set 0; }
				chain forward { type filter hook forward priority 0; drop; }
			}`,
			verdict: journey.Unknown, never: "no rule dropped it", why: "its end was not seen", possible: either,
			sentence: "last seen in the prerouting hook; rule 1 of inet fw/pre (nftables): meta nftrace set 0 may have ended its trace: what came after is not known"},
		{name: "a rule of a user chain that ends the trace of others", to: "10.2.0.2:9", native: `table inet fw {
				chain sub { meta nftrace set 0; }
				chain pre { type filter hook prerouting priority -150; tcp dport 9 jump sub; }
				chain forward { type filter hook forward priority 0; drop; }
			}`,
			verdict: journey.Dropped, sentence: "dropped by rule 1 of inet fw/forward (nftables)",
			steps: []string{"N fw/pre policy accept", "N fw/forward 1 drop"}},
		{name: "a chain before defragmentation, and one at ingress", to: "10.2.0.2:9", native: `table ip fw {
				chain pre { type filter hook prerouting priority -400; counter; }
				chain post { type filter hook postrouting priority 0; udp dport 9 drop; }
			}
			table netdev dev { chain in { type filter hook ingress device r0 priority 0; counter; }; }`,
			verdict: journey.Dropped, sentence: "dropped by rule 1 of ip fw/post (nftables)",
			steps: []string{"N fw/pre 1 continue", "N fw/pre policy accept", "N fw/post 1 drop"}},
	}
}

// TestFates holds what is said of packets whose end is not a plain verdict: what is not
// known is said to be so, and what is known is not.
func TestFates(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	t.Parallel()
	for _, c := range fateCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			load(t, n.Router, "iptables-legacy-restore", c.legacy)
			load(t, n.Router, "iptables-nft-restore", c.nft4)
			if c.native != "" {
				load(t, n.Router, "nft", c.native)
			}
			if c.before != nil {
				c.before(t, n)
			}
			proto := c.proto
			if proto == "" {
				proto = "udp"
			}
			s := open(t, n.Router, Trace{Filter: parse(t, proto+" and dst port "+c.to[strings.LastIndexByte(c.to, ':')+1:])})
			if proto == "tcp" {
				_, _ = nettest.Dial(t, n.Client, "tcp", "", c.to, 300*time.Millisecond)
			} else {
				udp(t, n.Client, c.to)
			}
			j := s.journey("the packet", func(j *journey.Journey) bool { return j.In == "r0" && j.Number == 1 })
			o := j.Outcome
			if o.Verdict != c.verdict || !strings.Contains(o.Sentence, c.sentence) || c.never != "" && strings.Contains(o.Sentence, c.never) {
				t.Errorf("%s: %s\nwant %s: %s", o.Verdict, o.Sentence, c.verdict, c.sentence)
			}
			if j.Complete != (c.why == "") || !strings.Contains(j.Why, c.why) {
				t.Errorf("complete %v: %q, want %q", j.Complete, j.Why, c.why)
			}
			if got := strings.Join(j.Possible, " "); got != c.possible {
				t.Errorf("possible %q, want %q", got, c.possible)
			}
			var steps []string
			for i := range j.Steps {
				steps = append(steps, line(&j.Steps[i]))
			}
			if c.steps != nil && !slices.Equal(steps, c.steps) {
				t.Errorf("steps %q\nwant %q", steps, c.steps)
			}
			if t.Failed() {
				t.Log(describe(j))
			}
		})
	}
}

// TestSynproxyHandshake: the SYN is answered by the proxy, and the ACK is taken by it or
// may have been dropped; no drop is told of either.
func TestSynproxyHandshake(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore")
	t.Parallel()
	for _, program := range []string{"iptables-legacy-restore", "iptables-nft-restore"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			load(t, n.Router, program, synproxy4)
			strict(t, n)
			nettest.Echo(t, n.Server, 80)
			s := open(t, n.Router, Trace{Filter: parse(t, "tcp and dst port 80 and in r0")})
			if _, err := nettest.Dial(t, n.Client, "tcp", "", "10.2.0.2:80", nettest.InVain); err != nil {
				t.Fatal(err)
			}
			syn := s.journey("the SYN", func(j *journey.Journey) bool { return j.Packet.Flags == model.SYN })
			if want := "(the SYN was answered by the SYN proxy)"; !strings.Contains(syn.Outcome.Sentence, want) || !syn.Complete {
				t.Errorf("%q is missing: %s", want, describe(syn))
			}
			ack := s.journey("the ACK", func(j *journey.Journey) bool { return j.Packet.Flags == model.ACK })
			want := "(the ACK was taken by the SYN proxy, which opens the connection to the server itself)"
			if program == "iptables-legacy-restore" { // no event tells
				want = ", which takes an ACK over that answers it, and drops any other"
			}
			if !strings.Contains(ack.Outcome.Sentence, want) || ack.Outcome.Verdict != journey.Unknown {
				t.Errorf("%q is missing: %s", want, describe(ack))
			}
		})
	}
}

// TestRefused sends two connections where source translation has one port: conntrack
// drops the second one behind every chain, where no trace tells of it. What came out at
// the server is the truth.
func TestRefused(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft", "conntrack")
	t.Parallel()
	nat := "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -o r1 -p udp -j SNAT --to-source 10.2.0.1:5000\nCOMMIT\n"
	for _, b := range []struct{ program, text string }{
		{"iptables-legacy-restore", nat}, {"iptables-nft-restore", nat},
		{"nft", "table ip n { chain post { type nat hook postrouting priority 100; oifname \"r1\" meta l4proto udp snat to 10.2.0.1:5000; }; }"},
	} {
		t.Run(b.program, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			load(t, n.Router, b.program, b.text)
			nettest.Feed(t, n.Server, accept4+"-A INPUT -p udp -j DROP\nCOMMIT\n", "iptables-legacy-restore")
			s := openAll(t, n.Router, Trace{Filter: parse(t, "udp and dst port 9")})
			for i := range 2 {
				udp(t, n.Client, "10.2.0.2:9")
				// A drop may be told of when the packet is over already.
				j := s.journey("the packet", func(j *journey.Journey) bool {
					return j.Number == i+1 && (i == 0 || j.Outcome.Verdict == journey.Dropped)
				})
				switch {
				case i == 0 && (j.Outcome.Verdict != journey.Accepted || !j.Complete || j.Possible != nil || len(j.Assumptions) > 0 || j.NAT == nil):
					t.Errorf("a connection that conntrack took: %s", describe(j))
				case i == 1 && (j.Outcome.Verdict != journey.Dropped || !j.Complete || j.Possible != nil || j.Outcome.By.Kind != "kernel" ||
					!strings.Contains(j.Outcome.Sentence, "dropped by netfilter in the postrouting hook, by no rule: conntrack could not take its connection; 1 connection met another one")):
					t.Errorf("a connection that conntrack refused: %s", describe(j))
				}
			}
			if got := nettest.Run(t, n.Server, "iptables-legacy-save", "-c", "-t", "filter"); !strings.Contains(got, "[1:33] -A INPUT -p udp") {
				t.Errorf("one packet should have come to the server:\n%s", got)
			}
		})
	}
}

// TestBeside sends packets through two tables at one priority: what is said of them does
// not hang on which tracer's event came first.
func TestBeside(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore")
	t.Parallel()
	for _, c := range []struct{ name, legacy, nft, want string }{
		{"two policies", "", "", "sent out of r1, accepted by the policy of filter/FORWARD (iptables-nft)"},
		{"a rule of the first", "-A FORWARD -p udp -j ACCEPT\n", "", "sent out of r1, accepted by rule 1 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp -j ACCEPT"},
		{"two rules", "-A FORWARD -p udp -j ACCEPT\n", "-A FORWARD -p udp -j ACCEPT\n", "sent out of r1, accepted by rule 1 of filter/FORWARD (iptables-nft): -A FORWARD -p udp -j ACCEPT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			load(t, n.Router, "iptables-legacy-restore", accept4+c.legacy+"COMMIT\n")
			load(t, n.Router, "iptables-nft-restore", accept4+c.nft+"COMMIT\n")
			s := open(t, n.Router, Trace{Filter: parse(t, "udp")})
			const packets = 24
			for i := range packets {
				udp(t, n.Client, fmt.Sprintf("10.2.0.2:%d", 9000+i))
			}
			snap := s.wait("all packets", func(snap *snapshot.Snapshot) bool {
				return len(snap.Journeys) >= packets && !slices.ContainsFunc(snap.Journeys, func(j *journey.Journey) bool { return !j.Closed })
			})
			want := []string{"filter/FORWARD (iptables-legacy) and filter/FORWARD (iptables-nft) stand at the same priority: which ran first is not known"}
			for _, j := range snap.Journeys {
				if j.Outcome.Sentence != c.want || !slices.Equal(j.Assumptions, want) || !j.Complete {
					t.Errorf("%q, assumptions %q, want %q\n%s", j.Outcome.Sentence, j.Assumptions, c.want, describe(j))
				}
			}
		})
	}
}

// TestTaken: that conntrack took a connection is heard of in time, however many come.
func TestTaken(t *testing.T) {
	nettest.Kernel(t, "iptables-nft-restore", "conntrack")
	t.Parallel()
	n := nettest.NewRouted(t)
	load(t, n.Router, "iptables-nft-restore", "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -o r1 -j MASQUERADE\nCOMMIT\n")
	const packets = 400
	s := open(t, n.Router, Trace{Filter: parse(t, "udp and dst port 9"), Rate: 10 * packets})
	for range packets {
		udp(t, n.Client, "10.2.0.2:9")
	}
	snap := s.wait("all packets", func(snap *snapshot.Snapshot) bool {
		return len(snap.Journeys) >= packets && !slices.ContainsFunc(snap.Journeys, func(j *journey.Journey) bool { return !j.Closed })
	})
	for _, j := range snap.Journeys {
		if !j.Complete || j.Outcome.Verdict != journey.Accepted || len(j.Assumptions) > 0 {
			t.Errorf("%q %s", j.Assumptions, describe(j))
		}
	}
}
