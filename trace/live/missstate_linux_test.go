package live

import (
	"net"
	"strings"
	"testing"
	"time"

	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/model/snapshot"
	"nfscope/trace/nettest"
)

// answering has somebody at the server's port 9 answer; it hears all that comes to port 8.
func answering(t *testing.T, n *nettest.Routed) {
	t.Helper()
	nettest.Do(t, n.Server, func() error {
		mute, err := net.ListenPacket("udp4", "10.2.0.2:8")
		if err != nil {
			return err
		}
		c, err := net.ListenPacket("udp4", "10.2.0.2:9")
		if err != nil {
			return err
		}
		t.Cleanup(func() { _, _ = mute.Close(), c.Close() })
		go func() {
			b := make([]byte, 100)
			for {
				k, from, err := c.ReadFrom(b)
				if err != nil {
					return
				}
				_, _ = c.WriteTo(b[:k], from)
			}
		}()
		return nil
	})
}

// caller sends from one port of the client.
func caller(t *testing.T, n *nettest.Routed, to string) net.Conn {
	t.Helper()
	var c net.Conn
	nettest.Do(t, n.Client, func() (err error) {
		c, err = net.Dial("udp4", to)
		return err
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// blind is the journey as a kernel before 6.16 tells it: without conntrack.
func blind(j *journey.Journey) *journey.Journey {
	b := *j
	b.CTState, b.Flow, b.FlowBy, b.Direction = "", 0, "", ""
	b.Track.Told, b.Track.Status, b.Track.None = false, 0, false
	return &b
}

// TestMissState: what is known of a packet's state though no event tells it, and that it is
// told where misses are asked for.
func TestMissState(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore")
	t.Parallel()
	const filter = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	const nat = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n"
	const dnat = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.1.0.1/32 -p udp -j DNAT --to-destination 10.2.0.2\nCOMMIT\n"
	const raw = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p udp -j CT --notrack\nCOMMIT\n"
	absent := func(j *journey.Journey) bool { return j.Track.Absent }
	before := func(j *journey.Journey) bool { return j.Track.Before != nil }
	for _, c := range []struct {
		name, rules, to string
		first           bool // a packet goes through before the rules are there
		filter          string
		until           func(*journey.Journey) bool
		told            bool // the kernel tells the state, for the sake of misses
		want            string
		miss            string
	}{
		{name: "told: a new one", told: true, to: "10.2.0.2:9", rules: filter + "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -j DROP\nCOMMIT\n",
			want: "NEW", miss: "filter/FORWARD 1: conntrack ctstate NEW, want RELATED,ESTABLISHED"},
		{name: "told: the reply", told: true, to: "10.2.0.2:9", first: true, filter: "src port 9",
			rules: filter + "-A FORWARD -p udp -m udp --sport 9 -m state --state NEW -m limit --limit 1/hour --limit-burst 1 -j ACCEPT\n-A FORWARD -p udp -m udp --sport 9 -j DROP\nCOMMIT\n",
			want:  "ESTABLISHED", miss: "filter/FORWARD 1: state state ESTABLISHED, want NEW"},
		{name: "told: without an answer", told: true, to: "10.2.0.2:8", first: true, filter: "dst port 8",
			rules: filter + "-A FORWARD -m conntrack --ctstate RELATED -m limit --limit 1/hour --limit-burst 1 -j ACCEPT\n-A FORWARD -p udp -m udp --dport 8 -j DROP\nCOMMIT\n",
			want:  "NEW", miss: "filter/FORWARD 1: conntrack ctstate NEW, want RELATED"},
		{name: "told: untracked", told: true, to: "10.2.0.2:9", rules: raw + filter + "-A FORWARD -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT\n-A FORWARD -j DROP\nCOMMIT\n",
			want: "UNTRACKED", miss: "filter/FORWARD 1: conntrack ctstate UNTRACKED, want NEW,ESTABLISHED"},
		{name: "the rule that it missed", to: "10.2.0.2:9", rules: filter + "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -j DROP\nCOMMIT\n",
			want: "NEW or INVALID", miss: "filter/FORWARD 1: conntrack ctstate NEW or INVALID, want RELATED,ESTABLISHED"},
		{name: "no entry", to: "10.2.0.2:9", until: absent, rules: filter + "-A FORWARD -m conntrack --ctstate ESTABLISHED -m limit --limit 1/hour --limit-burst 1 -j ACCEPT\n-A FORWARD -j DROP\nCOMMIT\n",
			want: "NEW, RELATED or INVALID", miss: "filter/FORWARD 1: conntrack ctstate NEW, RELATED or INVALID, want ESTABLISHED"},
		{name: "a nat chain", to: "10.2.0.2:9", rules: nat + filter + "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -j DROP\nCOMMIT\n",
			want: "NEW", miss: "filter/FORWARD 1: conntrack ctstate NEW, want RELATED,ESTABLISHED"},
		{name: "told: translated", told: true, to: "10.1.0.1:9", rules: dnat + filter + "-A FORWARD -m conntrack ! --ctstate DNAT -j ACCEPT\n-A FORWARD -j DROP\nCOMMIT\n",
			want: "NEW", miss: "filter/FORWARD 1: conntrack ctstate NEW, DNAT, want not DNAT"},
		{name: "told: not translated", told: true, to: "10.2.0.2:9", rules: nat + filter + "-A FORWARD -m conntrack --ctstate DNAT -j ACCEPT\n-A FORWARD -j DROP\nCOMMIT\n",
			want: "NEW", miss: "filter/FORWARD 1: conntrack ctstate NEW, want DNAT"},
		{name: "translated", to: "10.1.0.1:9", rules: dnat + filter + "-A FORWARD -m conntrack ! --ctstate DNAT -j ACCEPT\n-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -j DROP\nCOMMIT\n",
			want: "NEW", miss: "filter/FORWARD 1: conntrack ctstate NEW, DNAT, want not DNAT"},
		{name: "notrack", to: "10.2.0.2:9", rules: raw + filter + "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -j DROP\nCOMMIT\n",
			miss: "filter/FORWARD 1: conntrack ctstate UNTRACKED, want RELATED,ESTABLISHED"},
		{name: "the reply", to: "10.2.0.2:9", first: true, filter: "src port 9", until: before,
			rules: filter + "-A FORWARD -p udp -m udp --sport 9 -m conntrack --ctstate NEW -m limit --limit 1/hour --limit-burst 1 -j ACCEPT\n-A FORWARD -p udp -m udp --sport 9 -j DROP\nCOMMIT\n",
			want:  "ESTABLISHED or INVALID", miss: "filter/FORWARD 1: conntrack ctstate ESTABLISHED or INVALID, want NEW"},
		{name: "more of the same", to: "10.2.0.2:9", first: true, filter: "dst port 9", until: before,
			rules: filter + "-A FORWARD -m conntrack --ctstate INVALID,NEW -j ACCEPT\n-A FORWARD -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j ACCEPT\n-A FORWARD -p udp -m udp --dport 9 -j DROP\nCOMMIT\n",
			want:  "ESTABLISHED", miss: "filter/FORWARD 1: conntrack ctstate ESTABLISHED, want INVALID,NEW"},
		{name: "without an answer", to: "10.2.0.2:8", first: true, filter: "dst port 8", until: before,
			rules: filter + "-A FORWARD -m conntrack --ctstate RELATED -m limit --limit 1/hour --limit-burst 1 -j ACCEPT\n-A FORWARD -p udp -m udp --dport 8 -j DROP\nCOMMIT\n",
			want:  "NEW, ESTABLISHED or INVALID", miss: "filter/FORWARD 1: conntrack ctstate NEW, ESTABLISHED or INVALID, want RELATED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			answering(t, n)
			nettest.Feed(t, n.Router, filter+"-A FORWARD -m conntrack --ctstate NEW\nCOMMIT\n", "iptables-legacy-restore")
			conn := caller(t, n, c.to)
			send := func() {
				if _, err := conn.Write([]byte("hello")); err != nil {
					t.Fatal(err)
				}
			}
			if c.first {
				send()
				if !strings.HasSuffix(c.to, ":8") {
					_ = conn.SetReadDeadline(time.Now().Add(nettest.InVain))
					if _, err := conn.Read(make([]byte, 100)); err != nil {
						t.Fatal(err)
					}
				}
			}
			nettest.Feed(t, n.Router, c.rules, "iptables-legacy-restore")
			of := c.filter
			if of == "" {
				of = "dst port 9"
			}
			s := open(t, n.Router, Trace{Filter: parse(t, "udp and "+of), Misses: c.told})
			var j *journey.Journey
			for seen, deadline := 0, time.Now().Add(nettest.InVain); j == nil; {
				if time.Now().After(deadline) {
					t.Fatal("no such packet")
				}
				send()
				s.wait("the packet", func(snap *snapshot.Snapshot) bool {
					fresh := false
					for _, x := range snap.Journeys {
						if !x.Closed {
							continue
						}
						if x.Complete && (c.until == nil || c.until(x)) {
							j = x
						}
						fresh = fresh || x.Number > seen
						seen = max(seen, x.Number)
					}
					return j != nil || fresh
				})
			}
			f := miss.New(miss.Known{})
			if got := f.States(j); c.want != "" && got.String() != c.want {
				t.Errorf("the state is %s, expected %s", got, c.want)
			}
			full := f.Look(j, 0)
			if got := missed(full); len(got) == 0 || got[0] != c.miss {
				t.Errorf("the misses are\n  %s\nexpected\n  %s\n%s %v", strings.Join(got, "\n  "), c.miss, describe(j), full.Assumptions)
			}
		})
	}
}
