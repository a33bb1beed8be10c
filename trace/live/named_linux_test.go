package live

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/model/journey"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// equal sends datagrams that are the same in all (no id, one length, one payload, one pair of
// ends) from two processors at once.
func equal(t *testing.T, from *netns.Handle, each int, to unix.Sockaddr) {
	t.Helper()
	var start, done sync.WaitGroup
	start.Add(2)
	for _, cpu := range twoCPUs(t) {
		done.Go(func() {
			if err := pinned(from, cpu, 64, 4000, unix.IP_PMTUDISC_DO, each, to, &start); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
}

// TestNamed: packets that are the same in all, sent from two processors at once, of which a
// rule marks every second one. With programs between the chains each step is known to be of
// its packet: what the one table wrote into it is what the next one found, and every journey
// is complete. Without them nobody can tell, and all that may be mixed up say so.
func TestNamed(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "ip6tables-legacy-restore", "iptables-nft-restore", "ip6tables-nft-restore")
	t.Parallel()
	const mangle = "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n" +
		"-A PREROUTING -p udp -m statistic --mode nth --every 2 --packet 0 -m comment --comment marks -j MARK --set-mark 1\n" +
		"-A POSTROUTING -m mark --mark 1 -m comment --comment late1\n-A POSTROUTING -m mark --mark 0 -m comment --comment late0\nCOMMIT\n"
	const filter = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" +
		"-A FORWARD -m mark --mark 1 -m comment --comment found1\n-A FORWARD -m mark --mark 0 -m comment --comment found0\n" +
		"-A FORWARD -p udp -m mark --mark 1 -m statistic --mode nth --every 2 --packet 0 -m comment --comment drops -j DROP\nCOMMIT\n"
	for _, c := range []struct{ name, legacy, nft string }{
		{"legacy", mangle + filter, ""}, {"mixed", filter, mangle},
	} {
		for _, v6 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, v6 %v", c.name, v6), func(t *testing.T) {
				t.Parallel()
				n := nettest.NewRouted(t)
				legacy, nft := "iptables-legacy-restore", "iptables-nft-restore"
				var to unix.Sockaddr = &unix.SockaddrInet4{Port: 9, Addr: [4]byte{10, 2, 0, 2}}
				if v6 {
					legacy, nft = "ip6tables-legacy-restore", "ip6tables-nft-restore"
					to = &unix.SockaddrInet6{Port: 9, Addr: [16]byte{0: 0xfd, 1: 2, 15: 2}}
				}
				load(t, n.Router, legacy, c.legacy)
				load(t, n.Router, nft, c.nft)
				n.FixNeighbours(t)
				nettest.Feed(t, n.Server, accept4+"-A INPUT -p udp -j DROP\nCOMMIT\n", legacy)
				s := openOn(t, n.Router, guarded(t), Trace{Rate: 100_000, Between: true, Filter: parse(t, "udp and dst port 9")})
				const each = 40
				equal(t, n.Client, each, to)
				list := s.settled("all packets", func(list []*journey.Journey) bool { return len(list) >= 2*each })
				dropped := 0
				for _, j := range list {
					var met []string
					for i := range j.Steps {
						if st := &j.Steps[i]; st.Kind == journey.KindRule && st.Comment != "" {
							met = append(met, st.Comment)
						}
					}
					ok := slices.ContainsFunc([][]string{{"found0", "late0"}, {"marks", "found1", "late1"}, {"marks", "found1", "drops"}}, func(w []string) bool { return slices.Equal(w, met) })
					verdict := journey.Accepted
					if slices.Contains(met, "drops") {
						verdict = journey.Dropped
						dropped++
					}
					if !ok || !j.Complete || j.Outcome.Verdict != verdict || len(j.Assumptions) > 0 {
						t.Errorf("met %q: %s", met, describe(j))
					}
				}
				if len(list) != 2*each || dropped != each/2 {
					t.Errorf("%d journeys, %d dropped, want %d and %d", len(list), dropped, 2*each, each/2)
				}
				s.shut()
			})
		}
	}
}

// TestUnnamed: the same without programs: a journey that is said to be complete has nothing
// that contradicts itself, and where packets were under way together it is not said of all.
func TestUnnamed(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore")
	t.Parallel()
	n := nettest.NewRouted(t)
	load(t, n.Router, "iptables-legacy-restore", "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"+
		"-A PREROUTING -p udp -m statistic --mode nth --every 2 --packet 0 -j MARK --set-mark 1\n-A POSTROUTING -m mark --mark 1\nCOMMIT\n")
	n.FixNeighbours(t)
	s := openOn(t, n.Router, guarded(t), Trace{Rate: 100_000, Filter: parse(t, "udp and dst port 9")})
	equal(t, n.Client, 20, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{10, 2, 0, 2}})
	for _, j := range s.settled("all packets", func(list []*journey.Journey) bool { return len(list) >= 40 }) {
		var met []string
		for i := range j.Steps {
			if st := &j.Steps[i]; st.Kind == journey.KindRule {
				met = append(met, fmt.Sprint(st.Hook))
			}
		}
		if w := strings.Join(met, " "); j.Complete && w != "" && w != "prerouting postrouting" || !j.Complete && j.Why == "" {
			t.Errorf("met %q: %s", w, describe(j))
		}
	}
	s.shut()
}
