package flow

import (
	"testing"
	"unsafe"
)

// TestSlotFits: a chunk is whole pages of 8 KB, which Go rounds up to; a flow takes 144 bytes.
func TestSlotFits(t *testing.T) {
	t.Parallel()
	if n := unsafe.Sizeof(slot{}); n != 144 {
		t.Errorf("a slot takes %d bytes", n)
	}
	if n := unsafe.Sizeof([chunkSize]slot{}); n%8192 != 0 {
		t.Errorf("a chunk is %d bytes: %d of its last page stay empty", n, 8192-n%8192)
	}
}
