package between

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"nfscope/model/filter"
	"nfscope/trace/kbtf"
	"nfscope/trace/kprog"
)

// layout tells where the running kernel keeps what the programs read.
type layout struct {
	trace                           int // the byte of skb->nf_trace
	traceBit                        uint
	head, tail, network, mark, conn int // of sk_buff
	stateIn, stateOut               int
	ifindex, ifname                 int
	ctxState, ctxSkb                int
}

func readLayout() (*layout, error) {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, fmt.Errorf("read the kernel's BTF (/sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF): %w", err)
	}
	return layoutOf(spec)
}

func layoutOf(spec *btf.Spec) (*layout, error) {
	if _, err := spec.AnyTypeByName("bpf_nf_ctx"); err != nil { // what they are handed
		return nil, errors.New("this kernel has no netfilter programs (BPF_PROG_TYPE_NETFILTER; Linux 6.4 has, built with CONFIG_NETFILTER_BPF_LINK)")
	}
	f := kbtf.Finder{Spec: spec}
	l := &layout{
		head: f.At("sk_buff", "head"), tail: f.At("sk_buff", "tail"), network: f.At("sk_buff", "network_header"),
		mark: f.At("sk_buff", "mark"), conn: f.Optional("sk_buff", "_nfct"),
		stateIn: f.At("nf_hook_state", "in"), stateOut: f.At("nf_hook_state", "out"),
		ifindex: f.At("net_device", "ifindex"), ifname: f.At("net_device", "name"),
		ctxState: f.At("bpf_nf_ctx", "state"), ctxSkb: f.At("bpf_nf_ctx", "skb"),
	}
	l.trace, l.traceBit = f.Bits("sk_buff", "nf_trace")
	return l, f.Err
}

// What is on a program's stack, from its frame pointer.
const (
	fpKey    = -8   // a map's key: the sk_buff
	fpIndex  = -16  // another's
	fpFollow = -152 // a follow
	fpHead   = -96  // the IP header, 40 bytes
	fpPorts  = -20  // both ports
	fpProto  = -24  // u32, the protocol
	fpTold   = -28  // u32, 1 where fpPorts are there
	fpNew    = -32  // u32, the packet is followed from here
	fpID     = -40  // u64: nf_tables' id, and the turn
	fpName   = -56  // a device's name
	fpExt    = -112 // u64, of an extension header
)

// A follow is what is known of a followed packet, the value of its sk_buff in a map.
const (
	followNumber = 0  // u64, which packet it is
	followTime   = 8  // u64, when it was seen last
	followLook   = 16 // u64, of its header what stays the same
	followSpace  = 24 // u32, the namespace it was seen in last
	followSent   = 28 // u32, 1 once it was seen where packets are sent
	followID     = 32 // u64: nf_tables' id, 0 where it told none, and the turn
	followSize   = 40
)

// A here is which packet is between two seats on a CPU, for who is asked there: what the
// task is, and the packet's number, 0 for none that is followed.
const (
	hereTask   = 0  // u64
	hereFollow = 8  // u64
	hereSeat   = 16 // u32
	hereID     = 24 // u64: nf_tables' id, and the turn
	hereSize   = 32
)

// A told is what nf_tables' tracer told of last on a CPU.
const (
	toldTask = 0 // u64
	toldID   = 8 // u64: its id, and which message of that id it was, the turn
	toldSize = 16
)

// mostIDs is how many of nf_tables' ids are counted.
const mostIDs = 1 << 14

// loopback is the first device of every namespace.
const loopback = 1

// onward is how long after it was sent a packet may come into another namespace.
const onward = 1_000_000_000

// The counters.
const (
	statTold = iota // sights handed over
	statHeld        // packets that the bucket held back
	statLost        // events that found no room in the buffer
	statNew         // packets that were followed
	stats
)

// program is one seat's.
type program struct {
	kprog.Code
	l           *layout
	kit         *kprog.Kit
	rate, burst int
	// follows are packets by sk_buff; here and told are the CPU's.
	follows, here, told *ebpf.Map
	turns               *ebpf.Map // messages by nf_tables' id

	seat, space uint32
	// first is true where packets are seen first, sends where they are seen last before they
	// are sent, ends where they are seen last before they are delivered.
	first, sends, ends bool
	// marked: the trace's bit says which packets are followed. Else chosen do, where list
	// is what this seat asks; of another namespace of a marked trace neither does, and only
	// what comes from ours is followed.
	marked bool
	list   []filter.Conjunct
	// onward: what is sent may come in another namespace.
	onward bool
}

// assemble writes the program. R6 is the context, R7 the sk_buff, R8 the time and then the
// event, R9 is free for a while.
func (p *program) assemble() asm.Instructions {
	l := p.l
	p.Emit(asm.LoadMem(asm.R7, asm.R1, int16(l.ctxSkb), asm.DWord), asm.Mov.Reg(asm.R6, asm.R1))
	if p.marked {
		p.Emit(
			asm.LoadMem(asm.R2, asm.R7, int16(l.trace), asm.Byte),
			asm.And.Imm(asm.R2, 1<<l.traceBit),
			asm.JEq.Imm(asm.R2, 0, "out"), // of most packets this is all
		)
	}
	p.Emit(
		asm.StoreMem(asm.RFP, fpKey, asm.R7, asm.DWord),
		asm.StoreImm(asm.RFP, fpNew, 0, asm.Word), asm.Mov.Imm(asm.R1, 0), asm.StoreMem(asm.RFP, fpID, asm.R1, asm.DWord),
	)
	if p.marked {
		p.Emit(asm.FnKtimeGetNs.Call(), asm.Mov.Reg(asm.R8, asm.R0))
		p.listen()
	}
	p.known()
	p.leave()
	p.event()
	if p.marked {
		p.Emit(asm.Ja.Label("out"))
		p.Label("unknown")
		p.Emit(asm.Mov.Imm(asm.R9, 0))
		p.enter("nobody")
	} else {
		p.Label("unknown")
	}
	p.Emit(asm.Mov.Imm(asm.R0, 1).WithSymbol("out"), asm.Return()) // NF_ACCEPT
	return p.List
}

// leave lets go of a packet that nothing will be seen of any more: whoever gets its sk_buff next
// is another. What is sent is kept where it may come in, over loopback or elsewhere.
func (p *program) leave() {
	switch {
	case p.sends && !p.onward && !p.marked: // a marked one is another at the next first seat
		p.Emit(
			asm.LoadMem(asm.R1, asm.R6, int16(p.l.ctxState), asm.DWord), asm.LoadMem(asm.R1, asm.R1, int16(p.l.stateOut), asm.DWord),
			asm.JEq.Imm(asm.R1, 0, "left"),
			asm.LoadMem(asm.R1, asm.R1, int16(p.l.ifindex), asm.Word), asm.JEq.Imm(asm.R1, loopback, "kept"),
		)
		p.Label("left")
	case !p.ends && (!p.sends || p.onward):
		return
	}
	p.Drop(p.follows, fpKey)
	p.Label("kept")
}

// known goes on where the packet is followed, with the time in R8 and its number in R9; else
// to unknown.
func (p *program) known() {
	p.Find(p.follows, fpKey)
	if !p.first {
		p.Emit(asm.JEq.Imm(asm.R0, 0, "fresh"))
		p.time()
		p.seen()
		p.Emit(asm.Ja.Label("followed"))
		p.Label("fresh")
		if p.marked || p.list == nil {
			p.Emit(asm.Ja.Label("unknown"))
		} else {
			p.admit()
		}
		p.Label("followed")
		return
	}
	if !p.marked {
		p.Emit(asm.JEq.Imm(asm.R0, 0, "fresh"))
		p.comes()
		p.Label("gone")
		p.Drop(p.follows, fpKey) // its sk_buff is another's now
		p.Label("fresh")
	}
	if p.marked || p.list != nil {
		p.admit()
	} else {
		p.Emit(asm.Ja.Label("unknown"))
	}
	p.Label("followed")
}

// time reads the clock, keeping R0.
func (p *program) time() {
	if p.marked {
		return // read before
	}
	p.Emit(asm.Mov.Reg(asm.R9, asm.R0), asm.FnKtimeGetNs.Call(), asm.Mov.Reg(asm.R8, asm.R0), asm.Mov.Reg(asm.R0, asm.R9))
}

// seen notes in the follow at R0 that its packet is here; R9 is its number then.
func (p *program) seen() {
	p.Emit(asm.StoreMem(asm.R0, followTime, asm.R8, asm.DWord), asm.StoreImm(asm.R0, followSpace, int64(p.space), asm.Word))
	if p.sends {
		p.Emit(asm.StoreImm(asm.R0, followSent, 1, asm.Word))
	}
	p.Emit(asm.LoadMem(asm.R1, asm.R0, followID, asm.DWord), asm.StoreMem(asm.RFP, fpID, asm.R1, asm.DWord),
		asm.LoadMem(asm.R9, asm.R0, followNumber, asm.DWord))
}

// comes goes to followed where the sk_buff at a first seat, of which there is a follow at R0,
// is still the same packet's: sent a moment ago, in another namespace or over loopback, with
// the same look. Else it goes to gone.
func (p *program) comes() {
	p.time()
	p.Emit(
		asm.Mov.Reg(asm.R9, asm.R0),
		asm.LoadMem(asm.R1, asm.R9, followSent, asm.Word), asm.JEq.Imm(asm.R1, 0, "gone"),
		asm.LoadMem(asm.R1, asm.R9, followTime, asm.DWord), asm.LoadImm(asm.R2, onward, asm.DWord), asm.Add.Reg(asm.R1, asm.R2),
		asm.JGT.Reg(asm.R8, asm.R1, "gone"),
		asm.LoadMem(asm.R1, asm.R9, followSpace, asm.Word), asm.JNE.Imm(asm.R1, int32(p.space), "elsewhere"),
		asm.LoadMem(asm.R1, asm.R6, int16(p.l.ctxState), asm.DWord), asm.LoadMem(asm.R1, asm.R1, int16(p.l.stateIn), asm.DWord),
		asm.JEq.Imm(asm.R1, 0, "gone"),
		asm.LoadMem(asm.R1, asm.R1, int16(p.l.ifindex), asm.Word),
		asm.JNE.Imm(asm.R1, loopback, "gone"),
	)
	p.Label("elsewhere")
	p.header("gone", "come")
	p.look("come")
	p.Emit(
		asm.LoadMem(asm.R1, asm.R9, followLook, asm.DWord), asm.LoadMem(asm.R2, asm.RFP, fpFollow+followLook, asm.DWord),
		asm.JNE.Reg(asm.R1, asm.R2, "gone"),
		asm.StoreImm(asm.R9, followSent, 0, asm.Word), asm.StoreMem(asm.R9, followTime, asm.R8, asm.DWord),
		asm.StoreImm(asm.R9, followSpace, int64(p.space), asm.Word),
		asm.LoadMem(asm.R9, asm.R9, followNumber, asm.DWord),
		asm.Ja.Label("followed"),
	)
}

// admit begins to follow the packet, or goes to unknown: it is not chosen, or the bucket holds
// it back. A packet is followed from its first seat to its last, or not at all.
func (p *program) admit() {
	p.header("unknown", "new")
	if !p.marked {
		p.choose()
		p.Emit(asm.FnKtimeGetNs.Call(), asm.Mov.Reg(asm.R8, asm.R0))
	}
	p.look("new")
	p.Bucket(p.kit.Bucket, fpIndex, p.rate, p.burst, "held")
	p.Bump(p.kit.Stats, fpIndex, statNew, "counted")
	p.Emit( // the CPU's own count, and the CPU: no other packet has it
		asm.Mov.Reg(asm.R9, asm.R1), asm.LSh.Imm(asm.R9, 12),
		asm.FnGetSmpProcessorId.Call(), asm.And.Imm(asm.R0, 4095), asm.Or.Reg(asm.R9, asm.R0),
		asm.StoreMem(asm.RFP, fpFollow+followNumber, asm.R9, asm.DWord),
		asm.StoreMem(asm.RFP, fpFollow+followTime, asm.R8, asm.DWord),
		asm.StoreImm(asm.RFP, fpFollow+followSpace, int64(p.space), asm.Word),
		asm.StoreImm(asm.RFP, fpFollow+followSent, boolean(p.sends), asm.Word),
		asm.StoreImm(asm.RFP, fpNew, 1, asm.Word),
		asm.LoadMem(asm.R1, asm.RFP, fpID, asm.DWord), asm.StoreMem(asm.RFP, fpFollow+followID, asm.R1, asm.DWord),
	)
	p.Put(p.follows, fpKey, fpFollow, 0)
	p.Emit(asm.Ja.Label("followed"))
	p.Label("held")
	p.Drop(p.follows, fpKey)
	p.Bump(p.kit.Stats, fpIndex, statHeld, "held2")
	p.Emit(asm.Ja.Label("unknown"))
}

func boolean(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// enter says to the taps on this CPU which packet, by the number in R9, is behind this seat.
// R0 to R5 are lost.
func (p *program) enter(label string) {
	p.Index(p.here, fpIndex, 0)
	p.Emit(asm.JEq.Imm(asm.R0, 0, label),
		asm.StoreMem(asm.R0, hereFollow, asm.R9, asm.DWord), asm.StoreImm(asm.R0, hereSeat, int64(p.seat), asm.Word),
		asm.LoadMem(asm.R1, asm.RFP, fpID, asm.DWord), asm.StoreMem(asm.R0, hereID, asm.R1, asm.DWord),
		asm.Mov.Reg(asm.R9, asm.R0),
		asm.FnGetCurrentTask.Call(), asm.StoreMem(asm.R9, hereTask, asm.R0, asm.DWord))
	p.Label(label)
}

// listen takes from nf_tables' tap which packet was told of last on this CPU: at a first seat
// it is this one, since the chain that arms stands right before. What is taken is gone.
func (p *program) listen() {
	p.Index(p.told, fpIndex, 0)
	p.Emit(asm.JEq.Imm(asm.R0, 0, "silent"), asm.Mov.Reg(asm.R9, asm.R0))
	if p.first {
		p.Emit(asm.FnGetCurrentTask.Call(),
			asm.LoadMem(asm.R1, asm.R9, toldTask, asm.DWord), asm.JNE.Reg(asm.R0, asm.R1, "another"),
			asm.LoadMem(asm.R1, asm.R9, toldID, asm.DWord), asm.StoreMem(asm.RFP, fpID, asm.R1, asm.DWord))
		p.Label("another")
	}
	p.Emit(asm.Mov.Imm(asm.R1, 0), asm.StoreMem(asm.R9, toldID, asm.R1, asm.DWord))
	p.Label("silent")
}

// event tells of the packet, whose number is in R9, without waking anybody.
func (p *program) event() {
	l := p.l
	p.Emit(asm.StoreMem(asm.RFP, fpFollow+followNumber, asm.R9, asm.DWord))
	if p.marked {
		p.enter("entered")
	}
	p.Reserve(p.kit.Ring, evSize, "lost")
	p.Emit(
		asm.StoreMem(asm.R0, evTime, asm.R8, asm.DWord),
		asm.Mov.Reg(asm.R8, asm.R0),
		asm.LoadMem(asm.R1, asm.RFP, fpKey, asm.DWord), asm.StoreMem(asm.R8, evSkb, asm.R1, asm.DWord),
		asm.LoadMem(asm.R1, asm.RFP, fpFollow+followNumber, asm.DWord), asm.StoreMem(asm.R8, evFollow, asm.R1, asm.DWord),
		asm.LoadMem(asm.R1, asm.RFP, fpNew, asm.Word), asm.StoreMem(asm.R8, evNew, asm.R1, asm.Word),
		asm.LoadMem(asm.R1, asm.RFP, fpID, asm.DWord), asm.StoreMem(asm.R8, evID, asm.R1, asm.DWord),
		asm.StoreImm(asm.R8, evSeat, int64(p.seat), asm.Word),
		asm.StoreImm(asm.R8, evHeaders, 0, asm.Word),
		asm.FnGetSmpProcessorId.Call(), asm.StoreMem(asm.R8, evCPU, asm.R0, asm.Word),
		asm.LoadMem(asm.R1, asm.R7, int16(l.mark), asm.Word), asm.StoreMem(asm.R8, evMark, asm.R1, asm.Word),
		asm.Mov.Imm(asm.R1, 0), asm.StoreMem(asm.R8, evConn, asm.R1, asm.DWord),
	)
	if l.conn >= 0 {
		p.Emit(asm.LoadMem(asm.R1, asm.R7, int16(l.conn), asm.DWord), asm.StoreMem(asm.R8, evConn, asm.R1, asm.DWord))
	}
	for _, d := range []struct{ member, to int }{{l.stateIn, evIn}, {l.stateOut, evOut}} {
		p.Emit(
			asm.LoadMem(asm.R1, asm.R6, int16(l.ctxState), asm.DWord),
			asm.LoadMem(asm.R1, asm.R1, int16(d.member), asm.DWord),
			asm.Mov.Imm(asm.R2, 0),
			asm.JEq.Imm(asm.R1, 0, fmt.Sprint("none", d.to)),
			asm.LoadMem(asm.R2, asm.R1, int16(l.ifindex), asm.Word),
			asm.StoreMem(asm.R8, int16(d.to), asm.R2, asm.Word).WithSymbol(fmt.Sprint("none", d.to)),
		)
	}
	p.Emit( // the headers, as far as they lie in one piece
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
	)
	p.Label("submit")
	p.Submit(asm.R8)
	p.Bump(p.kit.Stats, fpIndex, statTold, "told2")
	p.Emit(asm.Ja.Label("done"))
	p.Label("lost")
	p.Bump(p.kit.Stats, fpIndex, statLost, "lost2")
	p.Label("done")
}
