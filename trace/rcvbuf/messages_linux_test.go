package rcvbuf

import (
	"bytes"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMessages reads datagrams by the dozen: as many as wait, no more than asked for, and
// says which was longer than its room.
func TestMessages(t *testing.T) {
	t.Parallel()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	m := NewMessages(4, 8)
	read := func(most int, want ...string) {
		t.Helper()
		n, err := m.Read(fds[1], most)
		if err != nil || n != len(want) {
			t.Fatalf("%d datagrams, %v, want %d", n, err, len(want))
		}
		for i, w := range want {
			b, cut := m.At(i)
			if !bytes.HasPrefix([]byte(w), b) || cut != (len(b) < len(w)) || len(b) > 8 {
				t.Errorf("datagram %d is %q, cut %v, want %q", i, b, cut, w)
			}
		}
	}
	if n, err := m.Read(fds[1], 4); n != 0 || err != unix.EAGAIN {
		t.Fatalf("nothing waits: %d, %v", n, err)
	}
	var sent []string
	for i := range 6 {
		s := fmt.Sprint("m", i)
		if i == 1 {
			s = "longer than its room"
		}
		sent = append(sent, s)
		if _, err := unix.Write(fds[0], []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	read(1, sent[0])
	read(9, sent[1:5]...) // there is room for four
	read(4, sent[5])
}
