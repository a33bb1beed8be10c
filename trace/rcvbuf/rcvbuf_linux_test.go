package rcvbuf

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Drops themselves are proven on real netlink sockets in trace/nftrace and trace/nflog.
func TestGrow(t *testing.T) {
	t.Parallel()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	in, out := os.NewFile(uintptr(fds[0]), "in"), os.NewFile(uintptr(fds[1]), "out")
	defer in.Close()
	defer out.Close()
	raw, err := out.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	g, err := Grow(raw, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if g.Bytes < 1<<20 != (g.Note != "") {
		t.Errorf("buffer of %d bytes with the note %q", g.Bytes, g.Note)
	}
	if s, err := Read(raw); err != nil || s.Queued != 0 || s.Drops != 0 {
		t.Fatalf("a fresh socket: %+v, %v", s, err)
	}
}

func TestShortBufferSaysWhatToDo(t *testing.T) {
	g := grown(64<<20, 212992, false)
	for _, want := range []string{"208 kB", "65536 kB", "net.core.rmem_max=67108864"} {
		if !strings.Contains(g.Note, want) {
			t.Errorf("note %q lacks %q", g.Note, want)
		}
	}
	if g := grown(100, 100, false); g.Note != "" {
		t.Errorf("a full buffer has the note %q", g.Note)
	}
}
