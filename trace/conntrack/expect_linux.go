package conntrack

import (
	"time"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"

	"nfscope/model"
	"nfscope/model/flow"
)

// expectations reads what helpers wait for; nil where they cannot be read, for the flows
// are worth more.
func (r *Reader) expectations() []flow.Expectation {
	c, err := conntrack.Dial(&netlink.Config{NetNS: r.ns.NetNS()})
	if err != nil {
		return nil
	}
	defer c.Close()
	list, err := c.DumpExpect()
	if err != nil {
		return nil
	}
	var out []flow.Expectation
	for i := range list {
		out = append(out, expectation(&list[i]))
	}
	return out
}

// expectation turns the library's expectation into ours.
func expectation(x *conntrack.Expect) flow.Expectation {
	return flow.Expectation{ID: x.ID, Master: tuple(&x.TupleMaster), Tuple: tuple(&x.Tuple), Mask: tuple(&x.Mask),
		Timeout: time.Duration(x.Timeout) * time.Second, Helper: x.HelpName, Function: x.Function, Flags: x.Flags, Class: x.Class}
}

// tuple turns the library's tuple into ours. No helper expects ICMP.
func tuple(c *conntrack.Tuple) model.Tuple {
	return model.Tuple{Proto: model.Proto(c.Proto.Protocol), Src: c.IP.SourceAddress, Dst: c.IP.DestinationAddress,
		SPort: c.Proto.SourcePort, DPort: c.Proto.DestinationPort}
}
