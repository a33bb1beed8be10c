package wire

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nfscope/model"
)

type inner struct {
	A    string
	Next *inner
}

// all has a field of every form.
type all struct {
	Flag  bool
	Small int8
	Big   int64
	U     uint16
	F     float64
	S     string
	B     []byte
	T, T2 time.Time
	A, A2 netip.Addr
	P     netip.Prefix
	Hook  model.Hook
	Hooks []model.Hook
	M     map[string]int
	In    inner
	Ptr   *inner
	List  []inner
	Ptrs  []*inner
	Flags []bool
}

var (
	t0   = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	full = all{Flag: true, Small: -5, Big: -1 << 63, U: 65535, F: 1.5, S: "x", B: []byte{1, 0}, T: t0, T2: time.Unix(-1<<40, 5).UTC(),
		A: netip.MustParseAddr("10.0.0.1"), A2: netip.MustParseAddr("fe80::1%eth0"), P: netip.MustParsePrefix("10.0.0.0/8"), Hook: model.HookForward,
		Hooks: []model.Hook{model.HookInput, 200, model.HookInput}, M: map[string]int{"a": 1}, In: inner{A: "x"}, Ptr: &inner{Next: &inner{A: "y"}},
		List: []inner{{}, {A: "x"}}, Ptrs: []*inner{nil, {A: "z"}}, Flags: []bool{true, false}}
	opts = cmp.Options{cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	c := NewCoder(reflect.TypeFor[all]())
	b := c.NewBlock()
	want := []all{full, {}, full, {List: []inner{}, T: t0.Add(time.Hour)}}
	for i := range want {
		if err := b.Put(&want[i]); err != nil {
			t.Fatal(err)
		}
	}
	d, err := NewDecoder(c.Types(), c.Root(), reflect.TypeFor[all](), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	r := d.NewReader(b.Bytes())
	for i := range want {
		var got all
		if err := r.Next(&got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want[i], got, opts); d != "" {
			t.Errorf("value %d, written (-) and read (+):\n%s", i, d)
		}
	}
	if r.Len() != 0 {
		t.Errorf("%d bytes are left", r.Len())
	}
	for n := range b.Bytes() { // cut anywhere: whole values, then ErrShort
		r := d.NewReader(b.Bytes()[:n])
		var err error
		for err == nil && r.Len() > 0 {
			err = r.Next(&all{})
		}
		if err != nil && !errors.Is(err, ErrShort) && !strings.Contains(err.Error(), "JSON") {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
}

// TestOtherTypes: who has other fields than the writer reads those that both have.
func TestOtherTypes(t *testing.T) {
	t.Parallel()
	type newer struct {
		Added []struct{ X int }
		In    struct {
			A    int // was a string
			More string
		}
		Hook model.Hook
		S    string
		Ptr  *struct{ Next *struct{ A string } }
	}
	c := NewCoder(reflect.TypeFor[all]())
	b := c.NewBlock()
	for range 2 {
		if err := b.Put(&full); err != nil {
			t.Fatal(err)
		}
	}
	d, err := NewDecoder(c.Types(), c.Root(), reflect.TypeFor[newer](), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	r := d.NewReader(b.Bytes())
	for range 2 {
		var got newer
		if err := r.Next(&got); err != nil {
			t.Fatal(err)
		}
		if got.Hook != model.HookForward || got.S != "x" || got.In.A != 0 || got.Ptr == nil || got.Ptr.Next.A != "y" {
			t.Errorf("%+v", got)
		}
	}
	if r.Len() != 0 {
		t.Errorf("%d bytes are left", r.Len())
	}
}

// TestRoom: what a block says in two bytes and is kept in more takes from the memory that
// a block may ask for, and that is bounded whatever the block's size.
func TestRoom(t *testing.T) {
	t.Parallel()
	c := NewCoder(reflect.TypeFor[all]())
	d, err := NewDecoder(c.Types(), c.Root(), reflect.TypeFor[all](), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]all{"a text": {S: "xyz"}, "an address": {A: full.A}, "a value with a text": {Hook: model.HookInput}, "JSON": {M: map[string]int{"a": 1}}} {
		b := c.NewBlock()
		if err := b.Put(&v); err != nil {
			t.Fatal(err)
		}
		for _, room := range []int{0, 1000} {
			r := d.NewReader(b.Bytes())
			r.room = room
			if err := r.Next(&all{}); (err == nil) != (room > 0) || err != nil && !strings.Contains(err.Error(), "more memory than a block may have") {
				t.Errorf("%s in a room of %d: %v", name, room, err)
			}
		}
	}
	if r := d.NewReader(make([]byte, 64<<20)); r.room > 512<<20 {
		t.Errorf("64 MB may ask for %d MB", r.room>>20)
	}
}

func FuzzReader(f *testing.F) {
	c := NewCoder(reflect.TypeFor[all]())
	b := c.NewBlock()
	_ = b.Put(&full)
	_ = b.Put(&full)
	f.Add(b.Bytes())
	d, err := NewDecoder(c.Types(), c.Root(), reflect.TypeFor[all](), time.UTC)
	if err != nil {
		f.Fatal(err)
	}
	none, err := NewDecoder(c.Types(), c.Root(), reflect.TypeFor[struct{ Other int }](), time.UTC)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		// What one program reads another one that has no such fields can pass over.
		a, b := d.NewReader(raw), none.NewReader(raw)
		for a.Len() > 0 {
			if a.Next(&all{}) != nil {
				return
			}
			if err := b.Next(&struct{ Other int }{}); err != nil || a.Len() != b.Len() {
				t.Fatalf("%d bytes left, passed over: %d and %v", a.Len(), b.Len(), err)
			}
		}
	})
}
