package journey

import (
	"testing"

	"nfscope/model"
)

// TestBatch: what is copied into a batch is its own, what is taken back leaves nothing,
// and a batch that is filled again asks for no memory.
func TestBatch(t *testing.T) {
	p := &model.Packet{SPort: 7}
	e := Event{Source: SourceNFT, Packet: p, CT: &CT{ID: 5}, Table: "fw"}
	b := NewBatch(3)
	b.Add(&e)
	p.SPort, e.CT.ID = 8, 6
	if got := b.Events()[0]; got.Packet.SPort != 7 || got.CT.ID != 5 || got.Table != "fw" {
		t.Errorf("it changed with what was copied: %+v %+v", got.Packet, got.CT)
	}
	b.Next().Source = SourceLegacy
	b.Packet().SPort = 9
	b.CT(CT{ID: 1})
	b.Undo()
	if n := b.Next(); n.Source != 0 || n.Packet != nil || n.CT != nil || b.Full() {
		t.Errorf("what is filled next: %+v", n)
	}
	*b.Packet() = model.Packet{SPort: 10}
	b.Add(&Event{Source: SourceGap})
	if l := b.Events(); !b.Full() || len(l) != 3 || l[0].Packet.SPort != 7 || l[1].Packet.SPort != 10 || l[2].Packet != nil {
		t.Errorf("%+v", l)
	}
	kept := b.Events()[0].Clone()
	if n := testing.AllocsPerRun(100, func() {
		b.Reset()
		for !b.Full() {
			b.Add(&e)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if kept.Packet.SPort != 7 || kept.CT.ID != 5 {
		t.Errorf("a clone changed: %+v", kept)
	}
}
