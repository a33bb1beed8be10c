package filter_test

import (
	"net/netip"
	"testing"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
)

func TestDrop(t *testing.T) {
	t.Parallel()
	d := &drop.Drop{Reason: "NETFILTER_DROP", In: "eth0", State: "NEW", Zone: 3, Count: 1,
		Packet: model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoTCP, Src: netip.MustParseAddr("10.0.0.5"), Dst: netip.MustParseAddr("10.2.0.2"),
			SPort: 51000, DPort: 8443, Transport: true, Mark: 5},
		Orig: tuple(6, "10.0.0.5:51000", "203.0.113.9:443"), Reply: tuple(6, "10.2.0.2:8443", "10.0.0.5:51000")}
	for s, want := range map[string]filter.Truth{
		"": filter.Yes, "tcp": filter.Yes, "host 10.2.0.2 and dst port 8443": filter.Yes, "dst host 203.0.113.9 and dst port 443": filter.Yes, "dst host 203.0.113.9 and dst port 8443": filter.No,
		"reason NETFILTER_DROP": filter.Yes, "reason netfilter_drop": filter.Yes, "reason IP_RPFILTER": filter.No, "not reason IP_RPFILTER": filter.Yes,
		"in eth0": filter.Yes, "in eth1": filter.No, "out eth0": filter.Unknown, "not out eth0": filter.Unknown, "mark 5": filter.Yes, "state new": filter.Yes, "zone 3": filter.Yes,
		"dnat": filter.Yes, "nat": filter.Yes, "snat": filter.No, "zone 4": filter.No, "src host 203.0.113.9 and src port 443": filter.Yes, "dropped": filter.Yes, "udp or reason NETFILTER_DROP": filter.Yes,
	} {
		if got := parse(t, s).Drop(d); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
	about := &drop.Drop{Reason: "NETFILTER_DROP", In: "eth0", Count: 1, About: tuple(6, "10.0.0.5:51000", "10.2.0.2:8443"),
		Packet: model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoICMP, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.5"), Transport: true, ICMPType: 3}}
	for s, want := range map[string]filter.Truth{ // what it says is of the flow that it is about
		"icmp": filter.Yes, "src host 10.0.0.1": filter.Yes, "tcp and dst host 10.2.0.2 and dst port 8443": filter.Yes, "tcp and src port 8443": filter.Yes, "udp": filter.No, "dst port 80": filter.No, "in eth0 and tcp": filter.Yes,
	} {
		if got := parse(t, s).Drop(about); got != want {
			t.Errorf("an ICMP error: %q: %v, want %v", s, got, want)
		}
	}
	counter := &drop.Drop{Source: drop.StepProc, Reason: "TcpExtListenOverflows", Count: 4}
	for s, want := range map[string]filter.Truth{
		"": filter.Yes, "reason tcpextlistenoverflows": filter.Yes, "tcp": filter.Unknown, "not tcp": filter.Unknown, "mark 0": filter.Unknown, "in eth0": filter.Unknown,
		"dnat": filter.Unknown, "state new": filter.Unknown, "tcp and reason IP_RPFILTER": filter.No,
	} {
		if got := parse(t, s).Drop(counter); got != want {
			t.Errorf("a counter: %q: %v, want %v", s, got, want)
		}
	}
	if err := parse(t, "chain X").Check(filter.Drops); err == nil {
		t.Error("a drop has no chain")
	}
}

func TestOnlyProto(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]model.Proto{
		"": 0, "tcp": 6, "udp and port 53": 17, "tcp or udp": 0, "not tcp": 0, "tcp and (host 10.0.0.1 or host 10.0.0.2)": 6, "port 53": 0,
		"reason IP_RPFILTER": 0, "reason IP_RPFILTER and tcp": 6, "reason X or tcp": 0, "udp and not host 10.0.0.1": 17,
	} {
		if got := parse(t, s).OnlyProto(); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
}
