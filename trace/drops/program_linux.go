package drops

import (
	"encoding/binary"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"nfscope/trace/kprog"
)

// The counters of the map stats, each per CPU.
const (
	statTold     = iota // events handed over
	statHeld            // held back by the bucket
	statLost            // no room in the buffer
	statHomeless        // of no namespace that could be told
	statMerged          // held or lost, and not counted by reason and place: that map is full
	statRuns            // what the program was run for, whatever and whoever's it is
	stats
)

// What is on the program's stack, from its frame pointer.
const (
	fpSkb  = -mostSkb   // the copy of the sk_buff
	fpTmp  = fpSkb - 8  // what is read
	fpKey  = fpTmp - 4  // a map's key
	fpNet  = fpKey - 4  // the namespace
	fpTold = fpNet - 16 // key of the map of what was not told: reason, 0, place
	fpOne  = fpTold - 8 // 1
)

// program is the eBPF program over its maps.
type program struct {
	l *layout
	o Options
	// inode is the namespace's, 0 for all.
	inode  uint32
	kit    *kprog.Kit
	untold *ebpf.Map
	kprog.Code
}

// read copies n bytes from the kernel's address in R3 to a place in R1 (which is set
// before, as R3 is) and leaves R0 < 0 where that is no memory.
func (p *program) read(n int) {
	p.Emit(asm.Mov.Imm(asm.R2, int32(n)), asm.FnProbeReadKernel.Call())
}

// follow reads the pointer at R3 + offset into fpTmp and then R3; it goes to label
// where there is none.
func (p *program) follow(offset int, label string) {
	p.Emit(asm.Add.Imm(asm.R3, int32(offset)))
	p.At(asm.R1, fpTmp)
	p.read(8)
	p.Emit(
		asm.JNE.Imm(asm.R0, 0, label),
		asm.LoadMem(asm.R3, asm.RFP, fpTmp, asm.DWord),
		asm.JEq.Imm(asm.R3, 0, label),
	)
}

// skb loads a member from the copy on the stack.
func (p *program) skb(dst asm.Register, at int, size asm.Size) {
	p.Emit(asm.LoadMem(dst, asm.RFP, int16(fpSkb+at), size))
}

// bump adds one to a counter of the kit.
func (p *program) bump(stat int, label string) { p.Bump(p.kit.Stats, fpKey, stat, label) }

// assemble writes the program. R6 is the context, R7 the sk_buff, R8 the event.
func (p *program) assemble() asm.Instructions {
	l := p.l
	p.Emit(asm.Mov.Reg(asm.R6, asm.R1))
	p.bump(statRuns, "runs2")
	p.Emit(asm.LoadMem(asm.R1, asm.R6, 16, asm.Word)) // the reason
	for n, name := range l.reasons {
		if name == "CONSUMED" || name == "NOT_DROPPED_YET" {
			p.Emit(asm.JEq.Imm(asm.R1, int32(n), "out"))
		}
	}
	p.Emit(asm.LoadMem(asm.R7, asm.R6, 0, asm.DWord), asm.Mov.Reg(asm.R3, asm.R7))
	p.At(asm.R1, fpSkb)
	p.read(l.skb.size)
	p.Emit(asm.JNE.Imm(asm.R0, 0, "out"))

	// Only what is IP or ARP: the kernel frees messages of netlink and of Unix sockets by
	// the same call.
	p.skb(asm.R1, l.skb.protocol, asm.Half)
	for _, ether := range []uint16{0x0800, 0x86dd, 0x0806} {
		p.Emit(asm.JEq.Imm(asm.R1, int32(networkOrder(ether)), "ours"))
	}
	p.Emit(asm.Ja.Label("out"))
	p.Label("ours")

	p.namespace()
	if p.o.Proto != 0 {
		p.protocol()
	}
	p.limit()
	p.event()

	p.Emit(asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
	return p.List
}

// networkOrder is a number as it stands in memory in network byte order and is loaded
// by this machine.
func networkOrder(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}

// namespace finds whose packet it is: its device's, the receiving or the sending
// socket's, its route's. skb->dev is shared with other uses while the packet is with a
// socket: then it leads nowhere, and the next is asked.
func (p *program) namespace() {
	l := p.l
	p.skb(asm.R3, l.skb.dev, asm.DWord)
	p.Emit(asm.JEq.Imm(asm.R3, 0, "receiver"))
	p.follow(l.devNet, "receiver")
	p.inum("receiver")

	p.Label("receiver")
	if l.receiver {
		p.Emit(asm.LoadMem(asm.R3, asm.R6, 24, asm.DWord), asm.JEq.Imm(asm.R3, 0, "sender"))
		p.follow(l.sockNet, "sender")
		p.inum("sender")
	}
	p.Label("sender")
	p.skb(asm.R3, l.skb.sk, asm.DWord)
	p.Emit(asm.JEq.Imm(asm.R3, 0, "route"))
	p.follow(l.sockNet, "route")
	p.inum("route")

	p.Label("route")
	p.skb(asm.R3, l.skb.dst, asm.DWord)
	p.Emit(asm.And.Imm(asm.R3, -2), asm.JEq.Imm(asm.R3, 0, "homeless")) // the lowest bit says that no reference is held
	p.follow(l.dstDev, "homeless")
	p.follow(l.devNet, "homeless")
	p.inum("homeless")

	p.Label("homeless")
	p.Emit(asm.StoreImm(asm.RFP, fpNet, 0, asm.Word))
	p.bump(statHomeless, "homeless2")
	if p.inode != 0 {
		p.Emit(asm.Ja.Label("out"))
	}
	p.Label("found")
}

// inum holds the namespace in R3 against the one that is wanted.
func (p *program) inum(label string) {
	p.Emit(asm.Add.Imm(asm.R3, int32(p.l.netInum)))
	p.At(asm.R1, fpNet)
	p.read(4)
	p.Emit(asm.JNE.Imm(asm.R0, 0, label))
	p.Emit(asm.LoadMem(asm.R1, asm.RFP, fpNet, asm.Word), asm.JEq.Imm(asm.R1, 0, label))
	if p.inode != 0 {
		// JNE's constant would be sign-extended: inodes are above 1<<31.
		p.Emit(asm.LoadImm(asm.R2, int64(p.inode), asm.DWord), asm.JNE.Reg(asm.R1, asm.R2, "out"))
	}
	p.Emit(asm.Ja.Label("found"))
}

// protocol lets only one IP protocol on, and ICMP, whose errors belong to connections of
// others. What has extension headers is let on too, since its protocol stands behind them.
func (p *program) protocol() {
	l := p.l
	p.skb(asm.R3, l.skb.head, asm.DWord)
	p.skb(asm.R2, l.skb.network, asm.Half)
	p.Emit(asm.Add.Reg(asm.R3, asm.R2))
	p.skb(asm.R1, l.skb.protocol, asm.Half)
	p.Emit(
		asm.JEq.Imm(asm.R1, int32(networkOrder(0x0806)), "out"),
		asm.Mov.Imm(asm.R4, 9), // IPv4's protocol
		asm.JEq.Imm(asm.R1, int32(networkOrder(0x0800)), "where"),
		asm.Mov.Imm(asm.R4, 6), // IPv6's next header
	)
	p.Emit(asm.Add.Reg(asm.R3, asm.R4).WithSymbol("where"))
	p.At(asm.R1, fpTmp)
	p.read(1)
	p.Emit(asm.JNE.Imm(asm.R0, 0, "out"), asm.LoadMem(asm.R1, asm.RFP, fpTmp, asm.Byte))
	p.Emit(asm.JEq.Imm(asm.R1, int32(p.o.Proto), "wanted"))
	for _, ext := range []int32{0, 1, 43, 44, 51, 58, 60} { // 1 and 58: ICMP may speak of the protocol
		p.Emit(asm.JEq.Imm(asm.R1, ext, "wanted"))
	}
	p.Emit(asm.Ja.Label("out"))
	p.Label("wanted")
}

// limit takes room for the event where the bucket lets it; what is not told is counted by
// reason and place.
func (p *program) limit() {
	p.Emit(asm.FnKtimeGetNs.Call(), asm.Mov.Reg(asm.R8, asm.R0))
	p.Bucket(p.kit.Bucket, fpKey, p.o.rate(), p.o.burst(), "held")
	p.Reserve(p.kit.Ring, evSize, "lost")
	p.Emit(
		asm.StoreMem(asm.R0, evTime, asm.R8, asm.DWord),
		asm.Mov.Reg(asm.R8, asm.R0),
		asm.Ja.Label("room"),
	)
	p.Label("held")
	p.bump(statHeld, "held2")
	p.Emit(asm.Ja.Label("count"))
	p.Label("lost")
	p.bump(statLost, "lost2")

	p.Emit(
		asm.LoadMem(asm.R1, asm.R6, 16, asm.Word).WithSymbol("count"),
		asm.StoreMem(asm.RFP, fpTold, asm.R1, asm.Word),
		asm.StoreImm(asm.RFP, fpTold+4, 0, asm.Word),
		asm.LoadMem(asm.R1, asm.R6, 8, asm.DWord),
		asm.StoreMem(asm.RFP, fpTold+8, asm.R1, asm.DWord),
	)
	p.Find(p.untold, fpTold)
	p.Emit(
		asm.JEq.Imm(asm.R0, 0, "fresh"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
		asm.Ja.Label("out"),
		asm.Mov.Imm(asm.R1, 1).WithSymbol("fresh"),
		asm.StoreMem(asm.RFP, fpOne, asm.R1, asm.DWord),
	)
	p.Put(p.untold, fpTold, fpOne, 1) // BPF_NOEXIST
	p.Emit(asm.JEq.Imm(asm.R0, 0, "out"))
	p.bump(statMerged, "merged2")
	p.Emit(asm.Ja.Label("out"))
	p.Label("room")
}

// zero clears a part of the event.
func (p *program) zero(from, to int) {
	p.Emit(asm.Mov.Imm(asm.R1, 0))
	for at := from; at < to; at += 8 {
		p.Emit(asm.StoreMem(asm.R8, int16(at), asm.R1, asm.DWord))
	}
}

// put copies a member of the sk_buff to the event.
func (p *program) put(at, member int, size asm.Size) {
	p.skb(asm.R1, member, size)
	p.Emit(asm.StoreMem(asm.R8, int16(at), asm.R1, size))
}

// event fills the event in R8 and hands it over without waking anybody.
func (p *program) event() {
	l := p.l
	p.zero(evPlace, evPacket)
	p.Emit(
		asm.LoadMem(asm.R1, asm.R6, 8, asm.DWord),
		asm.StoreMem(asm.R8, evPlace, asm.R1, asm.DWord),
		asm.StoreMem(asm.R8, evSkb, asm.R7, asm.DWord),
		asm.LoadMem(asm.R1, asm.R6, 16, asm.Word),
		asm.StoreMem(asm.R8, evReason, asm.R1, asm.Word),
		asm.LoadMem(asm.R1, asm.RFP, fpNet, asm.Word),
		asm.StoreMem(asm.R8, evNetns, asm.R1, asm.Word),
	)
	p.put(evIif, l.skb.iif, asm.Word)
	p.put(evLen, l.skb.len, asm.Word)
	p.put(evMark, l.skb.mark, asm.Word)
	p.put(evProtocol, l.skb.protocol, asm.Half)
	p.put(evTrans, l.skb.transport, asm.Half)
	p.put(evNet, l.skb.network, asm.Half)
	p.put(evPktType, l.skb.pktType, asm.Byte)
	p.device()
	p.headers()
	if l.ct.size > 0 {
		p.connection()
	}
	p.Emit(asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Reg(asm.R2, asm.R8), asm.Add.Imm(asm.R2, evStack),
		asm.Mov.Imm(asm.R3, 8*stackDepth), asm.Mov.Imm(asm.R4, 0), asm.FnGetStack.Call(),
		asm.StoreMem(asm.R8, evStackLen, asm.R0, asm.Word))
	p.bump(statTold, "told2")
	p.Submit(asm.R8)
}

// into sets R1 to a place in the event.
func into(at int) []asm.Instruction {
	return []asm.Instruction{asm.Mov.Reg(asm.R1, asm.R8), asm.Add.Imm(asm.R1, int32(at))}
}

// device reads the name and the number of skb->dev.
func (p *program) device() {
	p.skb(asm.R3, p.l.skb.dev, asm.DWord)
	p.Emit(asm.JEq.Imm(asm.R3, 0, "nodev"), asm.Add.Imm(asm.R3, int32(p.l.devIndex)))
	p.Emit(into(evIndex)...)
	p.read(4)
	p.skb(asm.R3, p.l.skb.dev, asm.DWord)
	p.Emit(asm.Add.Imm(asm.R3, int32(p.l.devName)))
	p.Emit(into(evName)...)
	p.read(16)
	p.Label("nodev")
}

// headers copies the packet from its network header, as far as it lies in one piece,
// and an Ethernet header that stands before it.
func (p *program) headers() {
	l := p.l
	p.skb(asm.R1, l.skb.tail, asm.Word)
	p.skb(asm.R2, l.skb.network, asm.Half)
	p.Emit(
		asm.JEq.Imm(asm.R2, 0xffff, "noheaders"),
		asm.JGE.Reg(asm.R2, asm.R1, "noheaders"),
		asm.Sub.Reg(asm.R1, asm.R2),
		asm.Mov.Reg(asm.R9, asm.R2),
		asm.Mov.Reg(asm.R2, asm.R1),
		asm.JLE.Imm(asm.R2, packetBytes, "fits"),
		asm.Mov.Imm(asm.R2, packetBytes),
	)
	p.Emit(asm.JLT.Imm(asm.R2, 1, "noheaders").WithSymbol("fits"))
	p.Emit(asm.StoreMem(asm.R8, evHeaders, asm.R2, asm.Half))
	p.skb(asm.R3, l.skb.head, asm.DWord)
	p.Emit(asm.Add.Reg(asm.R3, asm.R9))
	p.Emit(into(evPacket)...)
	p.Emit(asm.FnProbeReadKernel.Call(), asm.JEq.Imm(asm.R0, 0, "mac"),
		asm.StoreImm(asm.R8, evHeaders, 0, asm.Half))

	p.Label("mac")
	p.skb(asm.R1, l.skb.mac, asm.Half)
	p.Emit(
		asm.JEq.Imm(asm.R1, 0xffff, "noheaders"),
		asm.Mov.Reg(asm.R2, asm.R1),
		asm.Add.Imm(asm.R2, 14),
		asm.JNE.Reg(asm.R2, asm.R9, "noheaders"),
	)
	p.skb(asm.R3, l.skb.head, asm.DWord)
	p.Emit(asm.Add.Reg(asm.R3, asm.R1))
	p.Emit(into(evMAC)...)
	p.read(14)
	p.Emit(asm.JNE.Imm(asm.R0, 0, "noheaders"), asm.StoreImm(asm.R8, evHasMAC, 1, asm.Byte))
	p.Label("noheaders")
}

// connection copies both tuples of skb->_nfct, of which the lowest three bits tell
// the packet's place in its connection.
func (p *program) connection() {
	l := p.l
	p.skb(asm.R9, l.skb.nfct, asm.DWord)
	p.Emit(asm.Mov.Reg(asm.R1, asm.R9), asm.And.Imm(asm.R1, 7), asm.StoreMem(asm.R8, evCTInfo, asm.R1, asm.Byte),
		asm.And.Imm(asm.R9, -8), asm.JEq.Imm(asm.R9, 0, "noct"))
	for _, c := range []struct{ from, to, n int }{
		{l.ct.orig, evOrig, l.ct.size}, {l.ct.reply, evReply, l.ct.size}, {l.ct.status, evStatus, 4}, {l.ct.zone, evZone, 2},
	} {
		if c.from < 0 {
			continue
		}
		p.Emit(asm.Mov.Reg(asm.R3, asm.R9), asm.Add.Imm(asm.R3, int32(c.from)))
		p.Emit(into(c.to)...)
		p.read(c.n)
		p.Emit(asm.JNE.Imm(asm.R0, 0, "noct"))
	}
	p.Emit(asm.StoreImm(asm.R8, evHasCT, 1, asm.Byte))
	p.Label("noct")
}
