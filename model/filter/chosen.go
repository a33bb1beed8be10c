package filter

import "nfscope/model/journey"

// Chose reports whether a trace armed with f may have brought a journey here. The bit
// that makes a packet traced belongs to the packet, not to who set it: another trace
// in the same namespace, or a rule of the user, shows its packets to everyone. A
// journey whose headers leave the filter undecided is taken.
func (f *Filter) Chose(j *journey.Journey) bool {
	return f.Journey(j) || len(f.After()) == 0 && f.Packet(&j.Packet, j.In, j.Out) == Unknown
}
