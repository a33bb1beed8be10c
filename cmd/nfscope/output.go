package main

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
)

// output is stdout. It remembers the first error, so that what a library wrote and did
// not check, such as the help, cannot fail in silence.
type output struct {
	file *os.File
	mu   sync.Mutex
	err  error
	some bool // something was written, or tried
}

// errLeft says that the reader of our output has seen enough: `nfscope rules | head -1`.
var errLeft = errors.New("nobody reads the output any more")

func (o *output) Write(b []byte) (int, error) {
	n, err := o.file.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		err = fmt.Errorf("%w: %w", errLeft, err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.some = true; o.err == nil {
		o.err = err
	}
	return n, err
}

// Fd is the file's, by which a terminal is known.
func (o *output) Fd() uintptr { return o.file.Fd() }

// began reports whether anything was written.
func (o *output) began() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.some
}

// failed is the first error of a write.
func (o *output) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}
