package live

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

// writer writes into a connection from a thread of its own on one processor, a text of size
// bytes whenever it is asked to.
func writer(c net.Conn, cpu, size int) (ask chan<- bool, told <-chan error) {
	asked, tell := make(chan bool), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its affinity
		var set unix.CPUSet
		set.Set(cpu)
		err := unix.SchedSetaffinity(0, &set)
		for range asked {
			if err == nil {
				_, err = c.Write([]byte(strings.Repeat("x", size)))
			}
			tell <- err
		}
	}()
	return asked, tell
}

// TestTwoCPUStreams writes TCP from two processors at once, into two connections and into
// one, through both backends and translation. Which of the two wrote a segment is told by
// its length, which a rule of each table matches: a ladder must have exactly the rules of
// its own packet, and so must the answers', and all of them together what the kernel counted.
func TestTwoCPUStreams(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	t.Parallel()
	cpus := twoCPUs(t)
	const header = 20 + 32 // with TCP's time stamps
	sizes := []int{100, 200}
	rules := func(chain string) (s string) {
		for _, size := range sizes {
			s += fmt.Sprintf("-A %s -p tcp -m length --length %d -m comment --comment %d\n", chain, header+size, header+size)
		}
		return s
	}
	mangle := mangle4 + rules("PREROUTING") + rules("FORWARD") + rules("POSTROUTING") + "COMMIT\n"
	filter := accept4 + rules("FORWARD") + "COMMIT\n"
	nat := "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n" +
		"-A PREROUTING -d 10.1.0.1/32 -p tcp -m tcp --dport 9 -j DNAT --to-destination 10.2.0.2:9\n-A POSTROUTING -o r1 -j MASQUERADE\nCOMMIT\n"
	for _, c := range []struct{ name, legacy, nft string }{
		{"legacy", mangle + nat + filter, ""}, {"iptables-nft", "", mangle + nat + filter}, {"mixed", nat + filter, mangle},
	} {
		for flows := 1; flows <= 2; flows++ {
			t.Run(fmt.Sprintf("%s, flows %d", c.name, flows), func(t *testing.T) {
				t.Parallel()
				n := nettest.NewRouted(t)
				load(t, n.Router, "iptables-legacy-restore", c.legacy)
				load(t, n.Router, "iptables-nft-restore", c.nft)
				nettest.Echo(t, n.Server, 9)
				s := openOn(t, n.Router, guarded(t), Trace{Rate: 100_000, Filter: parse(t, "tcp")})
				counts := newCounted(t, n.Router)
				var conns []net.Conn
				for range flows {
					conn, err := nettest.Dial(t, n.Client, "tcp4", "", "10.1.0.1:9", patience)
					if err != nil {
						t.Fatal(err)
					}
					conns = append(conns, conn)
				}
				var asks []chan<- bool
				var tells []<-chan error
				for i, size := range sizes {
					ask, told := writer(conns[i%flows], cpus[i], size)
					asks, tells = append(asks, ask), append(tells, told)
				}
				// Both at once, and all is read back before the next time: a full window would have
				// the kernel put texts together.
				const rounds = 30
				for range rounds {
					for _, conn := range conns {
						if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
							t.Fatal(err)
						}
					}
					var done sync.WaitGroup
					for i := range asks {
						done.Go(func() {
							asks[i] <- true
							if err := <-tells[i]; err != nil {
								t.Error(err)
							}
						})
					}
					done.Wait()
					for i, size := range sizes {
						if _, err := io.ReadFull(conns[i%flows], make([]byte, size)); err != nil {
							t.Fatal(err)
						}
					}
				}
				for i := range asks {
					close(asks[i])
				}
				for _, conn := range conns {
					if err := conn.Close(); err != nil {
						t.Error(err)
					}
				}
				// Until the counters agree packets are on their way: of what was written, what the
				// server answered, and the end of the connections.
				of := func(j *journey.Journey) int { return slices.Index(sizes, j.Packet.Length-header) }
				list := s.settled("a ladder for each rule that was counted", func(list []*journey.Journey) bool {
					bytes := 0
					for _, j := range list {
						if j.Packet.DPort == 9 {
							bytes += max(0, j.Packet.Length-header)
						}
					}
					return bytes >= rounds*(sizes[0]+sizes[1]) && len(counts.compare(t, list)) == 0
				})
				told := make([]int, len(sizes))
				for _, j := range list {
					if !j.Complete {
						t.Errorf("incomplete: %s", describe(j))
						continue
					}
					var want []string
					if i := of(j); i >= 0 {
						told[i]++
						want = slices.Repeat([]string{fmt.Sprint(j.Packet.Length)}, 4)
					}
					var met []string
					for i := range j.Steps {
						if st := &j.Steps[i]; st.Kind == journey.KindRule && st.Comment != "" {
							met = append(met, st.Comment)
						}
					}
					if !slices.Equal(met, want) || j.Outcome.Verdict != journey.Accepted || j.NAT == nil {
						t.Errorf("the steps of another packet: met %q, want %q: %s", met, want, describe(j))
					}
				}
				if slices.Contains(told, 0) {
					t.Errorf("of the two writers' segments %v were alone", told)
				}
				s.shut()
			})
		}
	}
}
