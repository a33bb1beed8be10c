package live

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/model/journey"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// pinned sends datagrams from a thread of its own on one processor. Those that may not be
// cut (IP_PMTUDISC_DO) all look the same: no IP id, one length; only their hop limit, and
// the source port, tell them apart.
func pinned(ns *netns.Handle, cpu, ttl, sport, discover, n int, to unix.Sockaddr, start *sync.WaitGroup) error {
	return ns.Do(func() error {
		runtime.LockOSThread() // and never unlocked: the thread ends with its affinity
		var set unix.CPUSet
		set.Set(cpu)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return err
		}
		domain, options := unix.AF_INET, [][3]int{{unix.SOL_SOCKET, unix.SO_REUSEPORT, 1}, {unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, discover}, {unix.IPPROTO_IP, unix.IP_TTL, ttl}}
		var own unix.Sockaddr = &unix.SockaddrInet4{Port: sport}
		switch given := to.(type) { // Sendto writes into what it is given, and there is another thread
		case *unix.SockaddrInet4:
			mine := *given
			to = &mine
		case *unix.SockaddrInet6: // without a flow label, which would be the socket's own
			mine := *given
			to = &mine
			domain, own = unix.AF_INET6, &unix.SockaddrInet6{Port: sport}
			options = [][3]int{{unix.SOL_SOCKET, unix.SO_REUSEPORT, 1}, {unix.IPPROTO_IPV6, unix.IPV6_AUTOFLOWLABEL, 0}, {unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, ttl}}
		}
		fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for _, o := range options {
			if err := unix.SetsockoptInt(fd, o[0], o[1], o[2]); err != nil {
				return err
			}
		}
		if err := unix.Bind(fd, own); err != nil {
			return err
		}
		start.Done()
		start.Wait()
		for range n {
			if err := unix.Sendto(fd, []byte("hello"), 0, to); err != nil {
				return err
			}
		}
		return nil
	})
}

// twoCPUs gives the first two processors that the tests may use.
func twoCPUs(t *testing.T) (cpus []int) {
	t.Helper()
	var may unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		t.Fatal(err)
	}
	if may.Count() < 2 {
		nettest.Skip(t, "needs two processors")
	}
	for cpu := 0; len(cpus) < 2; cpu++ {
		if may.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

// TestTwoCPUs sends packets that look the same from two processors at once, of two flows
// and of one, through both backends and translation. A journey that is said to be
// complete must be one packet's from its first step to its last, as its hop limit tells;
// of any other it must be said why not.
func TestTwoCPUs(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	t.Parallel()
	cpus := twoCPUs(t)
	rules := func(table, chain string, below int) (s string) {
		for _, ttl := range []int{50, 60} {
			s += fmt.Sprintf("-A %s -m ttl --ttl-eq %d -m comment --comment %s%d\n", chain, ttl-below, table, ttl)
		}
		return s
	}
	mangle := mangle4 + rules("mangle", "PREROUTING", 0) + rules("mangle", "FORWARD", 1) + rules("mangle", "POSTROUTING", 1) + "COMMIT\n"
	filter := "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" + rules("filter", "FORWARD", 1) + "COMMIT\n"
	nat := "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n" +
		"-A PREROUTING -d 10.1.0.1/32 -p udp -m udp --dport 9 -j DNAT --to-destination 10.2.0.2:9\n-A POSTROUTING -o r1 -j MASQUERADE\nCOMMIT\n"
	for _, c := range []struct{ name, legacy, nft string }{
		{"legacy", mangle + nat + filter, ""}, {"iptables-nft", "", mangle + nat + filter},
		{"mixed, legacy nat", nat + filter, mangle}, {"mixed, nft nat", mangle, nat + filter},
	} {
		for _, kind := range []struct{ flows, discover int }{{2, unix.IP_PMTUDISC_DO}, {1, unix.IP_PMTUDISC_DO}, {2, unix.IP_PMTUDISC_DONT}, {1, unix.IP_PMTUDISC_DONT}} {
			flows, alike := kind.flows, kind.discover == unix.IP_PMTUDISC_DO
			t.Run(fmt.Sprintf("%s, flows %d, alike %v", c.name, flows, alike), func(t *testing.T) {
				t.Parallel()
				n := nettest.NewRouted(t)
				load(t, n.Router, "iptables-legacy-restore", c.legacy)
				load(t, n.Router, "iptables-nft-restore", c.nft)
				nettest.Feed(t, n.Server, accept4+"-A INPUT -p udp -j DROP\nCOMMIT\n", "iptables-legacy-restore")
				s := openOn(t, n.Router, guarded(t), Trace{Rate: 100_000, Filter: parse(t, "udp and dst port 9")})
				counts := newCounted(t, n.Router)
				const each = 40
				send := func() {
					var start, done sync.WaitGroup
					start.Add(2)
					for i, ttl := range []int{50, 60} {
						sport := 4000
						if flows == 2 {
							sport += i
						}
						done.Go(func() {
							if err := pinned(n.Client, cpus[i], ttl, sport, kind.discover, each, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{10, 1, 0, 1}}, &start); err != nil {
								t.Error(err)
							}
						})
					}
					done.Wait()
				}
				// The first packets of the flows race for conntrack and nat, and receive stamps
				// are being switched on.
				send()
				early := s.heard(2 * each)
				send()
				list := s.heard(len(early) + 2*each)
				whole, later := 0, 0
				for i, j := range list {
					if !j.Complete {
						if j.Why == "" {
							t.Errorf("incomplete, and not said why: %s", describe(j))
						}
						continue
					}
					if whole++; i >= len(early) {
						later++
					}
					own := fmt.Sprint(j.Packet.TTL)
					var met []string
					for i := range j.Steps {
						if st := &j.Steps[i]; st.Kind == journey.KindRule && st.Comment != "" {
							met = append(met, strings.TrimLeft(st.Comment, "abcdefghijklmnopqrstuvwxyz"))
						}
					}
					if j.Packet.TTL != 50 && j.Packet.TTL != 60 || len(met) != 4 || slices.ContainsFunc(met, func(m string) bool { return m != own }) ||
						flows == 2 && int(j.Packet.SPort) != 4000+int(j.Packet.TTL-50)/10 || j.Outcome.Verdict != journey.Accepted || j.NAT == nil {
						t.Errorf("steps of two packets in one: ttl %s met %q: %s", own, met, describe(j))
					}
				}
				if whole == 4*each {
					if bad := counts.compare(t, list); len(bad) > 0 {
						t.Errorf("%s", strings.Join(bad, "\n"))
					}
				}
				// Packets with ids, those that nf_tables alone tells of and those of which one hop
				// limit differs come apart; of those that are the same in all, each had all steps.
				if later < 3*each/2 || (!alike || c.legacy == "") && whole < 3*each {
					t.Errorf("only %d of %d journeys are complete, %d of the later %d", whole, len(list), later, len(list)-len(early))
				}
				why := map[string]int{}
				for _, j := range list {
					if !j.Complete {
						why[j.Why]++
					}
				}
				t.Logf("%d of %d journeys are complete, %d of the later %d; of the others %v", whole, len(list), later, len(list)-len(early), why)
				s.shut()
			})
		}
	}
}
