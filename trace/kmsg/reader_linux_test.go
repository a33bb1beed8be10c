package kmsg

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"nfscope/trace/nettest"
)

// pair gives a Reader that reads what is written to the other end, a record a write, as
// /dev/kmsg gives a record a read.
func pair(t *testing.T) (*Reader, int) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fds[1]) })
	return &Reader{file: os.NewFile(uintptr(fds[0]), "log")}, fds[1]
}

func TestRunCountsHoles(t *testing.T) {
	r, to := pair(t)
	var got []uint64
	ended := make(chan error, 1)
	seen := make(chan struct{}, 9)
	go func() {
		ended <- r.Run(func(m Record) { got = append(got, m.Seq); seen <- struct{}{} })
	}()
	for _, s := range []string{"4,10,0,-;a", "4,11,0,-;b", "not a record", "4,15,0,-;c"} {
		if _, err := syscall.Write(to, []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		<-seen
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("Run ended with %v", err)
	}
	if len(got) != 3 || got[2] != 15 || r.Lost() != 4 { // 12, 13, 14 and what is none
		t.Errorf("read %v, lost %d", got, r.Lost())
	}
}

// TestTheLogItself: the log of this kernel can be opened behind its end, and Close ends Run.
func TestTheLogItself(t *testing.T) {
	r, err := Open()
	if errors.Is(err, ErrRefused) {
		nettest.Skip(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.Run(func(Record) {}) }()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("Run ended with %v", err)
	}
}
