// Package record writes what a source said into one file, and says it again later.
//
// A recording is a Header in a line of JSON, which describes what follows; then blocks of
// feed.Items, each compressed, summed and readable for itself; then an End. It is written
// as it grows, so that a file cut short gives back all that was whole, and one damaged in
// the middle all the other blocks.
package record

import (
	"errors"
	"io"
	"sync"
	"time"

	"nfscope/model/feed"
	"nfscope/model/journey"
)

const (
	// flushAfter is how long an item waits for others at most: it bounds what a crash
	// can cost.
	flushAfter = 250 * time.Millisecond
	// waiting bounds how many packets, sights and flow changes wait for the disk. More are
	// thrown away, and counted where they are missing.
	waiting = 1 << 17
)

// Writer writes what happens now, on a goroutine of its own: who puts never waits for
// the disk.
type Writer struct {
	mu      sync.Mutex
	queue   []feed.Item
	lossy   int
	missing uint64 // thrown away since the last gap that was put
	unseen  uint64 // sights, the same
	dropped uint64
	closed  bool
	wake    chan struct{}
	done    chan struct{}
	// enc and err belong to the goroutine, and to Close when that is over.
	enc *Encoder
	err error
	// failed is told the first error.
	failed func(error)
}

// NewWriter begins a recording on w as NewEncoder does. failed, which may be nil, is told
// once that nothing more can be written and why, on a goroutine of the Writer's.
func NewWriter(w io.Writer, h Header, r *Redactor, failed func(error)) (*Writer, error) {
	enc, err := NewEncoder(w, h, r)
	if err != nil {
		return nil, err
	}
	rw := &Writer{enc: enc, wake: make(chan struct{}, 1), done: make(chan struct{}), failed: failed}
	go rw.run()
	return rw, nil
}

// Put writes an item, from any goroutine, and never waits. The item must not be changed
// from now on. The first error stays, and ends writing.
func (w *Writer) Put(it feed.Item) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	if n := it.Weight(); n > 0 {
		if w.lossy+n > waiting {
			if it.Sight != nil {
				w.unseen += uint64(n)
			} else {
				w.missing += uint64(n)
			}
			return
		}
		w.lossy += n
	}
	w.gap(it.Time)
	w.queue = append(w.queue, it)
	w.poke()
}

// gap puts what tells of the items that were thrown away. Sights are counted apart: where some
// are missing, of no packet is it known where it was seen last.
func (w *Writer) gap(at time.Time) {
	if w.unseen > 0 {
		w.queue = append(w.queue, feed.Item{Time: at, Sight: &journey.Sight{Time: at, Lost: w.unseen}})
		w.dropped += w.unseen
		w.unseen = 0
	}
	if w.missing > 0 {
		w.queue = append(w.queue, feed.Item{Time: at, Event: &journey.Event{Source: journey.SourceGap, Time: at, Lost: w.missing}})
		w.dropped += w.missing
		w.missing = 0
	}
}

func (w *Writer) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run writes what is put until the Writer is closed.
func (w *Writer) run() {
	defer close(w.done)
	timer := time.NewTimer(flushAfter)
	timer.Stop()
	var spare []feed.Item
	for running, armed := true, false; running; {
		select {
		case <-w.wake:
		case <-timer.C:
			armed = false
			w.note(w.enc.Flush())
		}
		w.mu.Lock()
		list := w.queue
		w.queue, w.lossy, running = spare[:0], 0, !w.closed
		w.mu.Unlock()
		for i := range list {
			if w.err == nil {
				w.note(w.enc.Put(&list[i]))
			}
		}
		clear(list)
		spare = list
		if w.enc.head.items > 0 && !armed {
			timer.Reset(flushAfter)
			armed = true
		}
	}
}

func (w *Writer) note(err error) {
	if w.err != nil || err == nil {
		return
	}
	if w.err = err; w.failed != nil {
		w.failed(err)
	}
}

// Close ends the recording, saying why, and gives the first error there was.
func (w *Writer) Close(why string) error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return errors.New("write recording: it is closed already")
	}
	w.gap(time.Now())
	w.closed = true
	w.mu.Unlock()
	w.poke()
	<-w.done
	w.note(w.enc.Close(End{Why: why, Time: time.Now(), Dropped: w.dropped}))
	return w.err
}

// Dropped counts what the queue threw away. It is known once the Writer is closed.
func (w *Writer) Dropped() uint64 { return w.dropped }
