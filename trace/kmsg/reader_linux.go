package kmsg

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// Reader reads the messages from when it was opened. Every process may have one: readers
// take nothing from each other.
type Reader struct {
	file *os.File
	lost atomic.Uint64
	once sync.Once
}

// longest is more than a record takes (CONSOLE_EXT_LOG_MAX is 8192).
const longest = 16 << 10

// Open opens the log behind its last message. It needs CAP_SYSLOG, where
// kernel.dmesg_restrict is 1, and a /dev/kmsg that root may read: else the error is
// ErrRefused.
func Open() (*Reader, error) {
	// Nonblocking, so that Close ends a read.
	fd, err := syscall.Open("/dev/kmsg", syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: /dev/kmsg needs root, or CAP_SYSLOG: %w", ErrRefused, err)
	case err != nil:
		return nil, fmt.Errorf("%w: open /dev/kmsg: %w", ErrRefused, err)
	}
	file := os.NewFile(uintptr(fd), "/dev/kmsg")
	if _, err := file.Seek(0, io.SeekEnd); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return &Reader{file: file}, nil
}

// Run hands every message to emit until Close, then it gives os.ErrClosed. What was
// overwritten before it was read counts as lost.
func (r *Reader) Run(emit func(Record)) error {
	buf := make([]byte, longest)
	next := uint64(0)
	for {
		n, err := r.file.Read(buf)
		switch {
		case errors.Is(err, syscall.EPIPE): // overwritten: the next number tells how many
			continue
		case errors.Is(err, fs.ErrClosed):
			return os.ErrClosed
		case errors.Is(err, syscall.EINVAL): // a record longer than the buffer
			r.lost.Add(1)
			continue
		case err != nil:
			return fmt.Errorf("read the kernel's log: %w", err)
		}
		m, err := Decode(buf[:n])
		if err != nil {
			r.lost.Add(1)
			continue
		}
		if next > 0 && m.Seq > next {
			r.lost.Add(m.Seq - next)
		}
		next = m.Seq + 1
		emit(m)
	}
}

// Lost counts the messages of the log, whatever they were, that were not read.
func (r *Reader) Lost() uint64 { return r.lost.Load() }

// Close ends Run.
func (r *Reader) Close() (err error) {
	r.once.Do(func() { err = r.file.Close() })
	return err
}
