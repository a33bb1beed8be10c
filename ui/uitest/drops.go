package uitest

import (
	"net/netip"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/snapshot"
)

// drops are what the gateway threw away: one row of each kind.
func drops() snapshot.Drops {
	addr := netip.MustParseAddr
	p := func(proto model.Proto, src, dst string, sport, dport uint16) model.Packet {
		return model.Packet{Family: model.FamilyIPv4, Proto: proto, Src: addr(src), Dst: addr(dst), SPort: sport, DPort: dport, Transport: true, TTL: 63, Length: 60}
	}
	syn := p(model.ProtoTCP, "198.51.100.7", "203.0.113.10", 40312, 8080)
	syn.Flags = model.SYN
	ttl := p(model.ProtoUDP, "10.0.0.5", "192.0.2.77", 33434, 33440)
	ttl.TTL = 1
	closed := p(model.ProtoTCP, "198.51.100.66", "203.0.113.1", 51111, 3306)
	closed.Flags = model.SYN
	var t drop.Table
	begin := now.Add(-10 * time.Second)
	t.Tick(begin)
	list := []drop.Drop{
		{Reason: "IP_RPFILTER", Place: "ip_rcv_finish_core", Callers: []string{"ip_rcv", "__netif_receive_skb_one_core"}, Station: drop.StationRouting, In: "eth0", Packet: p(model.ProtoUDP, "10.2.0.77", "203.0.113.10", 5353, 53),
			SrcMAC: "02:00:00:00:00:07", DstMAC: "02:00:00:00:00:01", Kind: "host", Count: 1,
			Facts: &drop.Facts{Sysctls: []drop.Sysctl{{Name: "net.ipv4.conf.all.rp_filter", Value: "0"}, {Name: "net.ipv4.conf.eth0.rp_filter", Value: "1"}},
				Back: &drop.Route{Kind: "unicast", Text: "10.2.0.77 dev eth2", Dev: "eth2"}}},
		{Reason: "NETFILTER_DROP", Place: "nf_hook_slow", Callers: []string{"ip_forward", "__netif_receive_skb_one_core"}, Station: drop.StationNetfilter, Hook: model.HookForward, In: "eth0", Packet: syn, Count: 1,
			Orig: model.Tuple{Proto: model.ProtoTCP, Src: syn.Src, SPort: 40312, Dst: addr("203.0.113.1"), DPort: 80}, Reply: model.Tuple{Proto: model.ProtoTCP, Src: syn.Dst, SPort: 8080, Dst: syn.Src, DPort: 40312}, State: "NEW"},
		{Reason: "IP_INHDR", Place: "ip_forward", Callers: []string{"__netif_receive_skb_one_core"}, Station: drop.StationForward, In: "eth1", Packet: ttl, Count: 1},
		{Reason: "NO_SOCKET", Place: "tcp_v4_rcv", Callers: []string{"ip_protocol_deliver_rcu", "ip_local_deliver_finish"}, Station: drop.StationSocket, In: "eth0", Packet: closed, Count: 1,
			Facts: &drop.Facts{Listener: drop.ListenerNone, Nearby: []string{"127.0.0.1:3306"}, Deaf: drop.Deaf{Addr: true}}},
		{Reason: "NO_SOCKET", Place: "__udp4_lib_rcv", Station: drop.StationSocket, Count: 812},
		{Reason: "NEIGH_FAILED", Place: "neigh_invalidate", Callers: []string{"neigh_timer_handler"}, Station: drop.StationDeviceOut, In: "eth0", Out: "eth2", Packet: p(model.ProtoTCP, "198.51.100.7", "10.2.0.99", 40400, 80), Count: 1,
			Facts: &drop.Facts{Neighbour: &drop.Neighbour{Addr: addr("10.2.0.99"), Dev: "eth2", State: "FAILED"}, Out: &drop.Link{Name: "eth2", MTU: 1500, Up: true, Carrier: true}}},
		{Source: drop.StepProc, Reason: "TcpExtListenOverflows", Count: 4},
		{Reason: "NOT_SPECIFIED", Place: "ip6_mc_input", Station: drop.StationSocket, In: "eth1", Count: 1,
			Packet: model.Packet{Family: model.FamilyIPv6, Proto: model.ProtoICMPv6, Src: addr("fe80::1"), Dst: addr("ff02::16"), ICMPType: 143, Transport: true, TTL: 1, Length: 76}},
	}
	for s := range 10 {
		at := begin.Add(time.Duration(s) * time.Second)
		for i, d := range list {
			if (s+i)%(i+1) != 0 {
				continue
			}
			d.Time = at
			if d.Source == "" {
				d.Source = drop.StepBPF
			}
			for range 1 + (s*i)%3 {
				t.Apply(&d)
			}
		}
		t.Tick(at.Add(time.Second))
	}
	return snapshot.Drops{Rows: t.Rows(), Watch: drop.Watch{Step: drop.StepBPF, Told: 77, Held: 812}}
}
