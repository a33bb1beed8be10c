package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"nfscope/model/feed"
	"nfscope/trace/record/wire"
)

// The forms of a recording. What is written is Schema; both are read, and all others
// are refused.
const (
	// SchemaLines is gzip over lines of JSON.
	SchemaLines = "nfscope/recording/1"
	// Schema is a line of JSON, the Header, and blocks behind it.
	Schema = "nfscope/recording/2"
)

// Header is what stands at the begin of a recording.
type Header struct {
	Schema string `json:"schema"`
	// Version is nfscope's own.
	Version string    `json:"version"`
	Created time.Time `json:"created"`
	// Title says what was recorded: "lab gateway", "host, tcp dst port 80".
	Title string `json:"title"`
	// Redacted is true where addresses and names were replaced by others.
	Redacted bool `json:"redacted,omitempty"`
	// Root and Types describe the blocks' items, so that they can be read without
	// knowing this nfscope (package wire says how).
	Root  string     `json:"root,omitempty"`
	Types wire.Types `json:"types,omitempty"`
	// Described is the sum of the two: where they are damaged, an nfscope that writes the
	// same knows them.
	Described string `json:"described,omitempty"`
}

// describe sets what the items are.
func (h *Header) describe(c *wire.Coder) error {
	h.Root, h.Types = c.Root(), c.Types()
	sum, err := h.described()
	h.Described = sum
	return err
}

func (h *Header) described() (string, error) {
	b, err := json.Marshal(h.Types)
	return fmt.Sprintf("%08x", crc(append(b, h.Root...))), err
}

// sumAt begins the last of the header's fields, the sum of what stands before it.
const sumAt = `,"sum":"`

// line is the header as it is written.
func (h *Header) line() ([]byte, error) {
	b, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	b = b[:len(b)-1]
	return fmt.Appendf(b, "%s%08x\"}\n", sumAt, crc(b)), nil
}

// changed reports whether a header's bytes are not those that were written; one without a
// sum is of an older nfscope.
func changed(line []byte) bool {
	body, end := line, []byte(nil)
	if i := bytes.LastIndex(line, []byte(sumAt)); i >= 0 {
		body, end = line[:i], line[i+len(sumAt):]
	}
	return end != nil && string(end) != fmt.Sprintf("%08x\"}\n", crc(body))
}

// parseHeader reads a header. damaged is true where it says something else than was
// written, but what the items are is known.
func parseHeader(name string, line []byte) (h Header, damaged bool, err error) {
	unread := json.Unmarshal(line, &h) != nil || h.Schema == ""
	switch {
	case changed(line):
		return h.mend(name, line, unread)
	case unread:
		return h, false, noHeader(name)
	case h.Schema != Schema:
		return h, false, otherForm(name, h.Schema)
	}
	return h, false, nil
}

// mend finds out what the items are where a header is damaged: as this nfscope writes
// them, or as it says, where that is not damaged itself.
func (h Header) mend(name string, line []byte, unread bool) (Header, bool, error) {
	var own Header
	if err := own.describe(wire.NewCoder(reflect.TypeFor[feed.Item]())); err != nil {
		return h, false, err
	}
	sum, err := h.described()
	switch {
	case bytes.Contains(line, []byte(`"described":"`+own.Described+`"`)):
		h.Root, h.Types = own.Root, own.Types
	case unread || err != nil || sum != h.Described:
		return h, false, fmt.Errorf("%s: the recording is damaged in its header, and was made by another nfscope: nothing of it can be read", name)
	}
	h.Schema = Schema
	return h, true, nil
}

// End is what stands at the end of a recording that was ended in order.
type End struct {
	// Why says what ended it: "the trace is over", "interrupted".
	Why  string    `json:"why"`
	Time time.Time `json:"time"`
	// Items counts what was written; Dropped what the writer's own queue threw away,
	// because the disk was slower than the trace.
	Items   uint64 `json:"items"`
	Dropped uint64 `json:"dropped"`
}

// ErrCut says that a recording ends in the middle: what was read before is whole.
var ErrCut = errors.New("the recording is cut short; all that was whole has been read")

func noRecording(name string, err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s is empty, or too short for an nfscope recording: expected a file made with `nfscope trace -w`", name)
	}
	return fmt.Errorf("%s is no nfscope recording: expected a file made with `nfscope trace -w`: %w", name, err)
}

func noHeader(name string) error {
	return fmt.Errorf("%s:1: no recording header, expected an object with \"schema\":%q", name, Schema)
}

func otherForm(name, schema string) error {
	return fmt.Errorf("%s is a recording of another form, %q; this nfscope reads %q and %q", name, schema, Schema, SchemaLines)
}
