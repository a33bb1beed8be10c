package nettest

import (
	"encoding/binary"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// Tracked makes and takes away entries of conntrack's table, those of a gateway, by netlink,
// many in one call and without waiting for answers: nothing else makes a million in seconds.
// It is used by one goroutine.
type Tracked struct {
	conn *netlink.Conn
	raw  syscall.RawConn
	buf  []byte
	// assured entries do not make room for new ones.
	assured bool
}

// NewTracked makes one for a namespace.
func NewTracked(t testing.TB, ns *netns.Handle) *Tracked {
	t.Helper()
	c, err := netns.In(ns, func() (*netlink.Conn, error) { return netlink.Dial(unix.NETLINK_NETFILTER, nil) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return &Tracked{conn: c, raw: raw}
}

// trackedAtOnce is how many messages go in one call.
const trackedAtOnce = 100

// IPCTNL_MSG_CT_NEW and IPCTNL_MSG_CT_DELETE (nfnetlink_conntrack.h), CTA_TUPLE_ORIG and so on.
const (
	ctNew    = unix.NFNL_SUBSYS_CTNETLINK << 8
	ctDelete = ctNew | 2

	ctaOrig, ctaReply, ctaStatus, ctaTimeout, ctaMark = 1, 2, 3, 7, 8
)

// Make makes the connections from to before to, each known by its number.
func (f *Tracked) Make(t testing.TB, from, to int) {
	t.Helper()
	f.send(t, from, to, ctNew, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
}

// Take takes them away.
func (f *Tracked) Take(t testing.TB, from, to int) {
	t.Helper()
	f.send(t, from, to, ctDelete, 0)
}

// Storm makes connections and takes them away again at once for a while, so that so many
// events a second come of it, in bursts of a millisecond and more; it tells how many.
func (f *Tracked) Storm(t testing.TB, first, rate int, lasts time.Duration) (events int, took time.Duration) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		since := min(time.Since(began), lasts)
		due := int(since.Seconds() * float64(rate) / 2)
		if done := events / 2; due > done {
			f.Make(t, first+done, first+due)
			f.Take(t, first+done, first+due)
			events = 2 * due
		}
		if since == lasts {
			return events, time.Since(began)
		}
	}
}

func (f *Tracked) send(t testing.TB, from, to int, typ, flags uint16) {
	t.Helper()
	for from < to {
		f.buf = f.buf[:0]
		for n := 0; n < trackedAtOnce && from < to; n++ {
			f.message(uint32(from), typ, flags)
			from++
		}
		var err error
		if cerr := f.raw.Write(func(fd uintptr) bool {
			err = unix.Sendto(int(fd), f.buf, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
			return err != unix.EAGAIN
		}); cerr != nil || err != nil {
			t.Fatal(cerr, err)
		}
	}
}

// message appends a request about connection number i: 10.x.x.x behind 203.0.113.x.
func (f *Tracked) message(i uint32, typ, flags uint16) {
	src := [4]byte{10, byte(i >> 14), byte(i >> 6), byte(i << 2)}
	dst, nat := [4]byte{198, 51, 100, byte(i)}, [4]byte{203, 0, 113, byte(i >> 16)}
	at := len(f.buf)
	f.buf = append(f.buf, make([]byte, unix.SizeofNlMsghdr)...)
	f.buf = append(f.buf, unix.AF_INET, 0, 0, 0)
	f.tuple(ctaOrig, src, dst, uint16(1024+i%50000), 443)
	f.tuple(ctaReply, dst, nat, 443, uint16(i))
	if typ == ctNew {
		f.attr(ctaTimeout, 0, 0, 0x0e, 0x10)
		f.attr(ctaMark, 0, 0, 0, byte(i&3))
		if f.assured {
			f.attr(ctaStatus, 0, 0, 0, 0x0e) // IPS_SEEN_REPLY, IPS_ASSURED, IPS_CONFIRMED
		}
	}
	n := len(f.buf) - at
	binary.NativeEndian.PutUint32(f.buf[at:], uint32(n))
	binary.NativeEndian.PutUint16(f.buf[at+4:], typ)
	binary.NativeEndian.PutUint16(f.buf[at+6:], flags|unix.NLM_F_REQUEST)
}

func (f *Tracked) tuple(typ uint16, src, dst [4]byte, sport, dport uint16) {
	end := f.nest(typ)
	ip := f.nest(1)
	f.attr(1, src[:]...)
	f.attr(2, dst[:]...)
	ip()
	ports := f.nest(2)
	f.attr(1, unix.IPPROTO_UDP)
	f.attr(2, byte(sport>>8), byte(sport))
	f.attr(3, byte(dport>>8), byte(dport))
	ports()
	end()
}

func (f *Tracked) nest(typ uint16) (end func()) {
	at := len(f.buf)
	f.attr(typ | unix.NLA_F_NESTED)
	return func() { binary.NativeEndian.PutUint16(f.buf[at:], uint16(len(f.buf)-at)) }
}

func (f *Tracked) attr(typ uint16, data ...byte) {
	f.buf = binary.NativeEndian.AppendUint16(f.buf, uint16(4+len(data)))
	f.buf = binary.NativeEndian.AppendUint16(f.buf, typ)
	f.buf = append(f.buf, data...)
	for len(f.buf)%4 != 0 {
		f.buf = append(f.buf, 0)
	}
}

// FillTracked fills the connection table of a namespace, so that no new connection finds room,
// and tells how many there are in it. The bound is the first namespace's: where it is too high
// the test is skipped.
func FillTracked(t testing.TB, ns *netns.Handle) (most int) {
	t.Helper()
	read := func(name string) (n int) {
		Do(t, ns, func() error {
			b, err := os.ReadFile("/proc/sys/net/netfilter/" + name)
			if err == nil {
				n, err = strconv.Atoi(strings.TrimSpace(string(b)))
			}
			return err
		})
		return n
	}
	f := NewTracked(t, ns)
	f.assured = true
	made := 0
	for range 10 { // somebody may raise the bound meanwhile
		if most = read("nf_conntrack_max"); most > 1<<19 {
			Skip(t, "nf_conntrack_max is "+strconv.Itoa(most)+", too many to fill")
		}
		room := most - read("nf_conntrack_count")
		if room <= 0 {
			return most
		}
		f.Make(t, made, made+room)
		made += room
	}
	t.Fatalf("%d connections were made, and there is still room for some of %d", made, most)
	return 0
}

// TrackedRoom raises nf_conntrack_max, which is the first namespace's for all, until the test
// ends.
func TrackedRoom(t testing.TB, n int) {
	t.Helper()
	const file = "/proc/sys/net/netfilter/nf_conntrack_max"
	old, err := os.ReadFile(file)
	if err != nil {
		Skip(t, err.Error())
	}
	if err := os.WriteFile(file, strconv.AppendInt(nil, int64(n), 10), 0); err != nil {
		Skip(t, "nf_conntrack_max can be raised in the first namespace only: "+err.Error())
	}
	t.Cleanup(func() {
		if err := os.WriteFile(file, []byte(strings.TrimSpace(string(old))), 0); err != nil {
			t.Error(err)
		}
	})
}
