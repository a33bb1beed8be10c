package live

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

// TestSuperPackets sends 100 kB of TCP over links that cut it into segments late (GSO)
// and join them early (GRO): what is traced is what the rules saw, packets longer than
// any frame, each counted once and each whole.
func TestSuperPackets(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore")
	t.Parallel()
	for _, program := range []string{"iptables-legacy-restore", "iptables-nft-restore"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			load(t, n.Router, program, mangle4+"-A FORWARD -p tcp -m tcp --dport 80\nCOMMIT\n"+accept4+"-A FORWARD -p tcp -j ACCEPT\nCOMMIT\n")
			got := make(chan int, 1)
			nettest.Do(t, n.Server, func() error {
				l, err := net.Listen("tcp4", ":80")
				if err != nil {
					return err
				}
				t.Cleanup(func() { _ = l.Close() })
				go func() {
					if c, err := l.Accept(); err == nil {
						k, _ := io.Copy(io.Discard, c)
						_ = c.Close()
						got <- int(k)
					}
				}()
				return nil
			})
			s := openOn(t, n.Router, guarded(t), Trace{Rate: 100_000, Filter: parse(t, "tcp")})
			counts := newCounted(t, n.Router)
			c, err := nettest.Dial(t, n.Client, "tcp4", "", "10.2.0.2:80", patience)
			if err != nil {
				t.Fatal(err)
			}
			const size = 100_000
			if _, err := c.Write(make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			if err := c.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			select {
			case k := <-got:
				if k != size {
					t.Errorf("the server got %d bytes of %d", k, size)
				}
			case <-time.After(patience):
				t.Fatal("the server got nothing")
			}
			fins := func(list []*journey.Journey) (n int) {
				for _, j := range list {
					if j.Packet.Flags&model.FIN != 0 {
						n++
					}
				}
				return n
			}
			list := s.settled("both ends' FIN", func(list []*journey.Journey) bool { return fins(list) >= 2 })
			data, longest := 0, 0
			for _, j := range list {
				if !j.Complete || j.Gaps != 0 || j.Outcome.Verdict != journey.Accepted {
					t.Errorf("%s", describe(j))
				}
				longest = max(longest, j.Packet.Length)
				if j.Packet.DPort == 80 && j.Packet.Length > 60 {
					data += j.Packet.Length - 52 // IP, TCP and its time stamps
				}
			}
			if bad := counts.compare(t, list); len(bad) > 0 {
				t.Errorf("%s", strings.Join(bad, "\n"))
			}
			if data < size || longest <= 1500 {
				t.Errorf("%d bytes of %d in %d journeys, the longest of %d", data, size, len(list), longest)
			}
			t.Logf("%d journeys, %d bytes, the longest packet has %d", len(list), data, longest)
			s.shut()
		})
	}
}

// TestFragments sends a datagram in three fragments, with conntrack, which puts them
// together before the trace begins, and without, where each is a packet of its own and
// those behind the first have no ports.
func TestFragments(t *testing.T) {
	nettest.Kernel(t, "nft", "iptables-legacy-restore", "ip6tables-legacy-restore", "iptables-nft-restore", "ip6tables-nft-restore")
	t.Parallel()
	for _, v6 := range []bool{false, true} {
		for _, tracked := range []bool{false, true} {
			for _, backend := range []string{"legacy", "iptables-nft", "native"} {
				t.Run(fmt.Sprintf("v6 %v, tracked %v, %s", v6, tracked, backend), func(t *testing.T) {
					t.Parallel()
					n := nettest.NewRouted(t)
					to, word, program := "10.2.0.2:9", "ip", "iptables-legacy-restore"
					if v6 {
						to, word, program = "[fd02::2]:9", "ip6 and host fd02::2", "ip6tables-legacy-restore"
					}
					want := 3
					if tracked {
						want = 1
					}
					if backend == "iptables-nft" {
						program = strings.Replace(program, "legacy", "nft", 1)
					}
					switch {
					case backend != "native" && tracked:
						load(t, n.Router, program, accept4+"-A FORWARD -m conntrack --ctstate NEW -j ACCEPT\nCOMMIT\n")
					case backend != "native":
						load(t, n.Router, program, accept4+"-A FORWARD -j ACCEPT\nCOMMIT\n")
					case tracked:
						load(t, n.Router, "nft", "table inet fw {\n chain f {\n  type filter hook forward priority 0;\n  ct state new counter accept\n }\n}\n")
					default:
						load(t, n.Router, "nft", "table inet fw {\n chain f {\n  type filter hook forward priority 0;\n  counter accept\n }\n}\n")
					}
					nettest.Feed(t, n.Server, "table inet fw {\n chain f {\n  type filter hook input priority 0;\n  meta l4proto udp drop\n }\n}\n", "nft", "-f", "-")
					s := openOn(t, n.Router, guarded(t), Trace{Filter: parse(t, word)})
					nettest.Do(t, n.Client, func() error {
						c, err := net.Dial("udp", to)
						if err != nil {
							return err
						}
						defer c.Close()
						_, err = c.Write(make([]byte, 4000))
						return err
					})
					ours := func(list []*journey.Journey) (l []*journey.Journey) {
						for _, j := range list {
							if j.Path == journey.PathForward {
								l = append(l, j)
							}
						}
						return l
					}
					list := ours(s.settled("the fragments", func(list []*journey.Journey) bool { return len(ours(list)) >= want }))
					if len(list) != want {
						t.Errorf("%d journeys, want %d", len(list), want)
					}
					for i, j := range list {
						if want := i + 1; !tracked && (j.Fragment != want || j.FragmentOf != list[0].Number) || tracked && j.Fragment != 0 {
							t.Errorf("fragment %d of #%d, want %d of #%d: %s", j.Fragment, j.FragmentOf, want, list[0].Number, describe(j))
						}
						if to := net.JoinHostPort(j.Packet.Dst.String(), "9"); to != "10.2.0.2:9" && to != "[fd02::2]:9" {
							t.Errorf("to %s: %s", to, describe(j))
						}
						if !j.Complete || j.Outcome.Verdict != journey.Accepted || len(j.Steps) != 1 {
							t.Errorf("%s", describe(j))
						}
						if tracked && (j.Packet.Length < 4000 || j.Packet.DPort != 9) || !tracked && j.Packet.Length > 1500 {
							t.Errorf("length %d, fragment at %d: %s", j.Packet.Length, j.Packet.FragOffset, describe(j))
						}
					}
					s.shut()
				})
			}
		}
	}
}

// TestTwoScopes traces one packet in two namespaces on its way, each by a session of
// its own: both are whole, and neither hears of the other.
func TestTwoScopes(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	load(t, n.Client, "iptables-legacy-restore", accept4+"-A OUTPUT -p udp -j ACCEPT\nCOMMIT\n")
	load(t, n.Router, "iptables-legacy-restore", accept4+"-A FORWARD -p udp -j ACCEPT\nCOMMIT\n")
	load(t, n.Server, "nft", "table inet fw {\n chain f {\n  type filter hook input priority 0;\n  udp dport 9 drop\n }\n}\n")
	f := Trace{Filter: parse(t, "udp and dst port 9")}
	a, b, c := openOn(t, n.Client, guarded(t), f), openOn(t, n.Router, guarded(t), f), openOn(t, n.Server, guarded(t), f)
	udp(t, n.Client, "10.2.0.2:9")
	for _, x := range []struct {
		s                   *scope
		path, in, out, last string
	}{{a, "output", "", "c0", "sent out of c0, accepted by rule 1 of filter/OUTPUT (iptables-legacy)"}, {b, "forward", "r0", "r1", "sent out of r1, accepted by rule 1 of filter/FORWARD (iptables-legacy)"},
		{c, "input", "s0", "", "dropped by rule 1 of inet fw/f (nftables)"}} {
		list := x.s.settled("the packet", func(l []*journey.Journey) bool { return len(l) > 0 })
		if j := list[0]; len(list) != 1 || !j.Complete || j.Path != x.path || j.In != x.in || j.Out != x.out || !strings.HasPrefix(j.Outcome.Sentence, x.last) {
			t.Errorf("%d journeys, want %s: %s", len(list), x.last, describe(j))
		}
	}
	for _, s := range []*scope{a, b, c} {
		s.shut()
	}
}
