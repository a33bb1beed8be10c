package conntrack

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/trace/netns"
)

// expectations reads what helpers wait for; nil where they cannot be read, for the flows
// are worth more.
func (r *Reader) expectations() []flow.Expectation {
	c, err := netns.In(r.ns, func() (*conntrack.Conn, error) { return conntrack.Dial(nil) })
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
	zone(out, append(r.decoder.zones.list(), 0), r.dial)
	return out
}

// mostZoned bounds the questions of one reading: some 50 microseconds each, so that a reading is
// at most some 50 ms longer for them; a full list of 4,096 expectations takes 80 ms
// (BenchmarkExpectations).
const mostZoned = 1024

// zone finds out which zones the masters are of. The kernel does not tell it of an expectation
// (ctnetlink_exp_dump_expect), but it lists those of one master, which is found by its tuple and
// zone (ctnetlink_dump_exp_ct): each of the zones is asked. Of an expectation that is in none of
// them, or where that were too many questions, the zone stays unknown.
func zone(l []flow.Expectation, zones []uint16, dial func() (*netlink.Conn, error)) {
	byMaster := map[model.Tuple][]*flow.Expectation{}
	for i := range l {
		byMaster[l[i].Master] = append(byMaster[l[i].Master], &l[i])
	}
	if len(l) == 0 || len(zones)*len(byMaster) > mostZoned {
		return
	}
	conn, err := dial()
	if err != nil {
		return
	}
	defer conn.Close()
	for master, expected := range byMaster {
		for _, zone := range zones {
			ids := expectedBy(conn, master, zone)
			for _, x := range expected {
				if slices.Contains(ids, x.ID) {
					x.Zone, x.ZoneKnown = zone, true
				}
			}
		}
	}
}

// msgGetExpect asks for expectations; the attributes are those of enum ctattr_expect
// (nfnetlink_conntrack.h).
const (
	msgGetExpect                                = unix.NFNL_SUBSYS_CTNETLINK_EXP<<8 | 1
	ctaExpectMaster, ctaExpectID, ctaExpectZone = 1, 5, 7
)

// expectedBy gives the IDs of what a connection expects; none where there is no such connection.
func expectedBy(conn *netlink.Conn, master model.Tuple, zone uint16) (ids []uint32) {
	family := byte(unix.AF_INET)
	if master.Src.Is6() {
		family = unix.AF_INET6
	}
	e := netlink.NewAttributeEncoder()
	e.ByteOrder = binary.BigEndian
	putTuple(e, ctaExpectMaster, master, 0)
	e.Uint16(ctaExpectZone, zone)
	b, err := e.Encode()
	if err != nil {
		return nil
	}
	// The acknowledgement is the answer where the connection has no helper.
	answer, err := conn.Execute(netlink.Message{Header: netlink.Header{Type: msgGetExpect, Flags: netlink.Request | netlink.Dump | netlink.Acknowledge},
		Data: append([]byte{family, 0, 0, 0}, b...)})
	if err != nil {
		return nil
	}
	for _, m := range answer {
		a := attrs(m.Data[min(4, len(m.Data)):])
		for typ, v, ok, err := a.next(); ok && err == nil; typ, v, ok, err = a.next() {
			if typ == ctaExpectID {
				ids = append(ids, u32(v))
			}
		}
	}
	return ids
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
