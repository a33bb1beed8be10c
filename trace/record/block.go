package record

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"nfscope/model/feed"
	"nfscope/trace/record/wire"
)

// A block is a head of headSize bytes and what the head says, compressed. It can be
// read without those before it.
//
//	 0  magic
//	 4  kind: 1 items, 2 the End as JSON
//	 8  bytes of what follows, compressed
//	12  bytes uncompressed
//	16  items
//	20  time of the oldest item, Unix nanoseconds, and of the newest
//	36  CRC-32C of what follows
//	40  CRC-32C of the 40 bytes before
const headSize = 44

var magic = [4]byte{0xf7, 'n', 'f', 's'}

const (
	kindItems = 1
	kindEnd   = 2
)

// blockLimit is how many bytes a block may have, uncompressed: a ruleset of 100,000
// rules has 15 MB. It keeps a hostile file out of memory.
const blockLimit = 64 << 20

// head is a block's head.
type head struct {
	kind        uint8
	stored, raw uint32
	items       uint32
	first, last int64
	sum         uint32
}

func crc(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func (h *head) append(b []byte) []byte {
	start := len(b)
	b = append(b, magic[:]...)
	b = append(b, h.kind, 0, 0, 0)
	for _, n := range []uint32{h.stored, h.raw, h.items} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(h.first))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.last))
	b = binary.LittleEndian.AppendUint32(b, h.sum)
	return binary.LittleEndian.AppendUint32(b, crc(b[start:]))
}

// parseHead reads a head, and reports whether it is one.
func parseHead(b []byte) (h head, ok bool) {
	if len(b) < headSize || !bytes.Equal(b[:4], magic[:]) || binary.LittleEndian.Uint32(b[40:]) != crc(b[:40]) {
		return h, false
	}
	u := binary.LittleEndian.Uint32
	h = head{kind: b[4], stored: u(b[8:]), raw: u(b[12:]), items: u(b[16:]), first: int64(binary.LittleEndian.Uint64(b[20:])),
		last: int64(binary.LittleEndian.Uint64(b[28:])), sum: u(b[36:])}
	return h, h.raw <= blockLimit && h.stored <= blockLimit+blockLimit/64
}

// itemLimit is how many items a block may have: each has a byte at least, and a block that
// has blockSize of them is written. One of 3 MB, unpacked, would say a hundred million.
const itemLimit = blockSize

// errBlock says that a block's bytes are not those that were written, errMany that there
// are more items in it than are ever put.
var (
	errBlock = errors.New("bytes were changed")
	errMany  = fmt.Errorf("more than the %d items a block may have", itemLimit)
)

// unpack gives a block's bytes, as many as there are: behind a cut, fewer than its head
// says, with ErrCut.
func (h *head) unpack(stored []byte) ([]byte, error) {
	whole := len(stored) == int(h.stored)
	if whole && crc(stored) != h.sum {
		return nil, errBlock
	}
	// A head may lie about the size: what comes decides.
	var b bytes.Buffer
	_, err := io.Copy(&b, io.LimitReader(flate.NewReader(bytes.NewReader(stored)), int64(h.raw)+1))
	switch {
	case !whole:
		return b.Bytes()[:min(b.Len(), int(h.raw))], ErrCut
	case err != nil || b.Len() != int(h.raw):
		return nil, errBlock
	}
	return b.Bytes(), nil
}

// items reads a block's items. The error is ErrCut where they end early.
func (h *head) decode(d *wire.Decoder, stored []byte) ([]feed.Item, error) {
	raw, cut := h.unpack(stored)
	if cut != nil && !errors.Is(cut, ErrCut) {
		return nil, cut
	}
	// The number is the head's word; each item has a byte at least.
	list := make([]feed.Item, 0, min(int(h.items), len(raw), itemLimit))
	for r := d.NewReader(raw); r.Len() > 0; {
		if len(list) == itemLimit {
			return list, errMany
		}
		var it feed.Item
		if err := r.Next(&it); err != nil {
			if cut != nil && errors.Is(err, wire.ErrShort) {
				return list, cut
			}
			return list, fmt.Errorf("an item that cannot be read: %w", err)
		}
		if err := settle(&it); err != nil {
			return list, fmt.Errorf("an item that cannot be: %w", err)
		}
		list = append(list, it)
	}
	return list, cut
}

// span notes an item's time.
func (h *head) span(t time.Time) {
	if t.IsZero() {
		return
	}
	ns := t.UnixNano()
	if h.first == 0 || ns < h.first {
		h.first = ns
	}
	h.last = max(h.last, ns)
}
