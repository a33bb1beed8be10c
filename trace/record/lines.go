package record

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"nfscope/model/feed"
)

// lineLimit is how long an item may be: a ruleset of 100,000 rules has 30 MB. It keeps
// a hostile file, which may unpack to a thousand times its size, out of memory.
const lineLimit = 64 << 20

var errLong = fmt.Errorf("the line is longer than the %d MB an item may have; this is no recording of nfscope's", lineLimit>>20)

// lines reads the first form: gzip over lines of JSON, a Header, then an item a line.
type lines struct {
	name, version string
	in            *bufio.Reader
	line          int
	buf           []byte
}

// newLines reads the header.
func newLines(name string, r io.Reader) (*lines, Header, error) {
	var h Header
	gz, err := gzip.NewReader(r)
	if err != nil {
		return nil, h, noRecording(name, err)
	}
	l := &lines{name: name, in: bufio.NewReaderSize(gz, 1<<16)}
	b, err := l.readLine()
	if err != nil || json.Unmarshal(b, &h) != nil || h.Schema == "" {
		return nil, h, noHeader(name)
	}
	if h.Schema != SchemaLines {
		return nil, h, otherForm(name, h.Schema)
	}
	l.version = h.Version
	return l, h, nil
}

// readLine gives the next line; it is good until the next call.
func (r *lines) readLine() ([]byte, error) {
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

// next gives the next item; io.EOF at the end, ErrCut where the file ends early. An
// item of a kind that this nfscope does not know becomes a Problem that says so.
func (r *lines) next() (feed.Item, error) {
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
	if err := settle(&it); err != nil {
		return feed.Item{}, fmt.Errorf("%s:%d: an item that cannot be: %w", r.name, r.line, err)
	}
	if blank(&it) {
		it.Problem = leftOut(fmt.Sprintf("%s:%d", r.name, r.line), r.version)
	}
	return it, nil
}
