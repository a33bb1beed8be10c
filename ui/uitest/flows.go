package uitest

import (
	"net/netip"
	"time"

	"nfscope/model"
	"nfscope/model/flow"
)

// tuple reads two ends written as "address:port".
func tuple(p model.Proto, src, dst string) model.Tuple {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	return model.Tuple{Proto: p, Src: s.Addr(), SPort: s.Port(), Dst: d.Addr(), DPort: d.Port()}
}

const seen = flow.SeenReply | flow.Assured | flow.Confirmed

// made is a flow before its counters: orig and reply as four ends.
type made struct {
	proto              model.Proto
	os, od, rs, rd     string
	state              string
	status             flow.Status
	timeout            time.Duration
	class              []flow.Class
	service, backend   string
	out, outB, in, inB uint64
	mark               uint32
	zone               uint16
	gone               time.Duration
}

// flows are twelve connections, one of every NAT class at least.
func flows() []*flow.Flow {
	var list []*flow.Flow
	for i, m := range []made{
		{model.ProtoTCP, "198.51.100.7:40312", "203.0.113.1:443", "10.2.0.2:8443", "198.51.100.7:40312", "ESTABLISHED", seen | flow.DstNAT | flow.DstNATDone,
			431997 * time.Second, []flow.Class{flow.ClassDNAT}, "203.0.113.1:443", "10.2.0.2:8443", 812, 64960, 1040, 1245184, 0, 0, 0},
		{model.ProtoTCP, "10.1.0.5:51000", "93.184.216.34:443", "93.184.216.34:443", "203.0.113.1:51000", "ESTABLISHED", seen | flow.SrcNAT | flow.SrcNATDone,
			431211 * time.Second, []flow.Class{flow.ClassSNAT}, "93.184.216.34:443", "93.184.216.34:443", 5120, 410233, 9001, 12582912, 0x1, 0, 0},
		{model.ProtoTCP, "10.2.0.7:33980", "151.101.1.69:443", "151.101.1.69:443", "203.0.113.1:33980", "TIME_WAIT", seen | flow.SrcNAT | flow.SrcNATDone,
			88 * time.Second, []flow.Class{flow.ClassMasquerade}, "151.101.1.69:443", "151.101.1.69:443", 22, 3120, 31, 40122, 0, 0, 0},
		{model.ProtoUDP, "10.1.0.5:41007", "8.8.8.8:53", "10.1.0.1:5353", "10.1.0.5:41007", "", flow.SeenReply | flow.Confirmed | flow.DstNAT | flow.DstNATDone,
			27 * time.Second, []flow.Class{flow.ClassRedirect}, "8.8.8.8:53", "10.1.0.1:5353", 1, 68, 1, 132, 0, 0, 0},
		{model.ProtoTCP, "10.2.0.9:46122", "203.0.113.1:443", "10.2.0.2:8443", "10.2.0.1:46122", "ESTABLISHED", seen | flow.SrcNAT | flow.DstNAT | flow.SrcNATDone | flow.DstNATDone,
			431990 * time.Second, []flow.Class{flow.ClassDNAT, flow.ClassMasquerade, flow.ClassHairpin}, "203.0.113.1:443", "10.2.0.2:8443", 14, 1211, 12, 8890, 0, 0, 0},
		{model.ProtoTCP, "10.0.0.5:51000", "203.0.113.9:443", "10.2.0.2:8443", "10.2.0.1:40001", "ESTABLISHED", seen | flow.SrcNAT | flow.DstNAT | flow.SrcNATDone | flow.DstNATDone,
			431997 * time.Second, []flow.Class{flow.ClassDNAT, flow.ClassMasquerade}, "203.0.113.9:443", "10.2.0.2:8443", 901, 71200, 1200, 1258291, 0, 0, 0},
		{model.ProtoTCP, "10.1.0.2:55110", "10.1.0.1:22", "10.1.0.1:22", "10.1.0.2:55110", "ESTABLISHED", seen,
			431999 * time.Second, nil, "10.1.0.1:22", "10.1.0.1:22", 10344, 843312, 9233, 2223400, 0, 0, 0},
		{model.ProtoUDP, "10.1.0.1:123", "162.159.200.1:123", "162.159.200.1:123", "10.1.0.1:123", "", flow.Confirmed,
			12 * time.Second, nil, "162.159.200.1:123", "162.159.200.1:123", 1, 76, 0, 0, 0, 0, 0},
		{model.ProtoICMP, "10.1.0.5:0", "10.2.0.2:0", "10.2.0.2:0", "10.1.0.5:0", "", flow.SeenReply | flow.Confirmed,
			29 * time.Second, nil, "10.2.0.2", "10.2.0.2", 4, 336, 4, 336, 0, 0, 0},
		{model.ProtoTCP, "[2001:db8:1::5]:50122", "[2001:db8:2::2]:80", "[2001:db8:2::2]:80", "[2001:db8:1::5]:50122", "SYN_SENT", flow.Confirmed,
			118 * time.Second, nil, "[2001:db8:2::2]:80", "[2001:db8:2::2]:80", 2, 160, 0, 0, 0, 0, 0},
		{model.ProtoTCP, "10.1.0.6:40222", "198.18.0.4:8080", "198.18.0.4:8080", "203.0.113.1:1025", "CLOSE", seen | flow.SrcNAT | flow.SrcNATDone | flow.Dying,
			0, []flow.Class{flow.ClassSNAT}, "198.18.0.4:8080", "198.18.0.4:8080", 9, 720, 8, 1410, 0, 1, 2 * time.Second},
		{model.ProtoTCP, "198.51.100.9:61000", "203.0.113.1:443", "10.2.0.2:8443", "198.51.100.9:61000", "SYN_RECV", flow.SeenReply | flow.Confirmed | flow.DstNAT | flow.DstNATDone,
			57 * time.Second, []flow.Class{flow.ClassDNAT}, "203.0.113.1:443", "10.2.0.2:8443", 1, 60, 1, 60, 0x8000, 0, 0},
	} {
		f := &flow.Flow{ID: uint32(3040 + i), Family: model.FamilyIPv4,
			Orig:  flow.Side{Tuple: tuple(m.proto, m.os, m.od), Count: n(m.out, m.outB)},
			Reply: flow.Side{Tuple: tuple(m.proto, m.rs, m.rd), Count: n(m.in, m.inB)},
			State: m.state, Status: m.status, Timeout: m.timeout, Mark: m.mark, Zone: m.zone,
			Start: now.Add(-time.Duration(i+1) * 37 * time.Second), Seen: now,
			NAT: flow.NAT{Class: m.class, Service: m.service, Backend: m.backend}}
		if f.Orig.Tuple.Src.Is6() {
			f.Family = model.FamilyIPv6
		}
		f.NAT.Client = f.Orig.Tuple.SrcString()
		if m.proto.ICMP() {
			f.Orig.Tuple.SPort, f.Orig.Tuple.DPort = 7, 8<<8
			f.Reply.Tuple.SPort, f.Reply.Tuple.DPort = 7, 0
			f.NAT.Client = f.Orig.Tuple.Src.String()
		}
		if m.gone > 0 {
			f.Gone = now.Add(-m.gone)
		}
		list = append(list, f)
	}
	return list
}
