package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nfscope/model/feed"
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

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
