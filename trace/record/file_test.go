package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nfscope/model/feed"
)

// all gives the items of a File.
func all(tb testing.TB, b []byte) ([]feed.Item, *File) {
	tb.Helper()
	f, err := Open("file", bytes.NewReader(b), int64(len(b)))
	if err != nil {
		tb.Fatal(err)
	}
	var out []feed.Item
	for i := range f.Blocks() {
		list, err := f.Block(i)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, list...)
	}
	return out, f
}

// flooded makes a recording of n events in memory.
func flooded(tb testing.TB, n int) []byte {
	tb.Helper()
	var b bytes.Buffer
	e, err := NewEncoder(&b, Header{Created: t0, Title: "a flood"}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	flood(n, func(it feed.Item) {
		if err == nil {
			err = e.Put(&it)
		}
	})
	if err == nil {
		err = e.Close(End{Why: "done"})
	}
	if err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// TestFileIsReader: block by block a file has what it has from begin to end, cut or
// damaged wherever; nothing whole before a cut is missing.
func TestFileIsReader(t *testing.T) {
	t.Parallel()
	whole := flooded(t, 20_000)
	want, err := read(whole)
	if err != nil {
		t.Fatal(err)
	}
	header := bytes.IndexByte(whole, '\n') + 1
	rng := rand.New(rand.NewPCG(7, 8))
	for i := range 200 {
		n := header + rng.IntN(len(whole)-header)
		b := whole[:n]
		if i%2 == 1 { // damaged instead
			b = bytes.Clone(whole)
			b[n] ^= byte(1 + rng.IntN(255))
		}
		list, f := all(t, b)
		streamed, err := read(b)
		if i%2 == 0 && (!errors.Is(err, ErrCut) || f.End != nil || !strings.Contains(f.Cut, ErrCut.Error())) {
			t.Fatalf("cut at %d: %v, end %v, %q", n, err, f.End, f.Cut)
		}
		if i%2 == 0 && (len(list) > len(want) || !reflect.DeepEqual(list, want[:len(list)])) {
			t.Fatalf("cut at %d: %d items, not the first ones", n, len(list))
		}
		if len(list) != len(streamed) && !(i%2 == 1 && f.End == nil) { // a damaged end is told by the one in a sentence, by the other as Cut
			t.Fatalf("at %d: %d items by blocks, %d in a row", n, len(list), len(streamed))
		}
	}
	list, f := all(t, whole)
	if first, last := f.Span(); len(list) != len(want) || int(f.Items()) != len(want) || f.Cut != "" || f.End.Why != "done" || !first.Equal(want[0].Time) || !last.Equal(want[len(want)-1].Time) {
		t.Errorf("%d of %d items, %v to %v, %+v %q", len(list), len(want), first, last, f.End, f.Cut)
	}
}

// TestOldForm: the recordings of the labs, in the first form, open as others do.
func TestOldForm(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/labs/*/recording.nfs")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := read(b)
		if err != nil {
			t.Fatal(err)
		}
		list, f := all(t, b)
		if f.Cut != "" || len(list) != len(want) {
			t.Errorf("%s: %d of %d items, %q", name, len(list), len(want), f.Cut)
		}
		a, c := folded(t, name, b), bytes.Buffer{}
		if err := f.Copy(context.Background(), &c, nil, Span{}); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(len(a), len(folded(t, "copy", c.Bytes()))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if _, f := all(t, b[:len(b)*9/10]); !strings.Contains(f.Cut, "the recording is cut short") || f.Items() == 0 {
			t.Errorf("%s, cut near its end: %d items, %q", name, f.Items(), f.Cut)
		}
	}
}

// TestScan: a recording lasts from its oldest item to its newest, in whatever block they are, and what is damaged
// behind the last block is told.
func TestScan(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	e, err := NewEncoder(&b, Header{Version: "v1", Created: t0}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range []feed.Item{{Problem: "at no time"}, {Time: at(2000), Problem: "the newest"}, {Time: at(5), Problem: "the oldest"}} {
		if err := errors.Join(e.Put(&it), e.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	b.WriteString("seven b")
	if err := e.Close(End{Why: "done"}); err != nil {
		t.Fatal(err)
	}
	list, f := all(t, b.Bytes())
	if first, last := f.Span(); !first.Equal(at(5)) || !last.Equal(at(2000)) {
		t.Errorf("from %v to %v", first, last)
	}
	if len(list) != 4 || !strings.HasSuffix(list[3].Problem, ": 7 bytes were left out") || f.End == nil || f.Cut != "" {
		t.Errorf("%d items, the last is %+v; %v, %q", len(list), list[len(list)-1], f.End, f.Cut)
	}
	// One of the first form says so, and ends with its newest item.
	_, f = all(t, raw(t, header, `{"Time":"2026-11-20T10:00:09Z","Problem":"newest"}`, `{"Time":"2026-11-20T10:00:00Z","Problem":"x"}`))
	if f.Schema != SchemaLines || f.Version != "v1" || f.End == nil || !f.End.Time.Equal(time.Date(2026, 11, 20, 10, 0, 9, 0, time.UTC)) {
		t.Errorf("of the first form: %+v, %+v", f.Header.Schema, f.End)
	}
}

// TestBlockLimits: a head that wants more memory than a block may have is none, a block of more is not
// written, and one whose bytes were changed is not read.
func TestBlockLimits(t *testing.T) {
	t.Parallel()
	for raw, want := range map[uint32]bool{blockLimit: true, blockLimit + 1: false} {
		if _, ok := parseHead((&head{kind: kindItems, raw: raw}).append(nil)); ok != want {
			t.Errorf("a head of %d bytes: %v", raw, ok)
		}
	}
	e, err := NewEncoder(io.Discard, Header{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.write(kindItems, make([]byte, blockLimit+1)); err == nil || !strings.Contains(err.Error(), "an item of 64 MB, more than a recording may have") {
		t.Errorf("of more than a block may have: %v", err)
	}
	stored := []byte{1, 3, 0, 0xfc, 0xff, 'a', 'b', 'c'} // stored, not compressed (RFC 1951, 3.2.4)
	h := head{stored: uint32(len(stored)), raw: 3, sum: crc(stored)}
	if b, err := h.unpack(stored); err != nil || string(b) != "abc" {
		t.Errorf("%q, %v", b, err)
	}
	stored[7] = 'd'
	if b, err := h.unpack(stored); !errors.Is(err, errBlock) {
		t.Errorf("changed: %q, %v", b, err)
	}
}

// TestTinyItems: bytes that say an item each are few in a file, and would be gigabytes of
// items; what a block may have is read, and the rest is said to be left out.
func TestTinyItems(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	e, err := NewEncoder(&b, Header{Created: t0}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range blockSize + 2 { // of one byte each: as many as are ever put, and then two more
		if err := e.Put(&feed.Item{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	want := b.Len()
	e.head.items = 2 * blockSize
	if err := e.write(kindItems, make([]byte, 2*blockSize)); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(End{Why: "done"}); err != nil {
		t.Fatal(err)
	}
	list, f := all(t, b.Bytes())
	if n := len(list); n != 2*blockSize+3 || f.End == nil {
		t.Fatalf("%d items, end %v", n, f.End)
	}
	for i, it := range list[:len(list)-1] {
		if strings.Contains(it.Problem, "damaged") {
			t.Fatalf("item %d: %s", i, it.Problem)
		}
	}
	said := fmt.Sprintf("file: the file is damaged at byte %d: more than the 131072 items a block may have; 131072 of 262144 items were left out", want)
	if got := list[len(list)-1].Problem; got != said {
		t.Errorf("%q, want %q", got, said)
	}
}

// TestBounded: a recording is neither read nor written with all of it in memory.
func TestBounded(t *testing.T) {
	var peak uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	name := large(t, 250_000)
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := NewReader(name, f)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; err == nil; n++ {
		_, err = r.Next()
	}
	close(stop)
	<-done
	if !errors.Is(err, io.EOF) || n < 250_000 || peak > 200<<20 {
		t.Errorf("%d items, %v, at most %d MB", n, err, peak>>20)
	}
}

// BenchmarkOpen is how long it takes until a recording of a million events can be played:
// its length and all blocks are known, and the first is read.
func BenchmarkOpen(b *testing.B) {
	name := large(b, 1_000_000)
	b.ResetTimer()
	for range b.N {
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		st, err := f.Stat()
		if err != nil {
			b.Fatal(err)
		}
		rf, err := Open(name, f, st.Size())
		if err != nil {
			b.Fatal(err)
		}
		if list, err := rf.Block(0); err != nil || len(list) == 0 || rf.Items() < 1_000_000 {
			b.Fatalf("%d items, %v", len(list), err)
		}
		b.ReportMetric(float64(st.Size())/(1<<20), "MB")
		_ = f.Close()
	}
}

// FuzzBlock: whatever a block has, in whatever types it says, reading it neither panics
// nor asks for memory without end, and block by block is as in a row.
func FuzzBlock(f *testing.F) {
	whole := write(f, items())
	header := whole[:bytes.IndexByte(whole, '\n')+1]
	r, err := NewReader("seed", bytes.NewReader(whole))
	if err != nil {
		f.Fatal(err)
	}
	h, _, err := r.head()
	if err != nil {
		f.Fatal(err)
	}
	stored := make([]byte, h.stored)
	_, _ = io.ReadFull(r.in, stored)
	raw, err := h.unpack(stored)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, whole[len(header):])
	f.Fuzz(func(t *testing.T, raw, tail []byte) {
		var b bytes.Buffer
		e, err := NewEncoder(&b, Header{Created: t0}, nil)
		if err != nil {
			t.Fatal(err)
		}
		e.head.items = 1
		if err := e.write(kindItems, raw); err != nil {
			t.Fatal(err)
		}
		b.Write(tail)
		n := 0
		rr, err := NewReader("file", bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			if _, err = rr.Next(); err == nil {
				n++
			}
		}
		list, fl := all(t, b.Bytes())
		if d := n - len(list); d < 0 || d > 2 || d > 0 && fl.End != nil {
			t.Errorf("%d items in a row, %d by blocks", n, len(list))
		}
	})
}
