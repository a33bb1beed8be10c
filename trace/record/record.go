// Package record writes what a source said into one file, and says it again later.
//
// A recording is gzip over lines of JSON: a Header, then one feed.Item a line. It is
// flushed as it grows, so that a file cut short gives back all that was whole.
package record

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

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
	if err := gz.Flush(); err != nil {
		return nil, fmt.Errorf("write recording: %w", err)
	}
	return rw, nil
}

// flushEvery bounds what a crash can cost.
const flushEvery = 256

// Put writes an item, from any goroutine. The first error stays, and ends writing. How far
// a reading of the rules is, is of the moment and left out: the ruleset follows in one
// piece, and an older nfscope would complain of each such item.
func (w *Writer) Put(it feed.Item) {
	if it.Reading != nil {
		return
	}
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
