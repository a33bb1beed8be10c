package rcvbuf

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestSocket waits for what comes, wakes nobody meanwhile, and ends waiting by Stop; after
// Close nothing is read.
func TestSocket(t *testing.T) {
	t.Parallel()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := os.NewFile(uintptr(fds[0]), "out")
	raw, err := out.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	s, err := Take(raw, out.Close)
	if err != nil {
		t.Fatal(err)
	}
	m := NewMessages(4, 8)
	if _, err := s.Read(m, 4); err != unix.EAGAIN {
		t.Fatalf("nothing waits: %v", err)
	}
	if err := s.Wait(time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("waited in vain: %v", err)
	}
	write := func() {
		if _, err := unix.Write(fds[1], []byte("m")); err != nil {
			t.Error(err)
		}
	}
	go write()
	if err := s.Wait(0); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Read(m, 4); n != 1 || err != nil {
		t.Fatalf("%d datagrams, %v", n, err)
	}
	// What comes at once is a flood: more of it gathers, and nobody is woken who does not wait.
	for range 3 {
		write()
	}
	if err := s.rawSet.Control(func(set uintptr) {
		if n, err := unix.Poll([]unix.PollFd{{Fd: int32(set), Events: unix.POLLIN}}, 0); n != 0 || err != nil {
			t.Errorf("the runtime was told though nobody waits: %d, %v", n, err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{3, 1} {
		if err := s.Wait(0); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Read(m, 4); n != want || err != nil {
			t.Fatalf("%d datagrams, %v, want %d", n, err, want)
		}
		if want == 3 {
			write()
		}
	}
	go s.Stop()
	for err = nil; err == nil; {
		err = s.Wait(0)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("after Stop: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, rerr := s.Read(m, 4)
	_, serr := s.State()
	for _, err := range []error{rerr, serr, s.Wait(0), s.Send(nil)} {
		if err != os.ErrClosed {
			t.Errorf("after Close: %v", err)
		}
	}
}

// TestHeard: who waits and has nothing has heard all until now, else until it was last asked
// and had nothing; also what was read and is not done with is not heard.
func TestHeard(t *testing.T) {
	t.Parallel()
	s, from, to := netlinks(t)
	got, next := make(chan bool), make(chan bool)
	go func() {
		for m := NewMessages(4, 8); ; {
			if n, err := s.Read(m, 4); n > 0 {
				got <- true
				<-next
			} else if err != unix.EAGAIN || s.Wait(0) != nil {
				return
			}
		}
	}()
	upTo := func(at time.Time) {
		t.Helper()
		for deadline := at.Add(time.Minute); s.Heard().Before(at); {
			if time.Now().After(deadline) {
				t.Fatal("it waits, has nothing, and has not heard")
			}
		}
	}
	for range 2 {
		before := time.Now()
		upTo(before)
		if err := unix.Sendto(from, []byte("m"), 0, to); err != nil {
			t.Fatal(err)
		}
		sent := time.Now()
		for waits := true; waits; {
			if s.Heard().After(time.Now()) {
				t.Fatal("the future is heard")
			}
			select {
			case <-got:
				waits = false
			default:
				if at := s.Heard(); at.After(sent) {
					t.Fatalf("something waits since %v, and heard is %v", sent, at)
				}
			}
		}
		if at := s.Dry(); at.Before(before) || at.After(sent) {
			t.Fatalf("nothing was there at %v, it was sent by %v, and the socket was dry at %v", before, sent, at)
		}
		for range 100 {
			if at := s.Heard(); at.After(sent) {
				t.Fatalf("what is read is not done with, sent at %v, and heard is %v", sent, at)
			}
		}
		next <- true
		upTo(time.Now())
	}
}

// netlinks gives a socket, and one that sends to an address, the first's: what waits in those of
// AF_UNIX is their sender's, that of netlink is not.
func netlinks(t *testing.T) (s *Socket, from int, to unix.Sockaddr) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_USERSOCK)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		t.Fatal(err)
	}
	if to, err = unix.Getsockname(fd); err != nil {
		t.Fatal(err)
	}
	if from, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_USERSOCK); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(from) })
	out := os.NewFile(uintptr(fd), "out")
	raw, err := out.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if s, err = Take(raw, out.Close); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, from, to
}

// TestHeardInFlood: of a socket that is never empty what was read is heard, when it is done with
// and not before, however long that takes.
func TestHeardInFlood(t *testing.T) {
	t.Parallel()
	s, from, to := netlinks(t)
	const more = 4       // messages wait always
	var sent []time.Time // of what is not done with
	send := func(n int) {
		t.Helper()
		for range n {
			if err := unix.Sendto(from, []byte("m"), 0, to); err != nil {
				t.Fatal(err)
			}
			sent = append(sent, time.Now())
		}
	}
	began := time.Now()
	send(more)
	if st, err := s.State(); err != nil || st.Queued < more*least {
		t.Fatalf("%d messages take %+v, %v: less than %d each", more, st, err, least)
	}
	m, last := NewMessages(1, 8), began
	read := func(passes bool) {
		t.Helper()
		if n, err := s.Read(m, 1); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		at := s.Heard()
		if at.Before(last) && last != began || at.After(sent[0]) {
			t.Fatalf("heard is %v before it was, or %v after what is in hand was sent", last.Sub(at), at.Sub(sent[0]))
		}
		if at.After(last) {
			last = at
		}
		if send(1); passes {
			s.Passed()
			sent = sent[1:]
		}
	}
	for range 2000 {
		read(true)
	}
	if !last.After(began) {
		t.Fatal("what was read is never heard")
	}
	for range 500 { // read, and not done with
		read(false)
	}
}
