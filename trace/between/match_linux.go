package between

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cilium/ebpf/asm"

	"nfscope/model"
	"nfscope/model/filter"
)

// extensions is how many extension headers of IPv6 are looked through for the protocol.
const extensions = 4

// header reads the IP header to the stack, and finds the protocol and the ports; it goes to
// none where that is no header of IP. R9 is kept, name parts the labels.
func (p *program) header(none, name string) {
	l := p.l
	read := func(fp, n int, failed string) { // from R3
		p.At(asm.R1, fp)
		p.Emit(asm.Mov.Imm(asm.R2, int32(n)), asm.FnProbeReadKernel.Call(), asm.JNE.Imm(asm.R0, 0, failed))
	}
	network := func(plus int32) { // to R3
		p.Emit(asm.LoadMem(asm.R3, asm.R7, int16(l.head), asm.DWord), asm.LoadMem(asm.R1, asm.R7, int16(l.network), asm.Half),
			asm.Add.Reg(asm.R3, asm.R1), asm.Add.Imm(asm.R3, plus))
	}
	p.Emit(asm.StoreImm(asm.RFP, fpTold, 0, asm.Word), asm.Mov.Imm(asm.R1, 0))
	for at := fpHead; at < fpHead+40; at += 8 {
		p.Emit(asm.StoreMem(asm.RFP, int16(at), asm.R1, asm.DWord))
	}
	network(0)
	read(fpHead, 20, none)
	p.Emit(
		asm.LoadMem(asm.R1, asm.RFP, fpHead, asm.Byte), asm.RSh.Imm(asm.R1, 4),
		asm.JEq.Imm(asm.R1, 6, "six "+name), asm.JNE.Imm(asm.R1, 4, none),
		asm.LoadMem(asm.R1, asm.RFP, fpHead+9, asm.Byte), asm.StoreMem(asm.RFP, fpProto, asm.R1, asm.Word),
		asm.LoadMem(asm.R1, asm.RFP, fpHead+6, asm.Half), asm.HostTo(asm.BE, asm.R1, asm.Half),
		asm.And.Imm(asm.R1, 0x1fff), asm.JNE.Imm(asm.R1, 0, "headed "+name), // a fragment behind the first
		asm.LoadMem(asm.R2, asm.RFP, fpHead, asm.Byte), asm.And.Imm(asm.R2, 15), asm.LSh.Imm(asm.R2, 2),
		asm.StoreMem(asm.RFP, fpExt, asm.R2, asm.DWord),
		asm.Ja.Label("ports "+name),
	)
	p.Label("six " + name)
	network(0)
	read(fpHead, 40, none)
	p.Emit(asm.LoadMem(asm.R1, asm.RFP, fpHead+6, asm.Byte), asm.StoreMem(asm.RFP, fpProto, asm.R1, asm.Word),
		asm.Mov.Imm(asm.R1, 40), asm.StoreMem(asm.RFP, fpExt, asm.R1, asm.DWord))
	for i := range extensions {
		next, hop := fmt.Sprint("next ", i, name), fmt.Sprint("hop ", i, name)
		p.Emit(asm.LoadMem(asm.R1, asm.RFP, fpProto, asm.Word),
			asm.JEq.Imm(asm.R1, 0, hop), asm.JEq.Imm(asm.R1, 43, hop), asm.JEq.Imm(asm.R1, 44, hop), asm.JNE.Imm(asm.R1, 60, "ports "+name))
		p.Label(hop)
		network(0)
		p.Emit(asm.LoadMem(asm.R1, asm.RFP, fpExt, asm.DWord), asm.Add.Reg(asm.R3, asm.R1))
		read(fpPorts, 4, "headed "+name)
		p.Emit(
			asm.LoadMem(asm.R2, asm.RFP, fpProto, asm.Word),
			asm.LoadMem(asm.R1, asm.RFP, fpPorts, asm.Byte), asm.StoreMem(asm.RFP, fpProto, asm.R1, asm.Word),
			asm.Mov.Imm(asm.R3, 8),
			asm.JEq.Imm(asm.R2, 44, fmt.Sprint("fragment ", i, name)),
			asm.LoadMem(asm.R3, asm.RFP, fpPorts+1, asm.Byte), asm.Add.Imm(asm.R3, 1), asm.LSh.Imm(asm.R3, 3),
			asm.Ja.Label(next),
			asm.LoadMem(asm.R1, asm.RFP, fpPorts+2, asm.Half).WithSymbol(fmt.Sprint("fragment ", i, name)), asm.HostTo(asm.BE, asm.R1, asm.Half),
			asm.And.Imm(asm.R1, 0xfff8), asm.JNE.Imm(asm.R1, 0, "headed "+name),
		)
		p.Label(next)
		p.Emit(asm.LoadMem(asm.R1, asm.RFP, fpExt, asm.DWord), asm.Add.Reg(asm.R1, asm.R3), asm.StoreMem(asm.RFP, fpExt, asm.R1, asm.DWord))
	}
	p.Label("ports " + name)
	network(0)
	p.Emit(asm.LoadMem(asm.R1, asm.RFP, fpExt, asm.DWord), asm.Add.Reg(asm.R3, asm.R1))
	read(fpPorts, 4, "headed "+name)
	p.Emit(asm.StoreImm(asm.RFP, fpTold, 1, asm.Word))
	p.Label("headed " + name)
}

// look is what stays the same of the header from the first namespace to the last: the length,
// and IPv4's id and protocol, IPv6's flow label and next header. It is left in the follow on
// the stack.
func (p *program) look(name string) {
	p.Emit(
		asm.LoadMem(asm.R1, asm.RFP, fpHead, asm.Byte), asm.RSh.Imm(asm.R1, 4), asm.JEq.Imm(asm.R1, 6, "look "+name),
		asm.LoadMem(asm.R1, asm.RFP, fpHead+4, asm.Word), asm.LSh.Imm(asm.R1, 32),
		asm.LoadMem(asm.R2, asm.RFP, fpHead+2, asm.Half), asm.LSh.Imm(asm.R2, 16), asm.Or.Reg(asm.R1, asm.R2),
		asm.LoadMem(asm.R2, asm.RFP, fpHead+9, asm.Byte), asm.Or.Reg(asm.R1, asm.R2),
		asm.Ja.Label("looked "+name),
		asm.LoadMem(asm.R1, asm.RFP, fpHead, asm.Word).WithSymbol("look "+name), asm.HostTo(asm.BE, asm.R1, asm.Word),
		asm.And.Imm(asm.R1, 0xfffff), asm.LSh.Imm(asm.R1, 32),
		asm.LoadMem(asm.R2, asm.RFP, fpHead+4, asm.Half), asm.LSh.Imm(asm.R2, 16), asm.Or.Reg(asm.R1, asm.R2),
		asm.LoadMem(asm.R2, asm.RFP, fpHead+6, asm.Byte), asm.Or.Reg(asm.R1, asm.R2),
	)
	p.Label("looked " + name)
	p.Emit(asm.StoreMem(asm.RFP, fpFollow+followLook, asm.R1, asm.DWord))
}

// choose goes on where one of the conjuncts matches the header, else to unknown.
func (p *program) choose() {
	if len(p.list) == 1 && len(p.list[0].Conds) == 0 {
		return // any will do
	}
	for i, c := range p.list {
		fails := fmt.Sprint("not ", i)
		for n, k := range c.Conds {
			p.cond(k, fails, fmt.Sprint("cond ", i, " ", n))
		}
		p.Emit(asm.Ja.Label("chosen"))
		p.Label(fails)
	}
	p.Emit(asm.Ja.Label("unknown"))
	p.Label("chosen")
}

// cond goes on where a condition holds, else to fails. What is not there to be looked at does
// not hold, negated or not, as in nf_tables.
func (p *program) cond(k filter.Cond, fails, name string) {
	// equal goes on where the comparison that follows jumps to name, or does not.
	equal := func(jumps func(to string)) {
		if k.Not {
			jumps(fails)
			return
		}
		jumps(name)
		p.Emit(asm.Ja.Label(fails))
		p.Label(name)
	}
	switch k.Field {
	case filter.FieldFamily:
		version := int32(4)
		if k.Family == model.FamilyIPv6 {
			version = 6
		}
		p.Emit(asm.LoadMem(asm.R1, asm.RFP, fpHead, asm.Byte), asm.RSh.Imm(asm.R1, 4))
		equal(func(to string) { p.Emit(asm.JEq.Imm(asm.R1, version, to)) })
	case filter.FieldProto:
		p.Emit(asm.LoadMem(asm.R1, asm.RFP, fpProto, asm.Word))
		equal(func(to string) { p.Emit(asm.JEq.Imm(asm.R1, int32(k.Proto), to)) })
	case filter.FieldPorts:
		p.Emit(asm.LoadMem(asm.R1, asm.RFP, fpProto, asm.Word))
		equal(func(to string) {
			for n := range 256 {
				if model.Proto(n).Ports() {
					p.Emit(asm.JEq.Imm(asm.R1, int32(n), to))
				}
			}
		})
	case filter.FieldMark:
		p.Emit(asm.LoadMem(asm.R1, asm.R7, int16(p.l.mark), asm.Word), asm.LoadImm(asm.R2, int64(k.Mask), asm.DWord), asm.And.Reg(asm.R1, asm.R2),
			asm.LoadImm(asm.R2, int64(k.Value), asm.DWord))
		equal(func(to string) { p.Emit(asm.JEq.Reg(asm.R1, asm.R2, to)) })
	case filter.FieldSPort, filter.FieldDPort:
		at := int16(fpPorts)
		if k.Field == filter.FieldDPort {
			at += 2
		}
		p.Emit(asm.LoadMem(asm.R1, asm.RFP, fpTold, asm.Word), asm.JEq.Imm(asm.R1, 0, fails),
			asm.LoadMem(asm.R1, asm.RFP, at, asm.Half), asm.HostTo(asm.BE, asm.R1, asm.Half))
		equal(func(to string) {
			p.Emit(asm.JLT.Imm(asm.R1, int32(k.Lo), "below "+name), asm.JLE.Imm(asm.R1, int32(k.Hi), to))
			p.Label("below " + name)
		})
	case filter.FieldSrc, filter.FieldDst:
		p.address(k, equal, name)
	case filter.FieldIn, filter.FieldOut:
		p.device(k, equal, fails, name)
	default:
		p.Emit(asm.Ja.Label(fails))
	}
}

// address compares an address with a prefix, four bytes at a time.
func (p *program) address(k filter.Cond, equal func(func(string)), name string) {
	at := map[filter.Field]int{filter.FieldSrc: 12, filter.FieldDst: 16}[k.Field]
	if k.Prefix.Addr().Is6() {
		at = map[filter.Field]int{filter.FieldSrc: 8, filter.FieldDst: 24}[k.Field]
	}
	want, bits := k.Prefix.Addr().AsSlice(), k.Prefix.Bits()
	equal(func(to string) {
		for n := 0; n*32 < bits; n++ {
			mask := uint32(0xffffffff)
			if left := bits - n*32; left < 32 {
				mask <<= 32 - left
			}
			p.Emit(asm.LoadMem(asm.R1, asm.RFP, int16(fpHead+at+4*n), asm.Word), asm.HostTo(asm.BE, asm.R1, asm.Word),
				asm.LoadImm(asm.R2, int64(mask), asm.DWord), asm.And.Reg(asm.R1, asm.R2),
				asm.LoadImm(asm.R2, int64(binary.BigEndian.Uint32(want[4*n:])&mask), asm.DWord),
				asm.JNE.Reg(asm.R1, asm.R2, "other "+name))
		}
		p.Emit(asm.Ja.Label(to))
		p.Label("other " + name)
	})
}

// device compares a device's name, or how it begins.
func (p *program) device(k filter.Cond, equal func(func(string)), fails, name string) {
	member := p.l.stateIn
	if k.Field == filter.FieldOut {
		member = p.l.stateOut
	}
	p.Emit(asm.LoadMem(asm.R3, asm.R6, int16(p.l.ctxState), asm.DWord), asm.LoadMem(asm.R3, asm.R3, int16(member), asm.DWord),
		asm.JEq.Imm(asm.R3, 0, fails), asm.Add.Imm(asm.R3, int32(p.l.ifname)))
	p.At(asm.R1, fpName)
	p.Emit(asm.Mov.Imm(asm.R2, 16), asm.FnProbeReadKernel.Call(), asm.JNE.Imm(asm.R0, 0, fails))
	want := k.Iface + "\x00"
	if prefix, any := strings.CutSuffix(k.Iface, "+"); any {
		want = prefix
	}
	equal(func(to string) {
		for i := range min(len(want), 16) {
			p.Emit(asm.LoadMem(asm.R1, asm.RFP, int16(fpName+i), asm.Byte), asm.JNE.Imm(asm.R1, int32(want[i]), "other "+name))
		}
		p.Emit(asm.Ja.Label(to))
		p.Label("other " + name)
	})
}
