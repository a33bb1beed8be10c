package drop

import (
	"fmt"
	"strings"

	"nfscope/model"
)

// Station is where on its way through the kernel a packet was.
type Station uint8

// The stations, in the order of the way.
const (
	StationUnknown   Station = iota
	StationDeviceIn          // the interface it came by, before any hook of netfilter
	StationBridge            // within a bridge
	StationRouting           // the routing decision behind prerouting
	StationForward           // being sent on: TTL, MTU
	StationSocket            // the protocol and the socket of this host
	StationRouteOut          // the routing of what this host sends
	StationDeviceOut         // neighbour, queue and interface it should leave by
	StationNetfilter         // a hook of netfilter: Drop.Hook
)

var stationNames = [...]string{"", "device in", "bridge", "routing", "forwarding", "socket", "routing out", "device out", "netfilter"}

// String names the station, "" for an unknown one.
func (s Station) String() string {
	if int(s) < len(stationNames) {
		return stationNames[s]
	}
	return fmt.Sprintf("station-%d", uint8(s))
}

// At says where the station is, as a sentence goes on: "at the routing decision".
func (s Station) At() string {
	switch s {
	case StationDeviceIn:
		return "where it came in, before any chain"
	case StationBridge:
		return "within a bridge"
	case StationRouting:
		return "at the routing decision"
	case StationForward:
		return "where it was to be sent on"
	case StationSocket:
		return "at the socket"
	case StationRouteOut:
		return "at the routing of what is sent"
	case StationDeviceOut:
		return "at the interface it should leave by"
	case StationNetfilter:
		return "in netfilter"
	}
	return "somewhere"
}

// MarshalText writes the name.
func (s Station) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Station) UnmarshalText(t []byte) error {
	for i, n := range stationNames {
		if n == string(t) {
			*s = Station(i)
			return nil
		}
	}
	return fmt.Errorf("unknown station %q", t)
}

// functions tells of the kernel's functions at which station they work. The first one
// of the place and its callers that is here says where the packet was. Compilers name
// parts of a function name.isra.0, name.part.0, name.cold: the stem counts.
func functions() map[string]Station {
	m := map[string]Station{}
	for s, names := range map[Station]string{
		StationNetfilter: "nf_hook_slow nf_hook_slow_list nft_do_chain nf_queue __nf_queue nf_reinject nf_bridge_hook nfqnl_reinject nfqnl_enqueue_packet instance_destroy_rcu nfqnl_flush " +
			"nf_ingress nf_hook_ingress nf_hook_egress nf_conntrack_in nf_confirm ipt_do_table ip6t_do_table nf_reinject_verdict nf_ct_frag6_gather",
		StationDeviceIn: "ip_rcv_core ip6_rcv_core ip_rcv ipv6_rcv ip_list_rcv ipv6_list_rcv arp_rcv __netif_receive_skb_core __netif_receive_skb_one_core netif_receive_skb_internal enqueue_to_backlog " +
			"do_xdp_generic netif_rx_internal tcf_classify_ingress sch_handle_ingress napi_gro_receive eth_type_trans flush_backlog vlan_do_receive veth_xdp_rcv",
		StationBridge: "br_handle_frame br_handle_frame_finish br_forward br_forward_finish br_flood br_dev_queue_push_xmit br_pass_frame_up __br_forward br_dev_xmit maybe_deliver br_multicast_flood br_handle_vlan br_allowed_ingress",
		StationRouting: "ip_rcv_finish_core ip_rcv_finish ip_route_input_noref ip_route_input_slow ip_error ip6_rcv_finish ip6_rcv_finish_core dst_discard ip6_pkt_discard ip6_pkt_prohibit " +
			"ip6_blackhole ip6_pkt_drop ip_route_input_rcu ip_mkroute_input ip_handle_martian_source ip6_input_finish_noroute ip_sublist_rcv_finish ip_list_rcv_finish ip6_route_input ip_mr_input ip6_mr_input ip_options_rcv_srr",
		StationForward: "ip_forward ip_forward_finish ip6_forward ip6_forward_finish ip_call_ra_chain ip_exceeds_mtu",
		StationSocket: "ip_local_deliver_finish ip_protocol_deliver_rcu ip6_protocol_deliver_rcu ip6_input_finish ip_local_deliver ip6_input ip6_mc_input tcp_v4_rcv tcp_v6_rcv tcp_v4_do_rcv tcp_v6_do_rcv udp_queue_rcv_skb udp_queue_rcv_one_skb udpv6_queue_rcv_skb " +
			"udpv6_queue_rcv_one_skb udp_unicast_rcv_skb udp6_unicast_rcv_skb __udp4_lib_rcv __udp6_lib_rcv udp_rcv udpv6_rcv icmp_rcv icmpv6_rcv raw_rcv rawv6_rcv raw_rcv_skb rawv6_rcv_skb tcp_rcv_established tcp_rcv_state_process tcp_data_queue " +
			"tcp_add_backlog sk_filter_trim_cap sock_queue_rcv_skb_reason __sock_queue_rcv_skb ping_rcv ping_queue_rcv_skb ndisc_rcv igmp_rcv ip_defrag ip_frag_queue ip_expire ipv6_frag_rcv tcp_v4_err tcp_conn_request tcp_check_req packet_rcv tpacket_rcv inet_frag_rbtree_purge " +
			"sctp_rcv gre_rcv tcp_rcv_synsent_state_process tcp_validate_incoming __udp_enqueue_schedule_skb __udp_queue_rcv_skb arp_process xfrm4_rcv_encap",
		StationRouteOut: "dst_discard_out ip_queue_xmit __ip_queue_xmit ip6_pkt_discard_out ip6_pkt_prohibit_out ip_send_skb ip_push_pending_frames ip6_send_skb __ip_local_out __ip6_local_out ip_local_out ip6_xmit udp_send_skb udp_v6_send_skb raw_sendmsg ip_build_and_send_pkt ip_send_unicast_reply inet6_csk_xmit ip_route_me_harder",
		StationDeviceOut: "neigh_resolve_output neigh_probe neigh_timer_handler neigh_invalidate arp_error_report arp_solicit ndisc_error_report __neigh_event_send neigh_flush_dev neigh_destroy __neigh_notify neigh_event_send neigh_direct_output neigh_connected_output __dev_queue_xmit __dev_xmit_skb dev_hard_start_xmit " +
			"validate_xmit_skb sch_direct_xmit ip_finish_output2 ip6_finish_output2 ip_finish_output ip6_finish_output __ip_finish_output __ip6_finish_output ip_fragment ip_do_fragment ip6_fragment ip_output ip6_output ip_mc_output veth_xmit noop_enqueue noop_dequeue pfifo_fast_enqueue " +
			"tbf_enqueue netem_enqueue htb_enqueue dev_kfree_skb_any_reason qdisc_reset pfifo_fast_reset dev_qdisc_enqueue tcf_qevent_handle sch_handle_egress net_tx_action __qdisc_run kfree_skb_list_reason ip_mc_finish_output tun_net_xmit neigh_app_ns dummy_xmit arp_xmit arp_send_dst ip_cant_fragment sit_tunnel_xmit ip_tunnel_xmit",
	} {
		for _, n := range strings.Fields(names) {
			m[n] = s
		}
	}
	return m
}

// hooks tells which function calls which hook of netfilter.
func hooks() map[string]model.Hook {
	m := map[string]model.Hook{}
	for h, names := range map[model.Hook]string{
		model.HookPrerouting:  "ip_rcv ip_list_rcv ip_sublist_rcv ipv6_rcv ipv6_list_rcv ip6_sublist_rcv br_nf_pre_routing br_nf_pre_routing_ipv6 br_nf_pre_routing_finish br_handle_frame",
		model.HookInput:       "ip_local_deliver ip6_input ip6_mc_input br_pass_frame_up arp_rcv",
		model.HookForward:     "ip_forward ip6_forward br_nf_forward br_nf_forward_ip __br_forward br_forward ip_mr_forward ip6mr_forward2 ipmr_queue_xmit",
		model.HookOutput:      "__ip_local_out __ip6_local_out ip6_xmit raw_sendmsg rawv6_sendmsg raw_send_hdrinc rawv6_send_hdrinc ndisc_send_skb igmp6_send mld_sendpack ip6_local_out ip_local_out arp_xmit",
		model.HookPostrouting: "ip_output ip_mc_output ip6_output ip6_mc_output br_nf_post_routing br_forward_finish ip6_finish_output",
		model.HookIngress:     "__netif_receive_skb_core __netif_receive_skb_one_core nf_ingress",
		model.HookEgress:      "__dev_queue_xmit nf_hook_egress",
	} {
		for _, n := range strings.Fields(names) {
			m[n] = h
		}
	}
	return m
}

// Atlas knows the kernel's functions.
type Atlas struct {
	stations map[string]Station
	hooks    map[string]model.Hook
}

// NewAtlas makes one.
func NewAtlas() *Atlas { return &Atlas{functions(), hooks()} }

// Find tells where a packet was from the function that dropped it and its callers, the
// nearest first, and the hook where that is one of netfilter's.
func (a *Atlas) Find(place string, callers []string) (Station, model.Hook) {
	path := append([]string{place}, callers...)
	for i, f := range path {
		s, ok := a.stations[stem(f)]
		if !ok {
			continue
		}
		if s != StationNetfilter {
			return s, model.HookNone
		}
		for j, f := range path[i+1:] {
			if h, ok := a.hooks[stem(f)]; ok {
				if stem(f) == "__br_forward" && sentByBridge(path[i+1+j:]) {
					h = model.HookOutput
				}
				return s, h
			}
		}
		return s, model.HookNone
	}
	return StationUnknown, model.HookNone
}

// sentByBridge reports whether a bridge has the packet from this host, and not from a port: both
// go by __br_forward.
func sentByBridge(callers []string) bool {
	for _, f := range callers {
		switch stem(f) {
		case "br_dev_xmit":
			return true
		case "br_handle_frame", "br_handle_frame_finish":
			return false
		case "__ip_local_out", "__ip6_local_out", "ip_output", "ip6_output": // of a tunnel that is the bridge's port
			return false
		}
	}
	return false
}

// stem is a function's name without what the compiler added.
func stem(f string) string {
	name, _, _ := strings.Cut(f, ".")
	return name
}

// copies reports whether a function works on copies of a packet: those for captures and
// raw sockets, for each receiver or port of what is flooded, and those that rules make.
func copies(f string) bool {
	switch stem(f) {
	case "packet_rcv", "packet_rcv_spkt", "packet_rcv_fanout", "tpacket_rcv", "dev_queue_xmit_nit", "raw_rcv", "raw_rcv_skb", "rawv6_rcv", "rawv6_rcv_skb",
		"raw_local_deliver", "raw6_local_deliver", "__udp4_lib_mcast_deliver", "__udp6_lib_mcast_deliver", "br_flood", "br_multicast_flood", "maybe_deliver", "deliver_clone",
		"macvlan_broadcast", "macvlan_broadcast_one", "nf_dup_ipv4", "nf_dup_ipv6", "nf_dup_netdev_egress", "nf_fwd_netdev_egress", "tcf_mirred_act", "ip_mr_forward", "ip6_mr_forward":
		return true
	}
	return false
}

// boundary lists the functions where another packet's way begins, or a program's: what
// called them has nothing to do with the packet. A packet that comes by a virtual
// interface is often worked on right after the one that was sent.
func boundary(f string) bool {
	switch stem(f) {
	case "process_backlog", "__napi_poll", "napi_poll", "net_rx_action", "handle_softirqs", "__do_softirq", "do_softirq", "run_ksoftirqd", "napi_threaded_poll",
		"call_timer_fn", "__run_timers", "run_timer_softirq", "process_one_work", "worker_thread", "kthread", "ret_from_fork",
		"do_syscall_64", "__sys_sendto", "__sys_sendmsg", "ksys_write", "vfs_write", "el0_svc", "invoke_syscall":
		return true
	}
	return false
}

// Trim cuts callers, the nearest first, where the packet's way begins.
func Trim(callers []string) []string {
	for i, f := range callers {
		if boundary(f) {
			return callers[:i]
		}
	}
	return callers
}
