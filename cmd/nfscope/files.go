package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/term"

	"nfscope/trace/record"
)

// stdio is the name that stands for stdin or stdout.
const stdio = "-"

// noTerminal refuses to write to stdout what no terminal can show.
func (a *app) noTerminal(flag string) error {
	if f, ok := a.out.(descriptor); ok && term.IsTerminal(int(f.Fd())) {
		return usagef("%s -: that is no text for a terminal: send stdout to a file or a program, or name a file", flag)
	}
	return nil
}

// toStdout is stdout in place of a file.
type toStdout struct{ io.Writer }

func (toStdout) Close() error { return nil }

// createBeside makes the file that a flag names, to be written from the recording of the
// first name: never the recording itself, by whatever name.
func (a *app) createBeside(recording, name, flag string) (io.WriteCloser, error) {
	if name == stdio {
		return toStdout{a.out}, a.noTerminal(flag)
	}
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

// writeBeside makes that file and writes it. Where that fails half a file is none: one that
// was not there before goes again.
func (a *app) writeBeside(recording, name, flag string, write func(io.Writer) error) error {
	_, missing := os.Lstat(name)
	out, err := a.createBeside(recording, name, flag)
	if err != nil {
		return err
	}
	if err = errors.Join(write(out), out.Close()); err == nil {
		return nil
	}
	if name != stdio && errors.Is(missing, fs.ErrNotExist) {
		_ = os.Remove(name)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// openInput opens a file for reading, or stdin.
func (a *app) openInput(name string) (io.ReadCloser, error) {
	if name == stdio {
		return io.NopCloser(a.in), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usage(err)
	}
	return f, nil
}

// openRecording opens a recording for reading at any place. What cannot be read at any
// place (a pipe) is read into memory first.
func (a *app) openRecording(name string) (*record.File, io.Closer, error) {
	in, err := a.openInput(name)
	if err != nil {
		return nil, nil, err
	}
	var at io.ReaderAt
	var size int64
	if f, ok := in.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
			at, size = f, st.Size()
		}
	}
	if at == nil {
		b, err := io.ReadAll(in)
		if err != nil {
			return nil, nil, errors.Join(usage(err), in.Close())
		}
		at, size = strings.NewReader(string(b)), int64(len(b))
	}
	rf, err := record.Open(name, at, size)
	if err != nil {
		return nil, nil, errors.Join(usage(err), in.Close())
	}
	return rf, in, nil
}
