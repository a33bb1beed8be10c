package between

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"nfscope/trace/kprog"
)

// A tap is a program on a tracer's socket. The kernel asks a socket's filter where the message
// is sent, which is where the packet stands, on its CPU: between two seats. So it is there
// that a message, which has no name for the packet, and the packet come together.
type tap struct {
	kprog.Code
	ring              *kprog.Ring // takes lines
	here, told, turns *ebpf.Map
}

// The attributes that taps look for.
const (
	attrSeq = 12 // NFULA_SEQ (linux/netfilter/nfnetlink_log.h)
	attrID  = 6  // NFTA_TRACE_ID (linux/netfilter/nf_tables.h)
)

// attributes is how many of a message are looked through.
const attributes = 24

// The tap's stack.
const (
	tapAttr  = -8  // an attribute's header, and its four bytes
	tapIndex = -16 // a map's key
	tapTurn  = -24 // u32
)

// find reads four bytes of an attribute of the message to the stack, or goes to out.
func (p *tap) find(attr int32) {
	load := func(n int32) {
		p.Emit(asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Reg(asm.R2, asm.R7))
		p.At(asm.R3, tapAttr)
		p.Emit(asm.Mov.Imm(asm.R4, n), asm.FnSkbLoadBytes.Call(), asm.JNE.Imm(asm.R0, 0, "out"))
	}
	p.Emit(asm.Mov.Reg(asm.R6, asm.R1), asm.Mov.Imm(asm.R7, 20)) // behind nlmsghdr and nfgenmsg
	for i := range attributes {
		next := fmt.Sprint("next ", i)
		load(4)
		p.Emit(asm.LoadMem(asm.R1, asm.RFP, tapAttr+2, asm.Half), asm.And.Imm(asm.R1, 0x3fff), asm.JEq.Imm(asm.R1, attr, "found"),
			asm.LoadMem(asm.R1, asm.RFP, tapAttr, asm.Half), asm.JLT.Imm(asm.R1, 4, "out"),
			asm.Add.Imm(asm.R1, 3), asm.And.Imm(asm.R1, 0xfffc), asm.Add.Reg(asm.R7, asm.R1))
		p.Label(next)
	}
	p.Emit(asm.Ja.Label("out"))
	p.Label("found")
	p.Emit(asm.Add.Imm(asm.R7, 4))
	load(4)
}

// lines tells which packet a legacy tracer's message is of.
func (p *tap) lines() asm.Instructions {
	p.find(attrSeq)
	p.Index(p.here, tapIndex, 0)
	p.Emit(asm.JEq.Imm(asm.R0, 0, "out"), asm.Mov.Reg(asm.R8, asm.R0),
		asm.LoadMem(asm.R9, asm.R8, hereFollow, asm.DWord), asm.JEq.Imm(asm.R9, 0, "out"),
		asm.FnGetCurrentTask.Call(), asm.LoadMem(asm.R1, asm.R8, hereTask, asm.DWord),
		asm.JNE.Reg(asm.R0, asm.R1, "out")) // somebody was interrupted between seat and rule
	p.Reserve(p.ring, lineSize, "out") // without a name the line is told all the same
	p.Emit(
		asm.StoreMem(asm.R0, lineFollow, asm.R9, asm.DWord),
		asm.LoadMem(asm.R1, asm.R8, hereSeat, asm.Word), asm.StoreMem(asm.R0, lineSeat, asm.R1, asm.Word),
		asm.LoadMem(asm.R1, asm.R8, hereID, asm.DWord), asm.StoreMem(asm.R0, lineID, asm.R1, asm.DWord),
		asm.LoadMem(asm.R1, asm.RFP, tapAttr, asm.Word), asm.StoreMem(asm.R0, lineSeq, asm.R1, asm.Word),
	)
	p.Submit(asm.R0)
	return p.done()
}

// ids counts the messages of nf_tables' tracer by id, and notes the last. An id is made of the
// sk_buff's address, so that packets have it one after the other, but never two at once.
func (p *tap) ids() asm.Instructions {
	p.find(attrID)
	p.Find(p.turns, tapAttr)
	p.Emit(asm.Mov.Imm(asm.R1, 1), asm.JEq.Imm(asm.R0, 0, "first"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.Word), asm.Add.Imm(asm.R1, 1), asm.StoreMem(asm.R0, 0, asm.R1, asm.Word),
		asm.StoreMem(asm.RFP, tapTurn, asm.R1, asm.Word), asm.Ja.Label("counted"))
	p.Emit(asm.StoreMem(asm.RFP, tapTurn, asm.R1, asm.Word).WithSymbol("first"))
	p.Put(p.turns, tapAttr, tapTurn, 0)
	p.Emit(asm.JEq.Imm(asm.R0, 0, "counted"),
		asm.StoreImm(asm.RFP, tapTurn, 0, asm.Word)) // there are more than are counted
	p.Label("counted")
	p.Index(p.told, tapIndex, 0)
	p.Emit(asm.JEq.Imm(asm.R0, 0, "out"), asm.Mov.Reg(asm.R8, asm.R0),
		asm.LoadMem(asm.R1, asm.RFP, tapAttr, asm.Word), asm.StoreMem(asm.R8, toldID, asm.R1, asm.Word),
		asm.LoadMem(asm.R1, asm.RFP, tapTurn, asm.Word), asm.StoreMem(asm.R8, toldID+4, asm.R1, asm.Word),
		asm.FnGetCurrentTask.Call(), asm.StoreMem(asm.R8, toldTask, asm.R0, asm.DWord))
	return p.done()
}

// done lets the message on, whole.
func (p *tap) done() asm.Instructions {
	p.Emit(asm.Mov.Imm32(asm.R0, -1).WithSymbol("out"), asm.Return())
	return p.List
}
