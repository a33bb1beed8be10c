package lab

import (
	"encoding/binary"
	"testing"
)

func TestDecodeQueued(t *testing.T) {
	id := append(binary.BigEndian.AppendUint32(nil, 7), 8, 0, 1) // packet_id, protocol, hook
	b := nfqAttribute(nfqHead(2, 50), nfqaPacketHdr, id...)
	b = nfqAttribute(b, nfqaPayload, 'a', 'b', 'c')
	b = b[:len(b)-1] // as the kernel sends it: the payload is not padded
	q, err := decodeQueued(b)
	if err != nil || q.queue != 50 || q.id != 7 || string(q.payload) != "abc" {
		t.Errorf("%+v, %v", q, err)
	}
	for n := range len(b) - 1 {
		if q, err := decodeQueued(b[:n]); err == nil && q.payload != nil {
			t.Errorf("the first %d bytes give %+v", n, q)
		}
	}
	if _, err := decodeQueued(nfqHead(2, 50)); err == nil {
		t.Error("a packet without an id")
	}
}

func FuzzDecodeQueued(f *testing.F) {
	f.Add(nfqAttribute(nfqHead(2, 50), nfqaPacketHdr, 0, 0, 0, 7, 8, 0, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		if q, err := decodeQueued(b); err == nil && len(q.payload) > len(b) {
			t.Error("a payload from nowhere")
		}
	})
}
