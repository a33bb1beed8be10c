package record

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"nfscope/model/feed"
)

// ErrCut says that a recording ends in the middle: what was read before is whole.
var ErrCut = errors.New("the recording is cut short; all that was whole has been read")

// lineLimit is how long an item may be: a ruleset of 100,000 rules has 30 MB. It keeps
// a hostile file, which may unpack to a thousand times its size, out of memory.
const lineLimit = 64 << 20

var errLong = fmt.Errorf("the line is longer than the %d MB an item may have; this is no recording of nfscope's", lineLimit>>20)

// Reader reads a recording.
type Reader struct {
	Header
	name string
	in   *bufio.Reader
	line int
	buf  []byte
}

// NewReader reads the header. name is the file's, for errors.
func NewReader(name string, r io.Reader) (*Reader, error) {
	gz, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("%s is no nfscope recording: expected a file made with `nfscope trace -w`: %w", name, err)
	}
	rr := &Reader{name: name, in: bufio.NewReaderSize(gz, 1<<16)}
	b, err := rr.readLine()
	if err != nil || json.Unmarshal(b, &rr.Header) != nil || rr.Schema == "" {
		return nil, fmt.Errorf("%s:1: no recording header, expected an object with \"schema\":%q", name, Schema)
	}
	if rr.Schema != Schema {
		return nil, fmt.Errorf("%s is a recording of another form, %q; this nfscope reads %q", name, rr.Schema, Schema)
	}
	return rr, nil
}

// readLine gives the next line; it is good until the next call.
func (r *Reader) readLine() ([]byte, error) {
	r.line++
	r.buf = r.buf[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		if len(r.buf)+len(part) > lineLimit {
			return nil, errLong
		}
		r.buf = append(r.buf, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return r.buf, err
		}
	}
}

// Next gives the next item; io.EOF at the end, ErrCut where the file ends early. An
// item of a kind that this nfscope does not know becomes a Problem that says so.
func (r *Reader) Next() (feed.Item, error) {
	b, err := r.readLine()
	switch {
	case errors.Is(err, io.EOF) && len(b) == 0:
		return feed.Item{}, io.EOF
	case errors.Is(err, errLong):
		return feed.Item{}, fmt.Errorf("%s:%d: %w", r.name, r.line, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return feed.Item{}, fmt.Errorf("%s:%d: %w", r.name, r.line, ErrCut)
	case err != nil:
		return feed.Item{}, fmt.Errorf("%s:%d: the file is damaged here, what came before has been read: %w", r.name, r.line, err)
	}
	var it feed.Item
	if err := json.Unmarshal(b, &it); err != nil {
		return feed.Item{}, fmt.Errorf("%s:%d: an item that cannot be read: %w", r.name, r.line, err)
	}
	if err := sound(&it); err != nil {
		return feed.Item{}, fmt.Errorf("%s:%d: an item that cannot be: %w", r.name, r.line, err)
	}
	if it.Rules != nil { // what its JSON leaves out
		it.Rules.Number()
	}
	if blank(&it) {
		it.Problem = fmt.Sprintf("%s:%d: an item of a kind that this nfscope does not know was left out; the recording was made by nfscope %s", r.name, r.line, r.Version)
	}
	return it, nil
}

// blank reports whether an item says nothing.
func blank(it *feed.Item) bool {
	return it.Rules == nil && it.Counts == nil && it.Event == nil && it.Flow == nil && it.Table == nil &&
		it.Trace == nil && it.Lab == nil && it.Host == nil && it.Problem == ""
}

// sound refuses what no source says and what those behind it rely on: tables and
// chains that are there, a step that the lab has.
func sound(it *feed.Item) error {
	if it.Rules != nil {
		for i, t := range it.Rules.Tables {
			if t == nil {
				return fmt.Errorf("table %d is null", i)
			}
			for k, c := range t.Chains {
				if c == nil {
					return fmt.Errorf("chain %d of table %q is null", k, t.Name)
				}
			}
		}
	}
	if l := it.Lab; l != nil && (l.Current < 0 || l.Current > len(l.Steps)) {
		return fmt.Errorf("step %d of a lab that has %d", l.Current, len(l.Steps))
	}
	return nil
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
