package live

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model/fact"
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

// TestMissState: what is known of a packet's state though no event tells it.
func TestMissState(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore")
	t.Parallel()
	const filter = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	const nat = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n"
	const raw = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p udp -j CT --notrack\nCOMMIT\n"
	absent := func(j *journey.Journey) bool { return j.Track.Absent }
	before := func(j *journey.Journey) bool { return j.Track.Before != nil }
	for _, c := range []struct {
		name, rules, to string
		first           bool // a packet goes through before the rules are there
		filter          string
		until           func(*journey.Journey) bool
		want            string
		miss            string
	}{
		{name: "the rule that it missed", to: "10.2.0.2:9", rules: filter + "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -j DROP\nCOMMIT\n",
			want: "NEW or INVALID", miss: "filter/FORWARD 1: conntrack ctstate NEW or INVALID, want RELATED,ESTABLISHED"},
		{name: "no entry", to: "10.2.0.2:9", until: absent, rules: filter + "-A FORWARD -m conntrack --ctstate ESTABLISHED -m limit --limit 1/hour --limit-burst 1 -j ACCEPT\n-A FORWARD -j DROP\nCOMMIT\n",
			want: "NEW, RELATED or INVALID", miss: "filter/FORWARD 1: conntrack ctstate NEW, RELATED or INVALID, want ESTABLISHED"},
		{name: "a nat chain", to: "10.2.0.2:9", rules: nat + filter + "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -j DROP\nCOMMIT\n",
			want: "NEW", miss: "filter/FORWARD 1: conntrack ctstate NEW, want RELATED,ESTABLISHED"},
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
					_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
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
			s := open(t, n.Router, Trace{Filter: parse(t, "udp and "+of)})
			var j *journey.Journey
			for seen, deadline := 0, time.Now().Add(30*time.Second); j == nil; {
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

// TestNoStateContradicts: with random rules that ask for the connection, what is reckoned
// of its state fits what the kernel matched, and what it told.
func TestNoStateContradicts(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { t.Parallel(); noStateContradiction(t, seed) })
	}
	// Replies are dropped before conntrack tells that it saw them.
	t.Run("unsaid", func(t *testing.T) { t.Parallel(); noStateContradiction(t, 12253885907566872217) })
	t.Run("any", func(t *testing.T) { t.Parallel(); noStateContradiction(t, rand.Uint64()) })
}

func noStateContradiction(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 12))
	n := nettest.NewRouted(t)
	answering(t, n)
	save := []string{"-m conntrack --ctstate NEW", "-m conntrack --ctstate RELATED,ESTABLISHED", "-m conntrack ! --ctstate INVALID,NEW", "-m conntrack --ctstate ESTABLISHED --ctdir REPLY",
		"-m conntrack --ctdir ORIGINAL", "-m conntrack --ctstatus SEEN_REPLY", "-m conntrack --ctstatus NONE", "-m conntrack ! --ctstatus CONFIRMED", "-m conntrack --ctstatus ASSURED,SEEN_REPLY",
		"-m state --state UNTRACKED,INVALID", "-m conntrack --ctorigsrc 10.1.0.2 --ctstate NEW,ESTABLISHED", "-m conntrack --ctreplsrcport 9",
		"-m pkttype --pkt-type broadcast", "-m pkttype ! --pkt-type unicast"}
	native := []string{"ct state new", "ct state established,related", "ct state != invalid", "ct state { new, untracked }", "ct direction reply", "ct direction original ct state established",
		"ct status seen-reply", "ct status confirmed", "ct status & (seen-reply | assured) == 0", "ct original ip saddr 10.1.0.2", "ct state vmap { established : continue, invalid : drop }", "ct mark 0",
		"meta pkttype host", "meta pkttype != broadcast"}
	// Some connections are older than the rules, and in half of the rulesets nothing is dropped.
	nettest.Feed(t, n.Router, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -m conntrack --ctstate NEW\nCOMMIT\n", "iptables-legacy-restore")
	conns := []net.Conn{caller(t, n, "10.2.0.2:9"), caller(t, n, "10.2.0.2:8"), caller(t, n, "10.2.0.2:9"), caller(t, n, "10.2.0.2:8")}
	for _, c := range conns[:2] {
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
	}
	_ = conns[0].SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := conns[0].Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	tame := strings.NewReplacer()
	if seed%2 == 0 {
		tame = strings.NewReplacer("-j DROP", "", " DROP ", " ACCEPT ", "policy drop", "policy accept", "counter drop", "counter")
	}
	nettest.Feed(t, n.Router, tame.Replace([]string{"", "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n"}[r.IntN(2)]+
		randomSave(r, "filter", save...)+randomSave(r, "mangle", save...)), "iptables-legacy-restore")
	nettest.Feed(t, n.Router, tame.Replace(randomSave(r, "filter", save...)), "iptables-nft-restore")
	nettest.Feed(t, n.Router, tame.Replace(randomNative(r, native...)), "nft", "-f", "-")
	s := open(t, n.Router, Trace{Filter: parse(t, "udp")})
	f := miss.New(miss.Known{})
	known, told, late, seen := 0, 0, 0, map[int]bool{}
	deadline := time.Now().Add(15 * time.Second)
	for round := 0; late < 12 && time.Now().Before(deadline); round++ {
		for _, c := range conns {
			if _, err := c.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
		}
		snap := s.wait("the packets", func(snap *snapshot.Snapshot) bool {
			return slices.ContainsFunc(snap.Journeys, func(j *journey.Journey) bool { return j.Closed && !seen[j.Number] })
		})
		for _, j := range snap.Journeys {
			if !j.Closed || seen[j.Number] {
				continue
			}
			seen[j.Number] = true
			if j.Track.Before != nil {
				late++
			}
			truth := fact.StateOf(j.CTState)
			if truth != 0 {
				told++
			}
			for _, x := range []*journey.Journey{j, blind(j)} {
				left := f.States(x)
				if truth != 0 && left&truth == 0 {
					t.Errorf("seed %d: the state is %s, and %s was reckoned: %+v\n%s", seed, truth, left, x.Track, describe(x))
				}
				if left != fact.AnyState {
					known++
				}
				full := looked(snap, x)
				for i := range full.Steps {
					if st := &full.Steps[i]; st.Kind == journey.KindMiss && st.Note != "" {
						t.Errorf("seed %d: %s %s: %v %s (%s reckoned)", seed, st.Chain, st.Text, st.Because, st.Note, left)
					}
				}
				if slices.ContainsFunc(full.Assumptions, func(a string) bool { return strings.Contains(a, "contradict") }) {
					t.Errorf("seed %d: no state is left, of %q\n%s", seed, j.CTState, describe(x))
				}
			}
		}
	}
	if len(seen) == 0 || late == 0 {
		t.Errorf("%d packets, %d of an older connection", len(seen), late)
	}
	t.Logf("%d packets, %d told, %d with an older entry; %d states reckoned", len(seen), told, late, known)
}
