package flow

import (
	"strings"
	"time"

	"nfscope/model"
)

// Timeouts are the sysctls that say where a timeout begins, in seconds, by their names
// behind net.netfilter.nf_conntrack_ (Documentation/networking/nf_conntrack-sysctl.rst). A
// nil one knows nothing.
type Timeouts map[string]int

// Of is where the timeout of a flow begins in the state it is in, 0 where that is not
// known: the flow is offloaded, its timeout is fixed, or a rule gave it one of its own
// (CT --timeout), which shows where more is left than the sysctl gives.
func (m Timeouts) Of(f *Flow) time.Duration {
	if f.Status&(Offload|HWOffload|FixedTimeout) != 0 {
		return 0
	}
	d := time.Duration(m[m.Name(f)]) * time.Second
	if d < f.Timeout {
		return 0
	}
	return d
}

// Name is the sysctl that the flow's timeout comes from; "" where there is none. See
// nf_conntrack_proto_tcp.c and its neighbours.
func (m Timeouts) Name(f *Flow) string {
	state := strings.ToLower(f.State)
	switch p := f.Orig.Tuple.Proto; p {
	case model.ProtoTCP, model.ProtoSCTP:
		return p.String() + "_timeout_" + state
	case model.ProtoDCCP:
		return "dccp_timeout_" + strings.ReplaceAll(state, "closereq", "closing")
	case model.ProtoUDP, model.ProtoUDPLite:
		if f.Status&Assured != 0 {
			return "udp_timeout_stream"
		}
		return "udp_timeout"
	case model.ProtoGRE:
		if f.Status&SeenReply != 0 {
			return "gre_timeout_stream"
		}
		return "gre_timeout"
	case model.ProtoICMP, model.ProtoICMPv6:
		return p.String() + "_timeout"
	}
	return "generic_timeout"
}
