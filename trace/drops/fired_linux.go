package drops

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unsafe"

	"golang.org/x/sys/unix"
)

// firings counts how often the tracepoint fired, by perf counters that take no samples: the
// kernel keeps them also where it passes the program over. They go with their descriptors. They
// have no filter: it would cost a drop more than the counter.
type firings struct {
	cpus []firing
	// runs is how often the program was run, on each CPU.
	runs func() ([]uint64, error)
}

// firing is the counter of one CPU: a drop is counted where it happens, by perf and by the
// program.
type firing struct {
	cpu, fd int
	// began is how far perf was ahead of the program at the beginning, last at the last look
	// then, and sure says that two looks agreed.
	began, last int64
	sure        bool
	// missed never falls: of a CPU that went and came again perf does not count any more.
	missed uint64
}

// openFirings begins to count what fires beside the program that runs counts. A CPU that is
// offline is left out, also when it comes later.
func openFirings(tracefs string, runs func() ([]uint64, error)) (_ *firings, err error) {
	id, err := tracepointID(tracefs)
	if err != nil {
		return nil, err
	}
	list, err := onlineCPUs()
	if err != nil {
		return nil, err
	}
	s := &firings{runs: runs}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})), Config: id}
	for _, cpu := range list {
		fd, err := unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if errors.Is(err, unix.ENODEV) { // offline by now
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("count the tracepoint kfree_skb by perf: %w", err)
		}
		s.cpus = append(s.cpus, firing{cpu: cpu, fd: fd})
	}
	if err = s.begin(); err != nil {
		return nil, err
	}
	return s, nil
}

// begin learns how the counters stand to each other: perf is ahead by what two looks agree on.
// A drop between the two counters of one look makes perf's too large, and one that the program
// has counted and perf not yet makes it too small. Where no two agree the largest is taken: too
// few are missed then, and none that never was.
func (s *firings) begin() error {
	const looks = 16
	for look := range looks {
		ran, err := s.runs()
		if err != nil {
			return err
		}
		left := len(s.cpus)
		for i := range s.cpus {
			c := &s.cpus[i]
			if c.cpu >= len(ran) {
				return fmt.Errorf("the program does not count on CPU %d", c.cpu)
			}
			fired, err := c.fired()
			if err != nil {
				return err
			}
			c.look(look == 0, int64(fired-ran[c.cpu]))
			if c.sure {
				left--
			}
		}
		if left == 0 {
			break
		}
	}
	return nil
}

// look takes how far perf is ahead at one more look.
func (c *firing) look(first bool, ahead int64) {
	switch {
	case c.sure:
	case first:
		c.began, c.last = ahead, ahead
	case ahead == c.last:
		c.began, c.sure = ahead, true
	default:
		c.began, c.last = max(c.began, ahead), ahead
	}
}

// missed is how often the tracepoint fired and the program was not run, of the whole host, of the
// CPUs that are counted. Perf is asked first: what is freed meanwhile is then counted by the program
// alone, and never as missed.
func (s *firings) missed() (n uint64, err error) {
	fired := make([]uint64, len(s.cpus))
	for i := range s.cpus {
		if fired[i], err = s.cpus[i].fired(); err != nil {
			return 0, err
		}
	}
	ran, err := s.runs()
	if err != nil {
		return 0, err
	}
	for i := range s.cpus {
		c := &s.cpus[i]
		c.note(fired[i], ran[c.cpu])
		n += c.missed
	}
	return n, nil
}

// note takes what both count by now.
func (c *firing) note(fired, ran uint64) {
	if ahead := int64(fired-ran) - c.began; ahead > 0 {
		c.missed = max(c.missed, uint64(ahead))
	}
}

// fired is how often the tracepoint fired.
func (c *firing) fired() (uint64, error) {
	var b [8]byte // struct read_format: value
	n, err := unix.Read(c.fd, b[:])
	if err == nil && n < len(b) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return 0, fmt.Errorf("read how often the tracepoint kfree_skb fired on CPU %d: %w", c.cpu, err)
	}
	return binary.NativeEndian.Uint64(b[:]), nil
}

// Close ends the counting.
func (s *firings) Close() (err error) {
	for _, c := range s.cpus {
		err = errors.Join(err, unix.Close(c.fd))
	}
	return err
}
