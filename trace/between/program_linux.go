package between

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"nfscope/trace/kbtf"
)

// layout tells where the running kernel keeps what the programs read.
type layout struct {
	trace                           int // the byte of skb->nf_trace
	traceBit                        uint
	head, tail, network, mark, conn int // of sk_buff
	stateIn, stateOut, ifindex      int
	ctxState, ctxSkb                int
}

func readLayout() (*layout, error) {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, fmt.Errorf("read the kernel's BTF (/sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF): %w", err)
	}
	f := kbtf.Finder{Spec: spec}
	l := &layout{
		head: f.At("sk_buff", "head"), tail: f.At("sk_buff", "tail"), network: f.At("sk_buff", "network_header"),
		mark: f.At("sk_buff", "mark"), conn: f.Optional("sk_buff", "_nfct"),
		stateIn: f.At("nf_hook_state", "in"), stateOut: f.At("nf_hook_state", "out"), ifindex: f.At("net_device", "ifindex"),
		ctxState: f.At("bpf_nf_ctx", "state"), ctxSkb: f.At("bpf_nf_ctx", "skb"),
	}
	l.trace, l.traceBit = f.Bits("sk_buff", "nf_trace")
	return l, f.Err
}

// What is on a program's stack, from its frame pointer.
const (
	fpKey   = -8  // a map's key
	fpValue = -16 // a map's value
)

// The counters of the map stats, each per CPU.
const (
	statTold = iota // sights handed over
	statHeld        // packets that the bucket held back
	statLost        // sights that found no room in the buffer
	stats
)

// program is one seat's.
type program struct {
	l                            *layout
	seat                         uint32
	first, last                  bool
	each, burst                  int64 // of the bucket: ns for a packet, and how many at once
	ring, bucket, stats, follows *ebpf.Map
	code                         asm.Instructions
}

func (p *program) emit(i ...asm.Instruction) { p.code = append(p.code, i...) }

// at sets a register to a place on the stack.
func (p *program) at(r asm.Register, fp int32) {
	p.emit(asm.Mov.Reg(r, asm.RFP), asm.Add.Imm(r, fp))
}

// bump adds one to a counter.
func (p *program) bump(stat int64, label string) {
	p.emit(asm.StoreImm(asm.RFP, fpValue, stat, asm.Word), asm.LoadMapPtr(asm.R1, p.stats.FD()))
	p.at(asm.R2, fpValue)
	p.emit(asm.FnMapLookupElem.Call(), asm.JEq.Imm(asm.R0, 0, label),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord), asm.Add.Imm(asm.R1, 1), asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
		asm.Mov.Reg(asm.R0, asm.R0).WithSymbol(label))
}

// assemble writes the program. R6 is the context, R7 the sk_buff, R8 the time and then the
// event, R9 is free for a while.
func (p *program) assemble() asm.Instructions {
	l := p.l
	p.emit(
		asm.LoadMem(asm.R7, asm.R1, int16(l.ctxSkb), asm.DWord),
		asm.LoadMem(asm.R2, asm.R7, int16(l.trace), asm.Byte),
		asm.And.Imm(asm.R2, 1<<l.traceBit),
		asm.JEq.Imm(asm.R2, 0, "out"), // of most packets this is all
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.StoreMem(asm.RFP, fpKey, asm.R7, asm.DWord),
		asm.FnKtimeGetNs.Call(), asm.Mov.Reg(asm.R8, asm.R0),
	)
	if p.first {
		p.admit()
	} else {
		p.emit(asm.LoadMapPtr(asm.R1, p.follows.FD()))
		p.at(asm.R2, fpKey)
		p.emit(asm.FnMapLookupElem.Call(), asm.JEq.Imm(asm.R0, 0, "out"))
	}
	p.event()
	if p.last { // whoever gets its sk_buff next is another packet
		p.emit(asm.LoadMapPtr(asm.R1, p.follows.FD()))
		p.at(asm.R2, fpKey)
		p.emit(asm.FnMapDeleteElem.Call())
	}
	p.emit(asm.Mov.Imm(asm.R0, 1).WithSymbol("out"), asm.Return()) // NF_ACCEPT
	return p.code
}

// admit is a token bucket over packets, as in trace/drops: a packet is followed from its
// first seat to its last, or not at all.
func (p *program) admit() {
	p.emit(asm.StoreImm(asm.RFP, fpValue, 0, asm.Word), asm.LoadMapPtr(asm.R1, p.bucket.FD()))
	p.at(asm.R2, fpValue)
	p.emit(
		asm.FnMapLookupElem.Call(), asm.JEq.Imm(asm.R0, 0, "out"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.JGE.Reg(asm.R1, asm.R8, "begun"),
		asm.Mov.Reg(asm.R1, asm.R8),
		asm.Mov.Reg(asm.R2, asm.R8).WithSymbol("begun"),
		asm.LoadImm(asm.R3, p.each*(p.burst-1), asm.DWord), asm.Add.Reg(asm.R2, asm.R3),
		asm.JGT.Reg(asm.R1, asm.R2, "held"),
		asm.LoadImm(asm.R3, p.each, asm.DWord), asm.Add.Reg(asm.R1, asm.R3),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
		asm.StoreMem(asm.RFP, fpValue, asm.R8, asm.DWord),
		asm.LoadMapPtr(asm.R1, p.follows.FD()),
	)
	p.at(asm.R2, fpKey)
	p.at(asm.R3, fpValue)
	p.emit(asm.Mov.Imm(asm.R4, 0), asm.FnMapUpdateElem.Call(), asm.Ja.Label("followed"),
		asm.LoadMapPtr(asm.R1, p.follows.FD()).WithSymbol("held"))
	p.at(asm.R2, fpKey)
	p.emit(asm.FnMapDeleteElem.Call())
	p.bump(statHeld, "held2")
	p.emit(asm.Ja.Label("out"), asm.Mov.Reg(asm.R0, asm.R0).WithSymbol("followed"))
}

// event tells of the packet, without waking anybody.
func (p *program) event() {
	l := p.l
	p.emit(
		asm.LoadMapPtr(asm.R1, p.ring.FD()), asm.Mov.Imm(asm.R2, evSize), asm.Mov.Imm(asm.R3, 0),
		asm.FnRingbufReserve.Call(), asm.JEq.Imm(asm.R0, 0, "lost"),
		asm.StoreMem(asm.R0, evTime, asm.R8, asm.DWord),
		asm.Mov.Reg(asm.R8, asm.R0),
		asm.LoadMem(asm.R1, asm.RFP, fpKey, asm.DWord), asm.StoreMem(asm.R8, evSkb, asm.R1, asm.DWord),
		asm.StoreImm(asm.R8, evSeat, int64(p.seat), asm.Word),
		asm.StoreImm(asm.R8, evHeaders, 0, asm.Word),
		asm.FnGetSmpProcessorId.Call(), asm.StoreMem(asm.R8, evCPU, asm.R0, asm.Word),
		asm.LoadMem(asm.R1, asm.R7, int16(l.mark), asm.Word), asm.StoreMem(asm.R8, evMark, asm.R1, asm.Word),
		asm.Mov.Imm(asm.R1, 0), asm.StoreMem(asm.R8, evConn, asm.R1, asm.DWord),
	)
	if l.conn >= 0 {
		p.emit(asm.LoadMem(asm.R1, asm.R7, int16(l.conn), asm.DWord), asm.StoreMem(asm.R8, evConn, asm.R1, asm.DWord))
	}
	for _, d := range []struct{ member, to int }{{l.stateIn, evIn}, {l.stateOut, evOut}} {
		p.emit(
			asm.LoadMem(asm.R1, asm.R6, int16(l.ctxState), asm.DWord),
			asm.LoadMem(asm.R1, asm.R1, int16(d.member), asm.DWord),
			asm.Mov.Imm(asm.R2, 0),
			asm.JEq.Imm(asm.R1, 0, fmt.Sprint("none", d.to)),
			asm.LoadMem(asm.R2, asm.R1, int16(l.ifindex), asm.Word),
			asm.StoreMem(asm.R8, int16(d.to), asm.R2, asm.Word).WithSymbol(fmt.Sprint("none", d.to)),
		)
	}
	p.emit( // the headers, as far as they lie in one piece
		asm.LoadMem(asm.R2, asm.R7, int16(l.tail), asm.Word),
		asm.LoadMem(asm.R9, asm.R7, int16(l.network), asm.Half),
		asm.JGE.Reg(asm.R9, asm.R2, "submit"),
		asm.Sub.Reg(asm.R2, asm.R9),
		asm.JLE.Imm(asm.R2, packetBytes, "fits"),
		asm.Mov.Imm(asm.R2, packetBytes),
		asm.JLT.Imm(asm.R2, 1, "submit").WithSymbol("fits"),
		asm.StoreMem(asm.R8, evHeaders, asm.R2, asm.Word),
		asm.LoadMem(asm.R3, asm.R7, int16(l.head), asm.DWord), asm.Add.Reg(asm.R3, asm.R9),
		asm.Mov.Reg(asm.R1, asm.R8), asm.Add.Imm(asm.R1, evPacket),
		asm.FnProbeReadKernel.Call(),
		asm.JEq.Imm(asm.R0, 0, "submit"),
		asm.StoreImm(asm.R8, evHeaders, 0, asm.Word),
		asm.Mov.Reg(asm.R1, asm.R8).WithSymbol("submit"), asm.Mov.Imm(asm.R2, 1), // BPF_RB_NO_WAKEUP
		asm.FnRingbufSubmit.Call(),
	)
	p.bump(statTold, "told2")
	p.emit(asm.Ja.Label("done"), asm.Mov.Reg(asm.R0, asm.R0).WithSymbol("lost"))
	p.bump(statLost, "lost2")
	p.emit(asm.Mov.Imm(asm.R0, 0).WithSymbol("done"))
}
