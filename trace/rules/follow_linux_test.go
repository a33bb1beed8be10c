package rules

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/ruleset/rulesettest"
	"nfscope/trace/nettest"
)

// mapped is memory as a table is read into.
func mapped(t *testing.T, size int) []byte {
	t.Helper()
	table := &legacyTable{}
	if err := table.room(size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = table.unmap() })
	return table.buf
}

// TestFollow reads in place of the kernel: it stops until what it wrote was taken, so
// that a follower that waits for the end never gets there.
func TestFollow(t *testing.T) {
	t.Parallel()
	if os.Getpagesize() != smallPage {
		nettest.Skip(t, "nothing is followed where pages are larger")
	}
	const size = 12 * hugePage
	buf := mapped(t, size)
	want := make([]byte, size)
	rnd := rand.NewChaCha8([32]byte{1})
	if _, err := rnd.Read(want); err != nil {
		t.Fatal(err)
	}
	took := make(chan int, 64)
	got := bytes.Buffer{}
	most := 0
	read := func() error {
		at, taken := 0, 0
		for at < len(buf) {
			// An entry at a time, as the kernel: one copy may come in any order (fast strings), and
			// no order is promised but between two.
			n := min(tear-1, len(buf)-at)
			copy(buf[at:], want[at:at+n])
			for at += n; at-taken > 4*hugePage; {
				taken = <-took
			}
		}
		return nil
	}
	err := follow(buf, read, func(there int) (int, error) {
		if there > got.Len() {
			got.Write(buf[got.Len():there])
		}
		most = max(most, resident(t, buf))
		took <- got.Len()
		return got.Len(), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Error("what was taken is not what was written")
	}
	if most > 8*hugePage || most == 0 {
		t.Errorf("%d bytes were there at once", most)
	}
	if n := resident(t, buf); n != 0 {
		t.Errorf("%d bytes are there still", n)
	}
}

// TestFollowFails gives the error of the kernel, and that of the taker only once the
// kernel is done.
func TestFollowFails(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad")
	buf := mapped(t, 4*hugePage)
	if err := follow(buf, func() error { return unix.EAGAIN }, func(int) (int, error) { return 0, bad }); err != unix.EAGAIN {
		t.Error(err)
	}
	done := false
	err := follow(buf, func() error {
		for i := range buf {
			buf[i] = 1
		}
		done = true
		return nil
	}, func(int) (int, error) { return 0, bad })
	if err != bad || !done {
		t.Error(err, done)
	}
}

// resident is how many bytes of a mapping are there.
func resident(t *testing.T, b []byte) (n int) {
	t.Helper()
	seen := make([]byte, len(b)/smallPage)
	for at := 0; at < len(b); at += smallPage {
		if touched(b[at:at+smallPage], seen) {
			n += smallPage
		}
	}
	return n
}

// TestLargeTable reads a table that is followed as it would be read in one piece, and
// measures the memory of that.
func TestLargeTable(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore")
	ns := nettest.New(t, "large")
	nettest.Feed(t, ns, rulesettest.Kube(6000), "iptables-legacy-restore", "-c")
	l := &legacySocket{ns: ns, fd: -1, family: model.FamilyIPv4, effort: new(effort), tables: map[string]*legacyTable{}}
	if err := l.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.close() })
	followed, whole := &legacyTable{}, &legacyTable{}
	t.Cleanup(func() { _ = followed.unmap(); _ = whole.unmap() })
	for range 3 {
		if err := l.table("nat", followed); err != nil {
			t.Fatal(err)
		}
		if n := resident(t, followed.buf); len(followed.buf) < large || n != 0 {
			t.Fatalf("%d of %d bytes are there still", n, len(followed.buf))
		}
	}
	if l.effort.taken.Load() == 0 {
		t.Error("what the thread took that the kernel wrote in is not reckoned")
	}
	info, err := l.info("nat")
	if err != nil {
		t.Fatal(err)
	}
	if err := whole.room(entriesOff + int(info.size)); err != nil {
		t.Fatal(err)
	}
	b := whole.buf[:entriesOff+int(info.size)]
	copy(b, "nat")
	binary.NativeEndian.PutUint32(b[nameSize:], info.size)
	if err := l.getsockopt(getEntries, b); err != nil {
		t.Fatal(err)
	}
	s, err := whole.begin(layoutOf(l.family), info, b[entriesOff:], true)
	if err == nil {
		err = s.finish()
	}
	if err != nil {
		t.Fatal(err)
	}
	if whole.sum != followed.sum || whole.packets != followed.packets || len(whole.chains) != len(followed.chains) {
		t.Errorf("followed: %v %d %d; in one piece: %v %d %d", followed.sum, followed.packets, len(followed.chains), whole.sum, whole.packets, len(whole.chains))
	}
	for i := range whole.chains {
		if whole.chains[i] != followed.chains[i] {
			t.Fatalf("chain %d: %+v, want %+v", i, followed.chains[i], whole.chains[i])
		}
	}
	for i := range whole.cells {
		if whole.cells[i] != followed.cells[i] {
			t.Fatalf("entry %d: %+v, want %+v", i, followed.cells[i], whole.cells[i])
		}
	}
}
