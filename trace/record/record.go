// Package record writes what a source said into one file, and says it again later.
//
// A recording is gzip over lines of JSON: a Header, then one feed.Item a line. It is
// flushed as it grows, so that a file cut short gives back all that was whole.
package record

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
)

// Schema names the format. A reader refuses what it does not know.
const Schema = "nfscope/recording/1"

// Header is the first line.
type Header struct {
	Schema string `json:"schema"`
	// Version is nfscope's own.
	Version string    `json:"version"`
	Created time.Time `json:"created"`
	// Title says what was recorded: "lab gateway", "host, tcp dst port 80".
	Title string `json:"title"`
}

// Writer writes a recording.
type Writer struct {
	mu  sync.Mutex
	gz  *gzip.Writer
	enc *json.Encoder
	err error
	// unflushed counts the items since the last flush.
	unflushed int
}

// NewWriter begins a recording on w.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	gz, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	h.Schema = Schema
	rw := &Writer{gz: gz, enc: json.NewEncoder(gz)}
	if err := rw.enc.Encode(h); err != nil {
		return nil, fmt.Errorf("write recording: %w", err)
	}
	return rw, gz.Flush()
}

// flushEvery bounds what a crash can cost.
const flushEvery = 256

// Put writes an item, from any goroutine. The first error stays, and ends writing.
func (w *Writer) Put(it feed.Item) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return
	}
	if w.err = w.enc.Encode(it); w.err != nil {
		return
	}
	w.unflushed++
	if w.unflushed >= flushEvery || it.Must() {
		w.unflushed, w.err = 0, w.gz.Flush()
	}
}

// Close ends the recording and gives the first error there was.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.gz.Close(); w.err == nil {
		w.err = err
	}
	if w.err != nil {
		return fmt.Errorf("write recording: %w", w.err)
	}
	return nil
}

// ErrCut says that a recording ends in the middle: what was read before is whole.
var ErrCut = errors.New("the recording is cut short; all that was whole has been read")

// Reader reads a recording.
type Reader struct {
	Header
	name string
	in   *bufio.Reader
	line int
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

func (r *Reader) readLine() ([]byte, error) {
	r.line++
	return r.in.ReadBytes('\n')
}

// Next gives the next item; io.EOF at the end, ErrCut where the file ends early.
func (r *Reader) Next() (feed.Item, error) {
	var it feed.Item
	b, err := r.readLine()
	switch {
	case errors.Is(err, io.EOF) && len(b) == 0:
		return it, io.EOF
	case err != nil:
		return it, fmt.Errorf("%s:%d: %w", r.name, r.line, ErrCut)
	}
	if err := json.Unmarshal(b, &it); err != nil {
		return it, fmt.Errorf("%s:%d: an item that cannot be read: %w", r.name, r.line, err)
	}
	number(it.Rules)
	return it, nil
}

// number restores what a Ruleset's JSON leaves out.
func number(rs *model.Ruleset) {
	if rs != nil {
		rs.Number()
	}
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
