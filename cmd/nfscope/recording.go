package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"nfscope/model/feed"
	"nfscope/trace/record"
)

// recorder writes a recording once there is something to record: until then what is put
// waits, and a file that was there before stays as it is.
type recorder struct {
	file   *os.File
	made   bool // the file is ours
	header record.Header
	redact *record.Redactor

	mu    sync.Mutex
	early []feed.Item
	w     *record.Writer
	why   string
}

// recordTo opens the file of a recording, which is closed when the command is over.
func (a *app) recordTo(name, title string, redact bool) (*recorder, error) {
	_, missing := os.Lstat(name)
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return nil, usagef("-w: %w", err)
	}
	r := &recorder{file: file, made: errors.Is(missing, os.ErrNotExist), why: "the command is over",
		header: record.Header{Version: version(), Created: time.Now(), Title: strings.TrimSpace(title)}}
	if redact {
		r.redact = record.NewRedactor()
	}
	a.later(func() {
		wrote, err := r.close()
		switch {
		case err == nil && wrote:
			fmt.Fprintf(a.err, "wrote %s\n", name)
		case err != nil && a.failed == nil:
			a.failed = fmt.Errorf("%s: %w", name, err)
		}
	})
	return r, nil
}

// Put takes an item, from any goroutine.
func (r *recorder) Put(it feed.Item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w == nil {
		r.early = append(r.early, it)
		return
	}
	r.w.Put(it)
}

// begin makes the file a recording: there is something to record.
func (r *recorder) begin() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := empty(r.file); err != nil {
		return err
	}
	w, err := record.NewWriter(r.file, r.header, r.redact)
	if err != nil {
		return err
	}
	for _, it := range r.early {
		w.Put(it)
	}
	r.w, r.early = w, nil
	return nil
}

// empty takes out what a file had; pipes and devices have nothing.
func empty(f *os.File) error {
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
	if r.w == nil {
		err := r.file.Close()
		if r.made {
			err = errors.Join(err, os.Remove(r.file.Name()))
		}
		return false, err
	}
	err = r.w.Close(r.why)
	if n := r.w.Dropped(); n > 0 && err == nil {
		err = fmt.Errorf("%s came faster than the disk took them, and are missing in the recording", plural(n, "item"))
	}
	return true, errors.Join(err, r.file.Close())
}

// createBeside makes the file that a flag names, to be written from the recording of the
// first name: never the recording itself, by whatever name.
func createBeside(recording, name, flag string) (*os.File, error) {
	if in, err := os.Stat(recording); err == nil {
		if out, err := os.Stat(name); err == nil && os.SameFile(in, out) {
			return nil, usagef("%s %s: it is the recording that is read", flag, name)
		}
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, usagef("%s: %w", flag, err)
	}
	return f, nil
}

// openRecording opens a recording for reading at any place. What cannot be read at any
// place (a pipe) is read into memory first.
func openRecording(name string) (*record.File, io.Closer, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, usage(err)
	}
	in, size := io.ReaderAt(f), int64(0)
	if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
		size = st.Size()
	} else {
		b, err := io.ReadAll(f)
		if err != nil {
			return nil, nil, errors.Join(usage(err), f.Close())
		}
		in, size = strings.NewReader(string(b)), int64(len(b))
	}
	rf, err := record.Open(name, in, size)
	if err != nil {
		return nil, nil, errors.Join(usage(err), f.Close())
	}
	return rf, f, nil
}
