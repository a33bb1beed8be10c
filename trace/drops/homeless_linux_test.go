package drops

import (
	"encoding/binary"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model/drop"
	"nfscope/trace/nettest"
)

// TestHomeless: a drop of a packet without device, socket and route is counted. A fragment that
// waits for others has none; where too many packets of its sender came meanwhile it is thrown
// away, in the call that sends the next one (ip_frag_reinit).
func TestHomeless(t *testing.T) {
	nettest.Kernel(t, "sysctl")
	t.Parallel()
	ns := nettest.New(t, "homeless")
	nettest.Run(t, ns, "sysctl", "-qw", "net.ipv4.ipfrag_max_dist=1")
	w := watch(t, ns, Options{Counters: 20 * time.Millisecond, NoFacts: true})
	needBPF(t, w.Watch())
	send := func() error {
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		defer unix.Close(s)
		to := [4]byte{127, 0, 0, 1}
		for _, f := range []struct{ id, at uint16 }{{1, 0}, {2, 0}, {3, 0}, {1, 1}} { // at in words of 8 bytes
			b := make([]byte, 20+8)
			b[0], b[8], b[9] = 0x45, 64, unix.IPPROTO_UDP
			binary.BigEndian.PutUint16(b[4:], f.id)
			binary.BigEndian.PutUint16(b[6:], 1<<13|f.at) // more follow
			copy(b[12:], to[:])
			copy(b[16:], to[:])
			if err := unix.Sendto(s, b, 0, &unix.SockaddrInet4{Addr: to}); err != nil {
				return err
			}
		}
		return nil
	}
	passed := w.witness(t)
	nettest.Do(t, ns, send)
	w.settled(t, func(now drop.Watch) bool {
		if now.Homeless > 0 {
			return true
		}
		if n := passed.proof(); n > 0 {
			t.Logf("the kernel passed the program over for %d drops of the host: sent again", n)
			nettest.Do(t, ns, send)
		}
		return false
	})
}
