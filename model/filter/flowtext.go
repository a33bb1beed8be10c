package filter

import (
	"fmt"
	"strings"

	"nfscope/model"
	"nfscope/model/flow"
)

// ForFlow is the text of a filter that matches the packets of a flow in both
// directions, as they are before NAT and after it.
func ForFlow(fl *flow.Flow) string {
	o, r := fl.Orig.Tuple, fl.Reply.Tuple
	var ends []string
	add := func(t model.Tuple) {
		if !t.Src.IsValid() || !t.Dst.IsValid() {
			return
		}
		s := fmt.Sprintf("src host %s and dst host %s", t.Src, t.Dst)
		if t.Proto.Ports() {
			s = fmt.Sprintf("src host %s and src port %d and dst host %s and dst port %d", t.Src, t.SPort, t.Dst, t.DPort)
		}
		for _, e := range ends {
			if e == s {
				return
			}
		}
		ends = append(ends, s)
	}
	for _, t := range []model.Tuple{o, r, o.Reverse(), r.Reverse()} {
		add(t)
	}
	proto := (&leaf{word: "proto", proto: o.Proto}).String()
	if len(ends) == 0 {
		return proto
	}
	if len(ends) == 1 {
		return proto + " and " + ends[0]
	}
	return proto + " and ((" + strings.Join(ends, ") or (") + "))"
}
