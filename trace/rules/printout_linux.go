package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"unsafe"
)

// printout is what a program printed. Whoever has it closes it.
type printout struct {
	program string
	from    io.ReaderAt
	size    int
	file    *os.File // in memory, nil where there is none
	failed  error    // of reading the pieces
}

// piece is how much of a printout is read at a time.
const piece = 256 << 10

func (p *printout) close() {
	if p.file != nil {
		_ = p.file.Close()
	}
}

// text is all of it, in one piece of just its size.
func (p *printout) text() ([]byte, error) {
	text := make([]byte, p.size)
	return text, p.read(text, 0)
}

func (p *printout) read(into []byte, at int) error {
	if n, err := p.from.ReadAt(into, int64(at)); n < len(into) {
		return fmt.Errorf("read what %s printed: %w", p.program, errors.Join(err, io.ErrUnexpectedEOF))
	}
	return nil
}

// pieces gives it piece by piece, each ending with a line, in the same memory: a piece is
// no more once the next is asked for. Whether all was read p.failed tells.
func (p *printout) pieces() iter.Seq[string] {
	return func(yield func(string) bool) {
		buf := make([]byte, min(piece, p.size))
		for at := 0; at < p.size; {
			b := buf[:min(len(buf), p.size-at)]
			if p.failed = p.read(b, at); p.failed != nil {
				return
			}
			if at+len(b) < p.size {
				end := bytes.LastIndexByte(b, '\n') + 1
				if end == 0 { // the line is longer
					buf = make([]byte, 2*len(buf))
					continue
				}
				b = b[:end]
			}
			at += len(b)
			if !yield(unsafe.String(&b[0], len(b))) {
				return
			}
		}
	}
}
