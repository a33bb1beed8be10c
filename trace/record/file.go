package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"nfscope/model/feed"
)

// File is a recording of which any block can be read. Opening it reads the heads of the
// blocks and nothing else: a file of a million events is open at once. It is safe for
// concurrent use.
type File struct {
	Header
	// End is how the recording was ended, nil where it is cut short.
	End *End
	// Cut says where a recording ends that has no End, "" where it has one.
	Cut string

	name   string
	in     io.ReaderAt
	reader *Reader // knows the types
	blocks []place
	items  uint64
	first  int64
	last   int64
}

// place is where a block stands.
type place struct {
	head
	at int64 // of what follows the head
	// problem says what was left out before the block.
	problem string
}

// Open finds the blocks of a recording of size bytes. A recording of the first form is
// put into the present one, in memory.
func Open(name string, in io.ReaderAt, size int64) (*File, error) {
	r, err := NewReader(name, io.NewSectionReader(in, 0, size))
	if err != nil {
		return nil, err
	}
	if r.lines != nil {
		return modern(name, r)
	}
	f := &File{Header: r.Header, name: name, in: in, reader: r}
	return f, f.scan(size)
}

// modern puts a recording of the first form into the present one.
func modern(name string, r *Reader) (*File, error) {
	var b bytes.Buffer
	e, err := NewEncoder(&b, r.Header, nil)
	if err != nil {
		return nil, err
	}
	last, cut := time.Time{}, ""
	for {
		it, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil { // what came before has been read
			cut = err.Error()
			break
		}
		if it.Time.After(last) {
			last = it.Time
		}
		if err := e.Put(&it); err != nil {
			return nil, err
		}
	}
	// The first form has no end of its own: that it is whole is all it says.
	if err := e.Close(End{Time: last}); err != nil {
		return nil, err
	}
	f, err := Open(name, bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		return nil, err
	}
	f.Schema, f.Version = SchemaLines, r.Version
	if f.Cut = cut; cut != "" {
		f.End = nil
	}
	return f, nil
}

// scan reads the heads.
func (f *File) scan(size int64) error {
	at, problem := f.reader.at, ""
	for i := range f.reader.items { // what is wrong with the header
		f.blocks = append(f.blocks, place{problem: f.reader.items[i].Problem})
	}
	buf := make([]byte, headSize)
	for at < size {
		n, err := f.in.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		h, ok := parseHead(buf[:n])
		if !ok {
			next, err := f.search(at+1, size)
			if err != nil {
				return err
			}
			if next < size {
				problem = fmt.Sprintf("%s: the file is damaged at byte %d: %d bytes were left out", f.name, at, next-at)
				at = next
				continue
			}
			break
		}
		at += headSize
		if h.kind == kindEnd {
			if problem != "" { // it has no block to stand before
				f.blocks = append(f.blocks, place{problem: problem})
			}
			f.end(h, at)
			if end := at + int64(h.stored); f.End != nil && end < size {
				f.blocks = append(f.blocks, place{problem: behind(f.name, end)})
			}
			break
		}
		f.blocks = append(f.blocks, place{h, at, problem})
		problem = ""
		f.items += uint64(h.items)
		if h.first != 0 && (f.first == 0 || h.first < f.first) {
			f.first = h.first
		}
		f.last = max(f.last, h.last)
		at += int64(h.stored)
	}
	if f.End == nil {
		f.Cut = fmt.Sprintf("%s: at byte %d: %v", f.name, min(at, size), ErrCut)
	}
	return nil
}

// search finds the next head from a place on, size where there is none.
func (f *File) search(at, size int64) (int64, error) {
	in := bufio.NewReaderSize(io.NewSectionReader(f.in, at, size-at), 1<<16)
	for {
		b, err := in.Peek(headSize)
		if _, ok := parseHead(b); ok {
			return at, nil
		}
		if len(b) < headSize {
			if err != nil && !errors.Is(err, io.EOF) {
				return 0, fmt.Errorf("%s: %w", f.name, err)
			}
			return size, nil
		}
		n := len(b)
		if i := bytes.IndexByte(b[1:], magic[0]); i >= 0 {
			n = i + 1
		}
		_, _ = in.Discard(n)
		at += int64(n)
	}
}

func (f *File) end(h head, at int64) {
	stored := make([]byte, min(h.stored, 1<<20))
	n, _ := f.in.ReadAt(stored, at)
	var e End
	if raw, err := h.unpack(stored[:n]); err == nil && json.Unmarshal(raw, &e) == nil {
		f.End = &e
	}
}

// Blocks is how many blocks there are.
func (f *File) Blocks() int { return len(f.blocks) }

// Items is how many items the blocks say they have.
func (f *File) Items() uint64 { return f.items }

// Span is the time of the oldest item and of the newest, zero where none has one.
func (f *File) Span() (first, last time.Time) {
	if f.first == 0 {
		return first, last
	}
	return time.Unix(0, f.first).In(f.Created.Location()), time.Unix(0, f.last).In(f.Created.Location())
}

// Newest is the time of the newest item in a block, Items how many it has.
func (f *File) Newest(block int) (newest time.Time, items int) {
	h := &f.blocks[block].head
	if h.last == 0 {
		return time.Time{}, int(h.items)
	}
	return time.Unix(0, h.last), int(h.items)
}

// Block reads the items of a block. What is damaged or unknown in it is said by a
// Problem among them.
func (f *File) Block(i int) ([]feed.Item, error) {
	p := &f.blocks[i]
	var out []feed.Item
	if p.problem != "" {
		out = append(out, feed.Item{Problem: p.problem})
	}
	if p.kind == 0 {
		return out, nil
	}
	// A head may say more than the file has.
	stored, err := io.ReadAll(io.NewSectionReader(f.in, p.at, int64(p.stored)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	list, err := p.decode(f.reader.dec, stored)
	for k := range list {
		if blank(&list[k]) {
			list[k].Problem = leftOut(f.name, f.Version)
		}
	}
	out = append(out, list...)
	if err != nil && !errors.Is(err, ErrCut) {
		out = append(out, f.reader.damaged(p.at-headSize, lost(&p.head, len(list), err)))
	}
	return out, nil
}
