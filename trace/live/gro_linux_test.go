package live

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// TestJoined sends 100 kB of TCP in frames of their own, which the router's link joins
// (GRO): what it made is one packet each, with its own length, and the counters agree.
func TestJoined(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	t.Parallel()
	for _, b := range []struct{ program, text string }{
		{"iptables-legacy-restore", accept4 + "-A FORWARD -p tcp -j ACCEPT\nCOMMIT\n"},
		{"nft", "table inet fw {\n chain f {\n  type filter hook forward priority 0;\n  meta l4proto tcp counter accept\n }\n}\n"},
	} {
		t.Run(b.program, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			load(t, n.Router, b.program, b.text)
			offload(t, n.Client, "c0", unix.ETHTOOL_STSO, false)
			offload(t, n.Client, "c0", unix.ETHTOOL_SGSO, false)
			offload(t, n.Router, "r0", unix.ETHTOOL_SGRO, true)
			// An answer out of order makes the client's acknowledgements longer (RFC 2018).
			nettest.Run(t, n.Client, "sysctl", "-qw", "net.ipv4.tcp_sack=0")
			nettest.Echo(t, n.Server, 80)
			s := openOn(t, n.Router, guarded(t), Trace{Rate: 100_000, Filter: parse(t, "tcp")})
			counts := newCounted(t, n.Router)
			c, err := nettest.Dial(t, n.Client, "tcp4", "", "10.2.0.2:80", patience)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			const size = 100_000
			go func() { _, _ = c.Write(make([]byte, size)) }()
			if _, err := io.ReadFull(c, make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			sent := func(list []*journey.Journey) (packets, data, longest int) {
				var parts [][2]int // from and up to which byte, behind the SYN
				var first uint32
				for _, j := range list {
					if p := &j.Packet; p.DPort == 80 {
						packets++
						longest = max(longest, p.Length)
						if p.Flags&model.SYN != 0 {
							first = p.Seq + 1
							continue // it has other options than those that follow
						}
						from := int(int32(p.Seq - first))
						parts = append(parts, [2]int{from, from + p.Length - 52}) // IP, TCP and its time stamps
					}
				}
				slices.SortFunc(parts, func(a, b [2]int) int { return cmp.Compare(a[0], b[0]) })
				for _, part := range parts { // what was sent again counts once
					if part[0] > data {
						break // a hole
					}
					data = max(data, part[1])
				}
				return packets, data, longest
			}
			list := s.settled("all bytes", func(list []*journey.Journey) bool { _, data, _ := sent(list); return data >= size })
			packets, data, longest := sent(list)
			if data != size || longest <= 1500 {
				t.Errorf("%d bytes of %d in %d journeys, the longest of %d", data, size, packets, longest)
			}
			for _, j := range list {
				if !j.Complete || j.Gaps != 0 || j.Outcome.Verdict != journey.Accepted || len(j.Steps) != 1 {
					t.Errorf("%s", describe(j))
				}
			}
			if frames := received(t, n.Router, "r0"); frames < size/1448 || packets >= frames {
				t.Errorf("%d frames came, %d journeys: nothing was joined", frames, packets)
			}
			if bad := counts.compare(t, list); len(bad) > 0 {
				t.Errorf("%s", strings.Join(bad, "\n"))
			}
			s.shut()
		})
	}
}

// offload switches an offload of a device, as `ethtool -K` does (struct ethtool_value).
func offload(t testing.TB, ns *netns.Handle, dev string, command uint32, on bool) {
	t.Helper()
	value := struct{ command, data uint32 }{command: command}
	if on {
		value.data = 1
	}
	req := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: unsafe.Pointer(&value)}
	copy(req.name[:], dev)
	nettest.Do(t, ns, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req))); errno != 0 {
			return fmt.Errorf("set offload %#x of %s: %w", command, dev, errno)
		}
		return nil
	})
}

// received is how many frames came in by a device.
func received(t *testing.T, ns *netns.Handle, dev string) (n int) {
	t.Helper()
	h, err := ns.Rtnetlink()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	l, err := h.LinkByName(dev)
	if err != nil {
		t.Fatal(err)
	}
	return int(l.Attrs().Statistics.RxPackets)
}
