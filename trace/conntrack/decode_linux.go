package conntrack

import (
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"

	"nfscope/model"
	"nfscope/model/flow"
)

// decode reads one message of the conntrack subsystem. ok is false for what is no
// flow: a message of the expectation subsystem.
func decode(m message, now time.Time) (e flow.Event, ok bool, err error) {
	var ev conntrack.Event
	h := netlink.Header{Length: uint32(headerLen + len(m.Data)), Type: netlink.HeaderType(m.Type), Flags: netlink.HeaderFlags(m.Flags)}
	if err := ev.Unmarshal(netlink.Message{Header: h, Data: m.Data}); err != nil {
		return e, false, fmt.Errorf("conntrack: %w", err)
	}
	switch ev.Type {
	case conntrack.EventNew:
		e.Type = flow.EventNew
	case conntrack.EventUpdate:
		e.Type = flow.EventUpdate
	case conntrack.EventDestroy:
		e.Type = flow.EventDestroy
	default:
		return e, false, nil
	}
	f, err := convert(ev.Flow)
	if err != nil {
		return e, false, err
	}
	f.Seen, e.Time, e.Flow = now, now, f
	return e, true, nil
}

// convert turns the library's flow into ours.
func convert(c *conntrack.Flow) (*flow.Flow, error) {
	o, r := tuple(&c.TupleOrig), tuple(&c.TupleReply)
	if !o.Src.IsValid() || !r.Src.IsValid() || o.Src.BitLen() != o.Dst.BitLen() || r.Src.BitLen() != r.Dst.BitLen() {
		return nil, fmt.Errorf("conntrack: flow %d has no whole tuple: %v, %v", c.ID, o, r)
	}
	f := &flow.Flow{
		ID: c.ID, Family: model.FamilyIPv4,
		Orig:  flow.Side{Tuple: o, Zone: c.TupleOrig.Zone},
		Reply: flow.Side{Tuple: r, Zone: c.TupleReply.Zone},
		State: state(&c.ProtoInfo), Status: flow.Status(c.Status),
		Timeout: time.Duration(c.Timeout) * time.Second,
		Mark:    c.Mark, Zone: c.Zone, Labels: c.Labels, Helper: c.Helper.Name, Start: c.Timestamp.Start,
	}
	if o.Src.Is6() {
		f.Family = model.FamilyIPv6
	}
	if c.CountersReply.Direction { // the library sets it when the attribute was there
		f.Orig.Count = model.Counters{Packets: c.CountersOrig.Packets, Bytes: c.CountersOrig.Bytes, Valid: true}
		f.Reply.Count = model.Counters{Packets: c.CountersReply.Packets, Bytes: c.CountersReply.Bytes, Valid: true}
	}
	return f, nil
}

func tuple(c *conntrack.Tuple) model.Tuple {
	t := model.Tuple{Proto: model.Proto(c.Proto.Protocol), Src: c.IP.SourceAddress, Dst: c.IP.DestinationAddress,
		SPort: c.Proto.SourcePort, DPort: c.Proto.DestinationPort}
	if t.Proto.ICMP() {
		t.SPort, t.DPort = c.Proto.ICMPID, uint16(c.Proto.ICMPType)<<8|uint16(c.Proto.ICMPCode)
	}
	return t
}

func state(p *conntrack.ProtoInfo) string {
	switch {
	case p.TCP != nil:
		return stateName(tcpStates[:], p.TCP.State)
	case p.SCTP != nil:
		return stateName(sctpStates[:], p.SCTP.State)
	case p.DCCP != nil:
		return stateName(dccpStates[:], p.DCCP.State)
	}
	return ""
}

func stateName(names []string, n uint8) string {
	if int(n) < len(names) {
		return names[n]
	}
	return fmt.Sprintf("STATE-%d", n)
}
