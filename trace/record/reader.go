package record

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"time"

	"nfscope/model/feed"
	"nfscope/trace/record/wire"
)

// Reader reads a recording from its begin to its end.
type Reader struct {
	Header
	// End is how the recording was ended, nil until its end was read, and where it has
	// none.
	End *End

	first time.Time
	name  string
	// waits is true of what may be a pipe, which may give nothing more and never end.
	waits bool
	lines *lines // of the first form
	in    *bufio.Reader
	at    int64 // the next byte's place in the file
	dec   *wire.Decoder
	items []feed.Item // of the block under way
	// fault is what comes behind the block's items.
	fault error
}

// headerLimit is how long the header may be.
const headerLimit = 1 << 20

// NewReader reads the header. name is the file's, for errors.
func NewReader(name string, r io.Reader) (*Reader, error) {
	rr := &Reader{name: name, in: bufio.NewReaderSize(r, 1<<16)}
	switch f := r.(type) {
	case interface{ Size() int64 }: // memory, or a part of a file
	case interface{ Stat() (fs.FileInfo, error) }:
		st, err := f.Stat()
		rr.waits = err != nil || !st.Mode().IsRegular()
	default:
		rr.waits = true
	}
	first, err := rr.in.Peek(2)
	if err == nil && first[0] == 0x1f && first[1] == 0x8b {
		rr.lines, rr.Header, err = newLines(name, rr.in)
		return rr, err
	}
	if err == nil && first[0] != '{' {
		err = errors.New("it begins with other bytes")
	}
	if err != nil {
		return nil, noRecording(name, err)
	}
	line, err := readHeader(rr.in)
	if errors.Is(err, io.EOF) && bytes.HasPrefix(line, []byte(`{"schema":"`+Schema+`"`)) {
		return nil, fmt.Errorf("%s: the recording is cut short in its header: nothing of it can be read", name)
	}
	if err != nil {
		return nil, noHeader(name)
	}
	var damaged bool
	if rr.Header, damaged, err = parseHeader(name, line); err != nil {
		return nil, err
	}
	if damaged {
		rr.items = []feed.Item{{Problem: fmt.Sprintf("%s: the file is damaged in its header: what the recording says of itself may be wrong; the rest is read", name)}}
	}
	rr.at = int64(len(line))
	rr.dec, err = wire.NewDecoder(rr.Types, rr.Root, reflect.TypeFor[feed.Item](), rr.Created.Location())
	if err != nil {
		return nil, fmt.Errorf("%s:1: the recording's own description: %w", name, err)
	}
	return rr, nil
}

func readHeader(in *bufio.Reader) (line []byte, err error) {
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > headerLimit {
			return nil, errLong
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// Next gives the next item; io.EOF at the end, ErrCut where the file ends early. An
// item of a kind that this nfscope does not know, and a place where the file is
// damaged, become a Problem that says so; what follows is read.
func (r *Reader) Next() (feed.Item, error) {
	it, err := r.next()
	if err == nil && r.first.IsZero() {
		r.first = it.Time
	}
	return it, err
}

// First is the time of the first item that Next gave, zero before it.
func (r *Reader) First() time.Time { return r.first }

func (r *Reader) next() (feed.Item, error) {
	if r.lines != nil {
		return r.lines.next()
	}
	for len(r.items) == 0 {
		if r.fault != nil {
			return feed.Item{}, r.fault
		}
		if err := r.block(); err != nil {
			r.fault = err
		}
	}
	it := r.items[0]
	r.items = r.items[1:]
	if blank(&it) {
		it.Problem = leftOut(r.name, r.Version)
	}
	return it, nil
}

// block reads the next block into items.
func (r *Reader) block() error {
	h, skipped, err := r.head()
	if skipped > 0 {
		r.items = append(r.items[:0], r.damaged(r.at-skipped, fmt.Sprintf("%d bytes were left out", skipped)))
	} else {
		r.items = nil
	}
	if err != nil {
		return err
	}
	at := r.at - headSize
	stored := bytes.NewBuffer(nil)
	n, err := io.CopyN(stored, r.in, int64(h.stored))
	r.at += n
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	if h.kind == kindEnd {
		return r.end(&h, stored.Bytes())
	}
	list, err := h.decode(r.dec, stored.Bytes())
	r.items = append(r.items, list...)
	switch {
	case errors.Is(err, ErrCut):
		return r.cut()
	case err != nil:
		r.items = append(r.items, r.damaged(at, lost(&h, len(list), err)))
	}
	return nil
}

// head finds the next block's head; what stands before it is skipped.
func (r *Reader) head() (h head, skipped int64, err error) {
	for {
		b, err := r.in.Peek(headSize)
		if len(b) == 0 {
			return h, skipped, r.cut() // no End was seen
		}
		if h, ok := parseHead(b); ok {
			_, _ = r.in.Discard(headSize)
			r.at += headSize
			return h, skipped, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return h, skipped, fmt.Errorf("%s: %w", r.name, err)
		}
		if len(b) < headSize && bytes.HasPrefix(b, magic[:min(len(b), 4)]) {
			_, _ = r.in.Discard(len(b))
			r.at += int64(len(b))
			return h, skipped, r.cut() // inside a head
		}
		n := 1
		if i := bytes.IndexByte(b[1:], magic[0]); i >= 0 {
			n += i
		} else {
			n = len(b)
		}
		_, _ = r.in.Discard(n)
		r.at += int64(n)
		skipped += int64(n)
	}
}

// end reads the End. Whether something stands behind it is said, and no more.
func (r *Reader) end(h *head, stored []byte) error {
	raw, err := h.unpack(stored)
	if errors.Is(err, ErrCut) {
		return r.cut()
	}
	var e End
	if err != nil || json.Unmarshal(raw, &e) != nil {
		r.items = append(r.items, r.damaged(r.at-int64(len(stored)), "its end cannot be read"))
		return io.EOF
	}
	r.End = &e
	if r.more() {
		r.items = append(r.items, feed.Item{Problem: behind(r.name, r.at)})
	}
	return io.EOF
}

// more reports whether there are more bytes, without waiting for any.
func (r *Reader) more() bool {
	if r.waits {
		return r.in.Buffered() > 0
	}
	_, err := r.in.Peek(1)
	return err == nil
}

func behind(name string, at int64) string {
	return fmt.Sprintf("%s: the recording ends at byte %d; what stands behind that in the file was not read", name, at)
}

func (r *Reader) cut() error { return fmt.Errorf("%s: at byte %d: %w", r.name, r.at, ErrCut) }

// lost says what a damaged block has cost.
func lost(h *head, got int, err error) string {
	left := max(int(h.items)-got, 0) // a head may say fewer than there are
	return fmt.Sprintf("%v; %d of %d items were left out", err, left, h.items)
}

func (r *Reader) damaged(at int64, what string) feed.Item {
	return feed.Item{Problem: fmt.Sprintf("%s: the file is damaged at byte %d: %s", r.name, at, what)}
}

// Play gives all items to put at the pace they were recorded at, times speed; with
// speed 0 at once. It returns nil at the end of the recording, ErrCut's sentence
// where that came early.
func (r *Reader) Play(ctx context.Context, c *Clock, put func(feed.Item)) error {
	for {
		it, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.wait(ctx, it.Time); err != nil {
			return err
		}
		put(it)
	}
}
