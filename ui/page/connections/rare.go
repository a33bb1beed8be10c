package connections

import (
	"fmt"
	"net/netip"
	"strings"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/ui/page"
)

// rare is what only some flows have, by name; "" is left out.
func rare(f *page.Frame, fl *flow.Flow) (out [][2]string) {
	add := func(name, value string) { out = append(out, [2]string{name, value}) }
	if fl.TimeoutMax > 0 && fl.Gone.IsZero() {
		add("timeout", fmt.Sprintf("%d s left of %d s (nf_conntrack_%s)", int(fl.Timeout.Seconds()), int(fl.TimeoutMax.Seconds()), f.Snap.Flows.Timeouts.Name(fl)))
	}
	add("packet", told(fl))
	if fl.Master != (model.Tuple{}) {
		add("master", "a helper expected it because of "+fl.Master.String())
	}
	for _, x := range fl.Expects {
		s := fmt.Sprintf("%s, for %d s, by helper %s", awaited(&x), int(x.Timeout.Seconds()), x.Helper)
		if !x.ZoneKnown {
			s += " (perhaps that of a connection with these ends in another zone: which one was not told)"
		}
		add("expects", s)
	}
	if fl.Orig.Zone != 0 || fl.Reply.Zone != 0 {
		add("zones", fmt.Sprintf("%d in the original direction, %d in the reply's", fl.Orig.Zone, fl.Reply.Zone))
	}
	if len(fl.Labels) > 0 {
		add("labels", fmt.Sprintf("%x", fl.Labels))
	}
	var moved []string
	for i, s := range []flow.Side{fl.Orig, fl.Reply} {
		if s.Adjust != (flow.SeqMove{}) {
			moved = append(moved, fmt.Sprintf("%s %+d", []string{"original", "reply"}[i], s.Adjust.After))
		}
	}
	if len(moved) > 0 {
		add("sequence", "numbers are moved: "+strings.Join(moved, ", "))
	}
	if fl.Synproxy != (flow.Synproxy{}) {
		add("synproxy", fmt.Sprintf("answered for the server, with sequence numbers from %d and timestamps from %d", fl.Synproxy.ISN, fl.Synproxy.ITS))
	}
	add("context", fl.Context)
	for _, a := range fl.Unknown {
		add("unknown", fmt.Sprintf("attribute %d: %x", a.Type, a.Data))
	}
	return out
}

// told is what a protocol without ports, or with more than ports, tells of itself.
func told(fl *flow.Flow) string {
	t := fl.Orig.Tuple
	switch {
	case t.Proto.ICMP():
		return fmt.Sprintf("type %d, code %d, identifier %d", t.DPort>>8, t.DPort&0xff, t.SPort)
	case t.Proto == model.ProtoGRE && t.SPort|t.DPort != 0:
		return fmt.Sprintf("call identifiers of PPTP: %#x of the client, %#x of the server", t.SPort, t.DPort)
	case fl.Orig.VTag|fl.Reply.VTag != 0:
		return fmt.Sprintf("verification tags %#x, back %#x", fl.Orig.VTag, fl.Reply.VTag)
	}
	return ""
}

// awaited is what a helper waits for; what its mask has no bit of is any.
func awaited(x *flow.Expectation) string {
	end := func(t model.Tuple, addr netip.Addr, mask netip.Addr, port, portMask uint16) string {
		if mask.IsValid() && mask.IsUnspecified() {
			return "anyone"
		}
		t.Src, t.SPort = addr, port
		if portMask == 0 {
			return addr.String()
		}
		return t.SrcString()
	}
	t, m := x.Tuple, x.Mask
	return fmt.Sprintf("%s from %s to %s", t.Proto, end(t, t.Src, m.Src, t.SPort, m.SPort), end(t, t.Dst, m.Dst, t.DPort, m.DPort))
}
