package sets

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/model/set"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// many members are enough to tell what grows with them from what does not.
const many = 100_000

// fill makes an ipset and two sets of nf_tables, of addresses and of intervals, with n members.
func fill(t testing.TB, ns *netns.Handle, n int) {
	t.Helper()
	var ip, nft, spans strings.Builder
	fmt.Fprintf(&ip, "create all hash:ip maxelem %d\n", n)
	nft.WriteString("table inet t { set plain { type ipv4_addr; elements = {")
	spans.WriteString("set spans { type ipv4_addr; flags interval; elements = {")
	for i := range n {
		a := fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
		fmt.Fprintf(&ip, "add all %s\n", a)
		fmt.Fprintf(&nft, "%s,", a)
		if i%10 == 0 { // the program is slow with these
			fmt.Fprintf(&spans, "%s-10.%d.%d.%d,", a, (i+5)>>16, (i+5)>>8&255, (i+5)&255)
		}
	}
	nettest.Feed(t, ns, ip.String(), "ipset", "restore")
	nettest.Feed(t, ns, nft.String()+"} }\n"+spans.String()+"} }\n}\n", "nft", "-f", "-")
}

// counted counts the datagrams that readers get of the kernel.
func counted(n *int, readers ...*Reader) {
	for _, r := range readers {
		recv := r.recv
		r.recv = func(fd int, p []byte, flags int) (int, unix.Sockaddr, error) {
			*n++
			return recv(fd, p, flags)
		}
	}
}

// cost runs fn once to warm up and then five times: the bytes that it asked of the heap,
// live or not.
func cost(fn func()) (bytes uint64) {
	fn()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 5 {
		fn()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / 5
}

// tellsCount reports whether the kernel tells how many members a set of nf_tables has:
// since Linux 6.16.
func tellsCount(t *testing.T) bool {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	return major > 6 || major == 6 && minor >= 16
}

// TestMany: naming a set of 100,000 members, counting it and looking at its first page
// cost what they do for a set of 20, in datagrams and memory, and no reading keeps more
// than its page. It is not parallel: it looks at the heap.
func TestMany(t *testing.T) {
	nettest.Kernel(t, "ipset", "nft")
	small, large := nettest.New(t, "small"), nettest.New(t, "large")
	fill(t, small, 20)
	fill(t, large, many)
	rs, rl := reader(t, small), reader(t, large)
	read := 0
	counted(&read, rs, rl)
	few, all := list(t, rs), list(t, rl)
	alike := func(what string, a, b func()) {
		t.Helper()
		ma, mb := cost(a), cost(b)
		read = 0
		a()
		ra := read
		b()
		rb := read - ra
		t.Logf("%s: %d datagrams and %d bytes for 20 members, %d and %d bytes for %d", what, ra, ma, rb, mb, many)
		if mb > ma+ma/4+4096 {
			t.Errorf("%s: %d bytes of heap, %d for a small set", what, mb, ma)
		}
		if rb > ra {
			t.Errorf("%s: %d datagrams, %d for a small set", what, rb, ra)
		}
	}
	alike("List", func() { list(t, rs) }, func() { list(t, rl) })
	page := func(r *Reader, s set.Set, from, n, want int) func() {
		return func() {
			t.Helper()
			p, err := r.Members(t.Context(), s, from, n)
			if err != nil || len(p.Members) != want || p.Moved {
				t.Errorf("%s from %d: %d members, want %d, moved: %t, %v", s.Key, from, len(p.Members), want, p.Moved, err)
			}
		}
	}
	for name, n := range map[string]int{"all": many, "plain": many, "spans": many / 10} {
		a, b := few[name], all[name]
		if a.Type == "" || b.Type == "" {
			t.Fatalf("%s is not listed", name)
		}
		if known := name == "all" || name == "plain" && tellsCount(t); b.CountKnown != known {
			t.Errorf("that the number of %s is known: %t, want %t", name, b.CountKnown, known)
		}
		if b.CountKnown && b.Count != uint64(n) {
			t.Errorf("%s has %d members, want %d", name, b.Count, n)
		}
		alike("first page of "+name, page(rs, a, 0, 2, 2), page(rl, b, 0, 2, 2))
		bytes := cost(page(rl, b, n-2, 10, 2))
		t.Logf("last page of %s: %d bytes", name, bytes)
		if bytes > 200<<10 { // the read buffer is 64 KB of it
			t.Errorf("last page of %s: %d bytes of heap", name, bytes)
		}
		bytes = cost(func() {
			if got, err := rl.Count(t.Context(), b); err != nil || got != uint64(n) {
				t.Errorf("Count of %s: %d, %v", name, got, err)
			}
		})
		t.Logf("Count of %s: %d bytes", name, bytes)
		if bytes > 300<<10 {
			t.Errorf("Count of %s: %d bytes of heap", name, bytes)
		}
	}
}
