package kprog

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// NoWakeup is BPF_RB_NO_WAKEUP: an event is handed over without waking anybody.
const NoWakeup = 1

// Code is a program as it is written.
type Code struct{ List asm.Instructions }

// Emit appends instructions.
func (c *Code) Emit(i ...asm.Instruction) { c.List = append(c.List, i...) }

// Label names the next instruction.
func (c *Code) Label(name string) { c.Emit(asm.Mov.Reg(asm.R0, asm.R0).WithSymbol(name)) }

// At sets a register to a place on the stack, counted from the frame pointer.
func (c *Code) At(r asm.Register, fp int) {
	c.Emit(asm.Mov.Reg(r, asm.RFP), asm.Add.Imm(r, int32(fp)))
}

// Find looks a key on the stack up in a map: R0 is where its value is, 0 where it is not
// there.
func (c *Code) Find(m *ebpf.Map, fpKey int) {
	c.Emit(asm.LoadMapPtr(asm.R1, m.FD()))
	c.At(asm.R2, fpKey)
	c.Emit(asm.FnMapLookupElem.Call())
}

// Index is Find in an array, with a number for a key that it writes to the stack.
func (c *Code) Index(m *ebpf.Map, fpKey, n int) {
	c.Emit(asm.StoreImm(asm.RFP, int16(fpKey), int64(n), asm.Word))
	c.Find(m, fpKey)
}

// Put writes a value on the stack into a map.
func (c *Code) Put(m *ebpf.Map, fpKey, fpValue int, flags int32) {
	c.Emit(asm.LoadMapPtr(asm.R1, m.FD()))
	c.At(asm.R2, fpKey)
	c.At(asm.R3, fpValue)
	c.Emit(asm.Mov.Imm(asm.R4, flags), asm.FnMapUpdateElem.Call())
}

// Drop takes a key out of a map.
func (c *Code) Drop(m *ebpf.Map, fpKey int) {
	c.Emit(asm.LoadMapPtr(asm.R1, m.FD()))
	c.At(asm.R2, fpKey)
	c.Emit(asm.FnMapDeleteElem.Call())
}

// Bump adds one to a counter and leaves its value in R1; it needs a word on the stack, and a
// label of its own.
func (c *Code) Bump(stats *ebpf.Map, fpKey, stat int, label string) {
	c.Index(stats, fpKey, stat)
	c.Emit(asm.Mov.Imm(asm.R1, 0), asm.JEq.Imm(asm.R0, 0, label),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord), asm.Add.Imm(asm.R1, 1), asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord))
	c.Label(label)
}

// Bucket is a token bucket: the one number in the map is when the bucket would be full again,
// and it may not be further ahead of now, in R8, than the burst lasts. Two CPUs at once may
// take one token for two. It goes on where there is a token, else to held.
func (c *Code) Bucket(bucket *ebpf.Map, fpKey, rate, burst int, held string) {
	each := int64(1e9) / int64(rate)
	c.Index(bucket, fpKey, 0)
	c.Emit(
		asm.JEq.Imm(asm.R0, 0, held),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.JGE.Reg(asm.R1, asm.R8, held+" begun"),
		asm.Mov.Reg(asm.R1, asm.R8),
		asm.Mov.Reg(asm.R2, asm.R8).WithSymbol(held+" begun"),
		asm.LoadImm(asm.R3, each*int64(burst-1), asm.DWord), asm.Add.Reg(asm.R2, asm.R3),
		asm.JGT.Reg(asm.R1, asm.R2, held),
		asm.LoadImm(asm.R3, each, asm.DWord), asm.Add.Reg(asm.R1, asm.R3),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
	)
}

// Reserve takes room for an event of a size: R0 is where, and it goes to lost where there is
// none.
func (c *Code) Reserve(ring *Ring, size int, lost string) {
	c.Emit(asm.LoadMapPtr(asm.R1, ring.FD()), asm.Mov.Imm(asm.R2, int32(size)), asm.Mov.Imm(asm.R3, 0),
		asm.FnRingbufReserve.Call(), asm.JEq.Imm(asm.R0, 0, lost))
}

// Submit hands over the event in a register.
func (c *Code) Submit(r asm.Register) {
	c.Emit(asm.Mov.Reg(asm.R1, r), asm.Mov.Imm(asm.R2, NoWakeup), asm.FnRingbufSubmit.Call())
}
