package record

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"reflect"

	"nfscope/model/feed"
	"nfscope/trace/record/wire"
)

// blockSize is how many bytes are put in a block, uncompressed.
const blockSize = 128 << 10

// Encoder makes a recording of items, at once. It is not safe for concurrent use.
type Encoder struct {
	out    io.Writer
	block  *wire.Block
	head   head
	packed bytes.Buffer
	flate  *flate.Writer
	items  uint64
	redact *Redactor
}

// NewEncoder begins a recording on w: the header is written. A Redactor, where it is not
// nil, makes of every item what may be shown.
func NewEncoder(w io.Writer, h Header, r *Redactor) (*Encoder, error) {
	coder := wire.NewCoder(reflect.TypeFor[feed.Item]())
	h.Schema = Schema
	if r != nil {
		h.Redacted, h.Title = true, r.Text(h.Title)
	}
	err := h.describe(coder)
	var line []byte
	if err == nil {
		line, err = h.line()
	}
	if err == nil {
		_, err = w.Write(line)
	}
	if err != nil {
		return nil, fmt.Errorf("write recording: %w", err)
	}
	e := &Encoder{out: w, block: coder.NewBlock(), redact: r}
	e.flate, _ = flate.NewWriter(nil, flate.BestSpeed) // the level is one
	return e, nil
}

// Put adds an item, and writes the block when it is full. The item is not changed.
// After an error nothing more can be put.
func (e *Encoder) Put(it *feed.Item) error {
	if it.Reading != nil || it.Solved != "" { // how things stand is of the moment alone
		return nil
	}
	if it.Flows != nil {
		var err error
		it.Split(func(one feed.Item) {
			if err == nil {
				err = e.Put(&one)
			}
		})
		return err
	}
	if e.redact != nil {
		it = e.redact.Item(it)
	}
	if err := e.block.Put(it); err != nil {
		return fmt.Errorf("write recording: %w", err)
	}
	e.items++
	e.head.items++
	e.head.span(it.Time)
	if len(e.block.Bytes()) >= blockSize {
		return e.Flush()
	}
	return nil
}

// Flush writes the block that is under way, so that a reader finds it.
func (e *Encoder) Flush() error {
	if e.head.items == 0 {
		return nil
	}
	err := e.write(kindItems, e.block.Bytes())
	e.block.Reset()
	return err
}

// write writes a block of bytes with the head that is known of it.
func (e *Encoder) write(kind uint8, raw []byte) error {
	if len(raw) > blockLimit {
		return fmt.Errorf("write recording: an item of %d MB, more than a recording may have", len(raw)>>20)
	}
	e.packed.Reset()
	e.packed.Write(make([]byte, headSize))
	e.flate.Reset(&e.packed)
	_, err := e.flate.Write(raw)
	if err == nil {
		err = e.flate.Close()
	}
	if err == nil {
		b := e.packed.Bytes()
		h := e.head
		h.kind, h.stored, h.raw, h.sum = kind, uint32(len(b)-headSize), uint32(len(raw)), crc(b[headSize:])
		h.append(b[:0])
		_, err = e.out.Write(b)
	}
	e.head = head{}
	if err != nil {
		return fmt.Errorf("write recording: %w", err)
	}
	return nil
}

// Close writes what waits, and the End; its Items are the Encoder's own.
func (e *Encoder) Close(end End) error {
	if err := e.Flush(); err != nil {
		return err
	}
	end.Items = e.items
	if e.redact != nil {
		end.Why = e.redact.Text(end.Why)
	}
	raw, err := json.Marshal(end)
	if err != nil {
		return fmt.Errorf("write recording: %w", err)
	}
	return e.write(kindEnd, raw)
}
