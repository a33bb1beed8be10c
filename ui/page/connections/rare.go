package connections

import (
	"fmt"
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
	if fl.Master != (model.Tuple{}) {
		add("master", fl.Master.String())
	}
	for _, x := range fl.Expects {
		add("expects", fmt.Sprintf("%s, %d s, by %s", x.Tuple, int(x.Timeout.Seconds()), x.Helper))
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
	add("sequence", strings.Join(moved, ", "))
	if fl.Synproxy != (flow.Synproxy{}) {
		add("synproxy", fmt.Sprintf("isn %d, offset %d", fl.Synproxy.ISN, fl.Synproxy.Offset))
	}
	add("context", fl.Context)
	for _, a := range fl.Unknown {
		add("unknown", fmt.Sprintf("attribute %d: %x", a.Type, a.Data))
	}
	return out
}
