package record

import (
	"errors"
	"fmt"
	"io"
	"time"

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
