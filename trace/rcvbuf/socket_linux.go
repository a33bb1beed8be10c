package rcvbuf

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// pause is how long Wait lets messages gather in a flood: some hundred are then read
	// for one time that we are woken.
	pause = time.Millisecond
	// largestRead is how many messages are read by a call at most.
	largestRead = 64
	// sparse is how far apart messages are, on average, that are no flood.
	sparse = 50 * time.Microsecond
)

// Socket is a socket that messages come to in floods. Go's runtime would be woken for
// each of them, whether anybody waits or not, which costs the CPU that sends it as much
// as making it. So the runtime waits for an epoll set of our own, which tells of a
// message only when it has been asked to (EPOLLONESHOT).
//
// Read and Wait are for one goroutine, the other methods for any.
type Socket struct {
	mu     sync.RWMutex // held for fd
	fd     int
	closed bool

	set     *os.File // the epoll set
	rawSet  syscall.RawConn
	stopped atomic.Bool

	// What Heard is told of: began is when the socket was taken, dry how long after that it
	// last was known to have nothing, turns is odd while Wait waits.
	began time.Time
	dry   atomic.Int64
	turns atomic.Uint64
	// In a flood it never has: then it is told by how far its reader has come.
	progress Progress
	last     int // messages of the last Read

	asked time.Time // Read was called last
	got   int       // datagrams read since
	since time.Time // Wait was called last
	timed bool      // that had a deadline
}

// Take takes a socket over from its owner, whom close closes.
func Take(c syscall.RawConn, close func() error) (_ *Socket, err error) {
	s := &Socket{fd: -1, began: time.Now()}
	defer func() {
		if err != nil {
			_ = s.Close()
			err = fmt.Errorf("take over a socket: %w", err)
		}
	}()
	if err := control(c, func(fd int) (err error) {
		s.fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		return err
	}); err != nil {
		return nil, err
	}
	if err := close(); err != nil { // takes it out of the runtime's set
		return nil, err
	}
	set, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if err = unix.EpollCtl(set, unix.EPOLL_CTL_ADD, s.fd, s.once()); err == nil {
		err = unix.SetNonblock(set, true) // else the runtime does not take it
	}
	s.set = os.NewFile(uintptr(set), "epoll")
	if err == nil {
		s.rawSet, err = s.set.SyscallConn()
	}
	return s, err
}

// once asks to be told once.
func (s *Socket) once() *unix.EpollEvent {
	return &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(s.fd)}
}

// Read reads the datagrams that wait, as many as most at most, and gives their number;
// EAGAIN where there are none, os.ErrClosed after Close.
func (s *Socket) Read(m *Messages, most int) (n int, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return 0, os.ErrClosed
	}
	s.asked = time.Now()
	n, err = m.Read(s.fd, min(most, largestRead))
	s.last = max(0, n)
	s.progress.Took(s.last)
	s.got += n
	return n, err
}

// Passed says that the reader is done with all that it read before the last Read.
func (s *Socket) Passed() { s.progress.Done(s.last) }

// Wait waits until there may be something to read, or for a while in a flood. It gives
// os.ErrDeadlineExceeded after Stop, and when it has waited for so long (0: for ever), and
// os.ErrClosed after Close. Who calls it has read all that there was, and is done with it.
func (s *Socket) Wait(most time.Duration) error {
	if !s.asked.IsZero() {
		s.dried(s.asked)
	}
	s.turns.Add(1)
	defer s.turns.Add(1)
	now := time.Now()
	flood := s.got > 0 && now.Sub(s.since) < time.Duration(s.got)*sparse
	if s.got, s.since = 0, now; flood {
		time.Sleep(pause)
		return nil
	}
	if most > 0 || s.timed {
		var end time.Time
		if s.timed = most > 0; s.timed {
			end = now.Add(most)
		}
		_ = s.set.SetReadDeadline(end) // fails after Close alone
	}
	if err := s.ask(); err != nil {
		return err
	}
	if s.stopped.Load() { // the deadline that Stop set may be gone
		return os.ErrDeadlineExceeded
	}
	var told [1]unix.EpollEvent
	err := s.rawSet.Read(func(set uintptr) bool {
		n, err := unix.EpollWait(int(set), told[:], 0)
		return n > 0 || err != nil && err != unix.EINTR
	})
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return os.ErrClosed
	}
	return err
}

// ask has the set tell of the next message, or of one that is there.
func (s *Socket) ask() (err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return os.ErrClosed
	}
	if cerr := s.rawSet.Control(func(set uintptr) { err = unix.EpollCtl(int(set), unix.EPOLL_CTL_MOD, s.fd, s.once()) }); cerr != nil {
		return cerr
	}
	return err
}

// Stop ends waiting, for good.
func (s *Socket) Stop() {
	s.stopped.Store(true)
	_ = s.set.SetReadDeadline(time.Unix(1, 0))
}

// State tells the buffer's state.
func (s *Socket) State() (State, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return State{}, os.ErrClosed
	}
	return ReadFd(s.fd)
}

// Heard is the time before which nothing came that the reader is not done with: now, while
// it waits and nothing else does; in a flood the moment up to which the reader has come.
func (s *Socket) Heard() time.Time {
	now := time.Now()
	if turn := s.turns.Load(); turn%2 == 1 {
		if st, err := s.State(); err == nil && st.Queued == 0 && s.turns.Load() == turn {
			s.dried(now)
			return now
		}
	}
	if at := s.progress.Heard(now, largestRead, func() (uint32, error) {
		st, err := s.State()
		return st.Queued, err
	}); !at.IsZero() {
		s.dried(at)
	}
	return s.Dry()
}

// Dry is a time after which everything came that the last Read read: the latest of which the
// socket was known to have nothing left.
func (s *Socket) Dry() time.Time { return s.began.Add(time.Duration(s.dry.Load())) }

// dried notes that nothing was left of a time.
func (s *Socket) dried(at time.Time) {
	for d := int64(at.Sub(s.began)); ; {
		if old := s.dry.Load(); d <= old || s.dry.CompareAndSwap(old, d) {
			return
		}
	}
}

// Attach makes a program, by its descriptor, the socket's filter (SO_ATTACH_BPF).
func (s *Socket) Attach(program int) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return os.ErrClosed
	}
	return os.NewSyscallError("setsockopt SO_ATTACH_BPF", unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, program))
}

// Send sends a message to the kernel.
func (s *Socket) Send(b []byte) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return os.ErrClosed
	}
	return unix.Sendto(s.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// Close ends Read and Wait, and closes the socket. Only the first call does anything.
func (s *Socket) Close() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.set != nil {
		err = s.set.Close()
	}
	if s.fd >= 0 {
		err = unix.Close(s.fd)
	}
	return err
}
