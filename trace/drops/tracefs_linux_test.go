package drops

import (
	"errors"
	"maps"
	"testing"

	"nfscope/trace/nettest"
)

// TestUnmounted: the tracepoint's number and format are the same where tracefs is mounted nowhere.
func TestUnmounted(t *testing.T) {
	nettest.Kernel(t)
	dir := tracefs(t)
	want, format, err := findTracepoint(dir)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := tracepointID(dir); err != nil || id != want {
		t.Errorf("%d, want %d, %v", id, want, err)
	}
	number := uint64(0)
	if err := unmounted(func(at string) (err error) { number, err = numberAt(at); return err }); err != nil || number != want {
		t.Errorf("%d, want %d, %v", number, want, err)
	}
	p, err := openPerf("", 1) // where it is mounted, or not
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.f.place != format.place || p.f.reason != format.reason || !maps.Equal(p.f.reasons, format.reasons) {
		t.Errorf("%+v, want %+v", p.f, format)
	}
	if _, err := tracepointID(t.TempDir()); !errors.Is(err, errNoTracefs) {
		t.Error(err)
	}
}
