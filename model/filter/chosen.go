package filter

import (
	"slices"

	"nfscope/model/journey"
)

// Chose reports whether a trace armed with f may have brought a journey here. The bit
// that makes a packet traced belongs to the packet, not to who set it: another trace
// in the same namespace, or a rule of the user, shows its packets to everyone. A
// journey whose headers leave the filter undecided is taken.
func (f *Filter) Chose(j *journey.Journey) bool {
	return f.Journey(j) || len(f.After()) == 0 && f.Packet(&j.Packet, j.In, j.Out) == Unknown
}

// ChoseBoth gives Chose for a trace of both directions. Besides what f or its Mirror
// says of a packet's headers, it takes what the trace's own table (its name) traced for
// the connection: of such a packet addresses, ports and protocol need not be those of
// the filter, since NAT may have changed them and an ICMP error has its own.
func (f *Filter) ChoseBoth(table string) func(*journey.Journey) bool {
	both := f.Both()
	return func(j *journey.Journey) bool {
		if both.Chose(j) {
			return true
		}
		return table != "" && slices.Contains(j.KnownBy, table) && both.known(j) != No
	}
}

// known holds the filter against a packet that is known by its connection: whether its
// addresses, ports and protocol fit is for the connection to say.
func (f *Filter) known(j *journey.Journey) Truth {
	if f.root == nil {
		return Yes
	}
	s := subject{steps: j.Steps, whole: func(l *leaf) Truth {
		switch l.word {
		case "net", "portrange", "proto":
			return Unknown
		case "ip", "ip6", "in", "out", "mark":
			v := view{&j.Packet, j.In, j.Out}
			return v.leaf(l)
		}
		return journeyLeaf(l, j)
	}}
	if s.steps == nil {
		s.steps = []journey.Step{}
	}
	return s.eval(f.root)
}
