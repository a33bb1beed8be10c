package conntrack

import "testing"

// TestMeanwhile: while the kernel looks for more of a table, events are read; and what is
// there is taken first.
func TestMeanwhile(t *testing.T) {
	t.Parallel()
	p := &pump{full: make(chan pumped, 1)}
	read := 0
	got := p.next(func() {
		if read++; read == 2 {
			p.full <- pumped{n: 7}
		}
	})
	if got.n != 7 || read != 2 {
		t.Errorf("%d bytes, read %d times", got.n, read)
	}
	p.full <- pumped{n: 8}
	if got := p.next(func() { t.Error("it waits for what is there") }); got.n != 8 {
		t.Errorf("%d bytes", got.n)
	}
}
