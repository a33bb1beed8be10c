// Package logs reads what rules of the user log: NFLOG groups, and the lines of the target
// LOG in the kernel's own log. Nobody's group is taken over: one that has a reader is named.
package logs

import (
	"nfscope/model"
	"nfscope/model/logline"
	"nfscope/trace/kmsg"
	"nfscope/trace/nflog"
)

// Options say what is read.
type Options struct {
	// Groups are NFLOG groups. Reading one binds it: nobody else can meanwhile.
	Groups []uint16
	// Kernel reads the kernel's log too.
	Kernel bool
	// Buffer is the size of a group's receive buffer, 0 for what is right.
	Buffer int
}

// kernelFacility is what the kernel's own messages have; programs may write others.
const kernelFacility = 0

// fromGroup makes a line of a group's message.
func fromGroup(group uint16, m *nflog.Message) logline.Line {
	return logline.Line{Source: logline.NFLOG, Time: m.Time, Group: group, Prefix: m.Prefix, Family: m.Family, Hook: m.Hook,
		In: m.In, Out: m.Out, PhysIn: m.PhysIn, PhysOut: m.PhysOut, Packet: m.Packet, UID: m.UID, GID: m.GID, Mark: m.Mark}
}

// fromKernel makes a line of a message of the kernel's log; false for one of another part
// of the kernel.
func fromKernel(r *kmsg.Record) (logline.Line, bool) {
	if r.Facility != kernelFacility {
		return logline.Line{}, false
	}
	l, ok := logline.Parse(r.Text)
	l.Level = r.Level
	if l.Packet == nil {
		l.Family = model.FamilyUnspec
	}
	return l, ok
}
