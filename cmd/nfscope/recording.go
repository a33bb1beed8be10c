package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"nfscope/model/feed"
	"nfscope/trace/record"
)

// recorder writes a recording once there is something to record: until then what is put
// waits, and a file that was there before stays as it is. A recording that fails is told
// of and ends; what is recorded goes on.
type recorder struct {
	name   string
	to     io.Writer
	file   *os.File // nil where it is stdout
	made   bool     // the file is ours
	header record.Header
	redact *record.Redactor
	// left is closed when nobody reads the recording any more.
	left chan struct{}
	// tell is told what failed.
	tell func(feed.Item)

	mu    sync.Mutex
	lag   lag
	early []feed.Item
	begun bool
	w     *record.Writer // nil too where the begin failed
	err   error          // why the begin failed
	why   string
}

// commandOver is what ended a recording where nobody says more.
const commandOver = "the command is over"

// recordTo opens the file of a recording, which is closed when the command is over.
func (a *app) recordTo(name, title string, redact bool) (*recorder, error) {
	r := &recorder{name: name, to: a.out, left: make(chan struct{}), why: commandOver,
		header: record.Header{Version: version(), Created: time.Now(), Title: strings.TrimSpace(title)}}
	if name == stdio {
		if err := a.noTerminal("-w"); err != nil {
			return nil, err
		}
		r.name = "the recording"
	} else {
		_, missing := os.Lstat(name)
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o666)
		if err != nil {
			return nil, usagef("-w: %w", err)
		}
		r.to, r.file, r.made = file, file, errors.Is(missing, os.ErrNotExist)
	}
	if redact {
		r.redact = record.NewRedactor()
	}
	a.later(func() {
		wrote, err := r.close()
		switch {
		case err == nil && wrote && r.file != nil:
			fmt.Fprintf(a.err, "wrote %s\n", name)
		case err != nil && a.failed == nil:
			a.failed = fmt.Errorf("%s: %w", r.name, err)
		}
	})
	return r, nil
}

// Put takes an item, from any goroutine.
func (r *recorder) Put(it feed.Item) {
	if it.Flows != nil { // they are split when they are written
		it.Flows = it.Flows.Clone()
		r.one(it)
		return
	}
	it.Split(r.one)
}

func (r *recorder) one(it feed.Item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.lag.put(&it); h != nil {
		r.write(*h)
	}
	r.write(it)
}

// hearing is heard, how far the sources have come, noted in the recording, if there is one.
func (r *recorder) hearing(heard func() time.Time) func() time.Time {
	if r == nil {
		return heard
	}
	return func() time.Time {
		at := heard()
		r.mu.Lock()
		defer r.mu.Unlock()
		if h := r.lag.heard(at); h != nil {
			r.write(*h)
		}
		return at
	}
}

// write is called with mu held.
func (r *recorder) write(it feed.Item) {
	switch {
	case !r.begun:
		r.early = append(r.early, it)
	case r.w != nil:
		r.w.Put(it)
	}
}

// begin makes the file a recording: there is something to record. tell is told, in a
// Problem, when the recording fails, from any goroutine.
func (r *recorder) begin(tell func(feed.Item)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun, r.tell = true, tell
	r.err = empty(r.file)
	if r.err == nil {
		r.w, r.err = record.NewWriter(r.to, r.header, r.redact, r.failed)
	}
	if r.err != nil {
		r.failed(r.err)
		r.early = nil
		return
	}
	for _, it := range r.early {
		r.w.Put(it)
	}
	r.early = nil
}

// failed tells that no more is recorded.
func (r *recorder) failed(err error) {
	if errors.Is(err, syscall.EPIPE) { // whoever read it has seen enough
		close(r.left)
		return
	}
	r.tell(feed.Item{Time: time.Now(), Problem: fmt.Sprintf("%s: nothing more is recorded: %v", r.name, err)})
}

// empty takes out what a file had; pipes and devices have nothing.
func empty(f *os.File) error {
	if f == nil {
		return nil
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return err
	}
	return f.Truncate(0)
}

// ended says what ended the recording.
func (r *recorder) ended(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.why = why
}

// close ends the recording; wrote is false where none was begun.
func (r *recorder) close() (wrote bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w != nil {
		err = r.w.Close(r.why)
		if n := r.w.Dropped(); n > 0 && err == nil {
			err = fmt.Errorf("%s came faster than the disk took them, and are missing in the recording", plural(n, "item"))
		}
	} else if err = r.err; r.made {
		err = errors.Join(err, os.Remove(r.file.Name()))
	}
	if r.file != nil {
		err = errors.Join(err, r.file.Close())
	}
	return r.w != nil, err
}
