package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/trace/record"
)

// A recording that was not begun leaves no trace: what was in the file stays, and a file
// that was not there is not. Begun, it has what came before too.
func TestRecorder(t *testing.T) {
	t.Parallel()
	for _, there := range []bool{false, true} {
		for _, begun := range []bool{false, true} {
			name := filepath.Join(t.TempDir(), "x.nfs")
			old := strings.Repeat("precious ", 10_000)
			if there {
				if err := os.WriteFile(name, []byte(old), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var said bytes.Buffer
			a := &app{ctx: context.Background(), out: &said, err: &said}
			r, err := a.recordTo(name, "a test", false)
			if err != nil {
				t.Fatal(err)
			}
			r.Put(feed.Item{Time: time.Now(), Problem: "early"})
			if begun {
				r.begin(func(it feed.Item) { t.Error(it.Problem) })
				r.Put(feed.Item{Time: time.Now(), Problem: "late"})
				r.ended("it is enough")
			}
			a.close()
			b, err := os.ReadFile(name)
			switch {
			case !begun && !there:
				if !os.IsNotExist(err) {
					t.Errorf("the file is there: %v", err)
				}
			case !begun:
				if string(b) != old {
					t.Errorf("the file was changed: %.60q", b)
				}
			default:
				f, err := record.Open(name, bytes.NewReader(b), int64(len(b)))
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Contains(b, []byte("precious")) {
					t.Errorf("%d bytes: behind the recording stands what was there before", len(b))
				}
				in, err := f.Info(context.Background())
				if err != nil || strings.Join(in.Problems, " ") != "early late" || in.Ended != "it is enough" || f.Cut != "" {
					t.Errorf("%+v, %v", in, err)
				}
			}
			if wrote := strings.Contains(said.String(), "wrote "); wrote != begun || a.failed != nil {
				t.Errorf("begun %v: %q, %v", begun, said.String(), a.failed)
			}
		}
	}
}

// TestRecorderFlows: connections are recorded as they were when they were put, for their reader
// fills their batch again; more of them than may wait for the disk are missing, and counted.
func TestRecorderFlows(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "x.nfs")
	a := &app{ctx: context.Background(), out: io.Discard, err: io.Discard}
	r, err := a.recordTo(name, "a test", false)
	if err != nil {
		t.Fatal(err)
	}
	b := &flow.Batch{Time: time.Now()}
	*b.Add() = flow.Record{Type: flow.EventNew, ID: 7}
	r.Put(feed.Item{Time: b.Time, Flows: b})
	b.Records[0].ID = 8
	r.begin(func(it feed.Item) { t.Error(it.Problem) })
	b.Records = make([]flow.Record, 1<<17+1)
	r.Put(feed.Item{Time: b.Time, Flows: b})
	a.close()
	if a.failed == nil || !strings.HasSuffix(a.failed.Error(), "x.nfs: 131073 items came faster than the disk took them, and are missing in the recording") {
		t.Errorf("of what is missing it says %v", a.failed)
	}
	rr, err := record.NewReader(name, bytes.NewReader(mustRead(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	first, err := rr.Next()
	if err != nil || first.Flow == nil || first.Flow.Flow.ID != 7 {
		t.Errorf("recorded is %+v, %v", first.Flow, err)
	}
	if gap, err := rr.Next(); err != nil || gap.Event == nil || gap.Event.Source != journey.SourceGap || gap.Event.Lost != 1<<17+1 {
		t.Errorf("behind it %+v, %v", gap.Event, err)
	}
}

// TestCreateBeside: a recording is not overwritten by what is made of it, by whatever name.
func TestCreateBeside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name, alias, other := filepath.Join(dir, "x.nfs"), filepath.Join(dir, "alias"), filepath.Join(dir, "x.pcapng")
	b := mustRead(t, "../../docs/labs/gateway/recording.nfs")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(name, alias); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{name, alias} {
		for _, o := range []replayFlags{{pcapng: to}, {write: to}} {
			a := &app{ctx: context.Background(), out: io.Discard, err: io.Discard}
			if err := a.replay(name, o); err == nil || !strings.Contains(err.Error(), "it is the recording that is read") {
				t.Errorf("%+v: %v", o, err)
			}
			if !bytes.Equal(mustRead(t, name), b) {
				t.Fatalf("%+v: the recording was changed", o)
			}
		}
	}
	a := &app{ctx: context.Background()}
	f, err := a.createBeside(name, other, "-w")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// TestHalfAFileIsNone: what could not be written whole goes again, a file that was there before
// aside.
func TestHalfAFileIsNone(t *testing.T) {
	t.Parallel()
	a := &app{}
	full := errors.New("the disk is full")
	half := func(w io.Writer) error {
		_, err := io.WriteString(w, "half")
		return errors.Join(err, full)
	}
	dir := t.TempDir()
	mine, theirs := filepath.Join(dir, "mine"), filepath.Join(dir, "theirs")
	if err := os.WriteFile(theirs, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{mine, theirs} {
		if err := a.writeBeside("a.nfs", name, "-w", half); !errors.Is(err, full) || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(mine); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a file is left: %v", err)
	}
	mustRead(t, theirs)
	if err := a.writeBeside("a.nfs", mine, "-w", func(w io.Writer) error { _, err := io.WriteString(w, "all"); return err }); err != nil || string(mustRead(t, mine)) != "all" {
		t.Errorf("a whole file: %v", err)
	}
}

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
