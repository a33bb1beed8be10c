package drop

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"nfscope/model"
)

func at(s int) time.Time { return time.Unix(1_700_000_000+int64(s), 0) }

// udp is a datagram to a port.
func udp(src, dst string, dport uint16) model.Packet {
	return model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), SPort: 40000, DPort: dport, Transport: true, TTL: 64, Length: 100}
}

// TestPlaces: callers as a kernel had them, and where the packet was.
func TestPlaces(t *testing.T) {
	t.Parallel()
	a := NewAtlas()
	for _, c := range []struct {
		path    string
		station Station
		hook    model.Hook
	}{
		{"ip_rcv_finish_core ip_rcv", StationRouting, model.HookNone},
		{"ip_rcv_core ip_rcv", StationDeviceIn, model.HookNone},
		{"nf_hook_slow ip_rcv", StationNetfilter, model.HookPrerouting},
		{"nft_do_chain nft_do_chain_ipv4 nf_hook_slow ip_forward", StationNetfilter, model.HookForward},
		{"nf_hook_slow ip_local_deliver", StationNetfilter, model.HookInput},
		{"nf_hook_slow __ip_local_out ip_send_skb", StationNetfilter, model.HookOutput},
		{"nf_hook_slow ip6_output", StationNetfilter, model.HookPostrouting},
		{"nf_queue nf_hook_slow ip6_forward", StationNetfilter, model.HookForward},
		{"nft_do_chain nft_do_chain_bridge br_handle_frame __netif_receive_skb_core", StationNetfilter, model.HookPrerouting},
		{"nft_do_chain nft_do_chain_bridge nf_hook_slow __br_forward br_handle_frame_finish br_handle_frame br_dev_xmit", StationNetfilter, model.HookForward},
		{"nft_do_chain nft_do_chain_bridge nf_hook_slow __br_forward br_dev_xmit dev_hard_start_xmit ip_output", StationNetfilter, model.HookOutput},
		{"nft_do_chain nft_do_chain_netdev __netif_receive_skb_core", StationNetfilter, model.HookIngress},
		{"ip_forward", StationForward, model.HookNone},
		{"kfree_skb_list_reason.part.0 whatever", StationDeviceOut, model.HookNone},
		{"some_driver_xmit dev_hard_start_xmit", StationDeviceOut, model.HookNone},
		{"something_new", StationUnknown, model.HookNone},
		{"0xffffffff81234567", StationUnknown, model.HookNone},
		{"nf_hook_slow", StationNetfilter, model.HookNone},
	} {
		p := strings.Fields(c.path)
		if s, h := a.Find(p[0], p[1:]); s != c.station || h != c.hook {
			t.Errorf("%s: %v %v, want %v %v", c.path, s, h, c.station, c.hook)
		}
	}
	// What was at work before has nothing to do with it.
	got := Trim(strings.Fields("ip_rcv process_backlog __napi_poll net_rx_action ip_output"))
	if len(got) != 1 {
		t.Errorf("callers %v", got)
	}
	for s := StationUnknown; s <= StationNetfilter; s++ {
		b, _ := s.MarshalText()
		var back Station
		if err := back.UnmarshalText(b); err != nil || back != s {
			t.Errorf("station %d is written %q and read as %d, %v", s, b, back, err)
		}
	}
}

// TestEveryReasonHasWords: no reason of the kernel in testdata, which is this kernel's
// list, is without.
func TestEveryReasonHasWords(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/reasons-6.18")
	if err != nil {
		t.Fatal(err)
	}
	words := Meanings()
	names := strings.Fields(string(b))
	if len(names) < 120 {
		t.Fatalf("%d reasons", len(names))
	}
	for _, n := range names {
		m, ok := words[n]
		if !ok || m.Says == "" {
			t.Errorf("%s has no words", n)
		}
	}
	known := map[string]bool{}
	for _, n := range names {
		known[n] = true
	}
	sentence := regexp.MustCompile(`^\S[^\n]*[^.\s]$`)
	for name, m := range words {
		if !sentence.MatchString(m.Says) || m.Do != "" && !sentence.MatchString(m.Do) {
			t.Errorf("%s: %q, %q", name, m.Says, m.Do)
		}
		for _, c := range m.Covers {
			if !known[c] {
				t.Errorf("%s covers %s, which is no reason", name, c)
			}
		}
	}
	if m := words.Of("SOMETHING_NEW"); !strings.Contains(m.Says, "SOMETHING_NEW") {
		t.Errorf("of an unknown reason: %+v", m)
	}
}

// TestExplain are the answers that kernel tests cannot make: where facts are missing or
// contradict, nothing is said that is not known.
func TestExplain(t *testing.T) {
	t.Parallel()
	words := Meanings()
	deaf := func(nearby string, d Deaf) Drop {
		return Drop{Reason: "NO_SOCKET", In: "eth0", Packet: udp("10.0.0.1", "10.0.0.2", 9), Facts: &Facts{Listener: ListenerNone, Nearby: []string{nearby}, Deaf: d}}
	}
	tracked := model.Tuple{Proto: model.ProtoUDP, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), SPort: 1, DPort: 2}
	for _, c := range []struct {
		name    string
		drop    Drop
		by      By
		says    string
		not     string
		usual   bool
		advises string
	}{
		{name: "full table", by: ByConntrack, says: "16 of 16 connections are in the table; 3 new ones were dropped", advises: "nf_conntrack_max=32",
			drop: Drop{Reason: "NETFILTER_DROP", Station: StationNetfilter, Hook: model.HookPrerouting, Facts: &Facts{Conntrack: &Conntrack{Count: 16, Max: 16, Drop: 3}}}},
		{name: "full table, in forward", by: ByNetfilter, says: "a rule or a policy of netfilter in forward", not: "conntrack",
			drop: Drop{Reason: "NETFILTER_DROP", Station: StationNetfilter, Hook: model.HookForward, Facts: &Facts{Conntrack: &Conntrack{Count: 16, Max: 16, Drop: 3}}}},
		{name: "full table, tracked", by: ByNetfilter, says: "a rule or a policy", not: "conntrack",
			drop: Drop{Reason: "NETFILTER_DROP", Station: StationNetfilter, Hook: model.HookPrerouting, Orig: tracked, State: "ESTABLISHED", Facts: &Facts{Conntrack: &Conntrack{Count: 16, Max: 16, Drop: 3}}}},
		{name: "not tracked, but nothing was refused", by: ByNetfilter, says: "a rule or a policy", not: "conntrack",
			drop: Drop{Reason: "NETFILTER_DROP", Station: StationNetfilter, Hook: model.HookPrerouting, Facts: &Facts{Conntrack: &Conntrack{Count: 16, Max: 16}}}},
		{name: "notrack", by: ByNetfilter, says: "a rule or a policy", not: "conntrack",
			drop: Drop{Reason: "NETFILTER_DROP", Station: StationNetfilter, Hook: model.HookPrerouting, State: "UNTRACKED", Facts: &Facts{Conntrack: &Conntrack{Drop: 3}}}},
		{name: "ports", by: ByConntrack, says: "could not take its connection", advises: "ports",
			drop: Drop{Reason: "NETFILTER_DROP", Station: StationNetfilter, Hook: model.HookPostrouting, Orig: tracked, State: "NEW", Facts: &Facts{Conntrack: &Conntrack{InsertFailed: 2}}}},
		{name: "full table, by nf_tables", by: ByNetfilter, says: "a rule or a policy", not: "conntrack",
			drop: Drop{Reason: "NETFILTER_DROP", Place: "nft_do_chain", Station: StationNetfilter, Hook: model.HookPrerouting, Facts: &Facts{Conntrack: &Conntrack{Count: 16, Max: 16, Drop: 3}}}},
		{name: "ports, by nf_tables", by: ByNetfilter, says: "a rule or a policy", not: "conntrack",
			drop: Drop{Reason: "NETFILTER_DROP", Place: "nft_do_chain", Station: StationNetfilter, Hook: model.HookPostrouting, Orig: tracked, State: "NEW", Facts: &Facts{Conntrack: &Conntrack{InsertFailed: 2}}}},
		{name: "no hook", by: ByNetfilter, says: "a rule or a policy of netfilter dropped it, or conntrack did", drop: Drop{Reason: "NETFILTER_DROP", Place: "nf_hook_slow"}},
		{name: "no hook, by nf_tables", by: ByNetfilter, says: "a rule or a policy of netfilter dropped it", not: "conntrack", drop: Drop{Reason: "NETFILTER_DROP", Place: "nft_do_chain"}},
		{name: "a hook, no facts", by: ByNetfilter, says: "a rule or a policy of netfilter in forward dropped it", not: "conntrack", drop: Drop{Reason: "NETFILTER_DROP", Place: "nf_hook_slow", Hook: model.HookForward}},
		{name: "too big, without a packet", by: ByKernel, says: "larger than the MTU", not: "bytes", drop: Drop{Reason: "PKT_TOO_BIG", Place: "ip_forward", Count: 3}},
		{name: "TTL, without a packet", by: ByKernel, says: "its TTL or hop limit ran out", not: "it came with", drop: Drop{Reason: "IP_INHDR", Place: "ip_forward", Count: 3}},
		{name: "a blackhole, without a packet", by: ByKernel, says: "a route of kind blackhole throws it away", drop: Drop{Reason: "NOT_SPECIFIED", Place: "dst_discard_out", Count: 3}},
		{name: "prohibit, without a packet", by: ByKernel, says: "a route of kind prohibit throws it away", drop: Drop{Reason: "IP_INNOROUTES", Place: "ip6_pkt_prohibit", Count: 3}},
		{name: "no route or unreachable, without a packet", by: ByKernel, says: "no route leads to its destination, or one of kind unreachable", drop: Drop{Reason: "IP_INNOROUTES", Place: "ip6_pkt_discard", Count: 3}},
		{name: "rp_filter without facts", by: ByKernel, says: "reverse path filter", not: "strict", drop: Drop{Reason: "IP_RPFILTER", In: "eth0", Packet: udp("10.0.0.1", "10.0.0.2", 9)}},
		{name: "no reason, no place", by: ByKernel, says: "the kernel gave no reason", drop: Drop{Reason: "NOT_SPECIFIED"}},
		{name: "no reason, a place", by: ByKernel, says: "it happened in foo_bar; called by a, by b, by c", not: "by d", drop: Drop{Reason: "NOT_SPECIFIED", Place: "foo_bar", Callers: []string{"a", "b", "c", "d"}}},
		{name: "multicast nobody joined", by: ByKernel, says: "nobody on this host has joined", usual: true, drop: Drop{Reason: "NOT_SPECIFIED", Place: "ip6_mc_input", Station: StationSocket}},
		{name: "sent again in TIME_WAIT", by: ByKernel, says: "its connection is over", usual: true, drop: Drop{Reason: "NOT_SPECIFIED", Place: "tcp_v6_rcv", Station: StationSocket, Packet: model.Packet{Proto: model.ProtoTCP, Transport: true, Flags: model.FIN | model.ACK}}},
		{name: "an ACK in TIME_WAIT", by: ByKernel, says: "TIME_WAIT, or its handshake is not finished", advises: "ListenOverflows", drop: Drop{Reason: "NOT_SPECIFIED", Place: "tcp_v4_rcv", Station: StationSocket, Packet: model.Packet{Proto: model.ProtoTCP, Transport: true, Flags: model.ACK}}},
		{name: "another SYN", by: ByKernel, says: "another SYN for the same ends", usual: true, drop: Drop{Reason: "NOT_SPECIFIED", Place: "tcp_v4_rcv", Station: StationSocket, Packet: model.Packet{Proto: model.ProtoTCP, Transport: true, Flags: model.SYN}}},
		{name: "IP_INHDR elsewhere", by: ByKernel, says: "something is wrong with its IP header", not: "ran out", drop: Drop{Reason: "IP_INHDR", Place: "ip_rcv_core", Packet: udp("10.0.0.1", "10.0.0.2", 9)}},
		// Seen with nft's tproxy and no rule of routing that keeps what it marks.
		{name: "refused in forward", by: ByKernel, says: "TPROXY gave it to a socket of this host and its route leads on", drop: Drop{Reason: "NOT_SPECIFIED", Place: "ip_forward", Packet: udp("10.0.0.1", "10.0.0.2", 9)}},
		{name: "IP_INHDR in forward with a good TTL", by: ByKernel, says: "something is wrong with its IP header", not: "ran out: it came", drop: Drop{Reason: "IP_INHDR", Place: "ip_forward", Packet: udp("10.0.0.1", "10.0.0.2", 9)}},
		{name: "a route by now", by: ByKernel, says: "now there is one: 10.0.0.2 dev eth1", drop: Drop{Reason: "IP_INNOROUTES", Place: "ip_error", In: "eth0", Packet: udp("10.0.0.1", "10.0.0.2", 9), Facts: &Facts{To: &Route{Kind: "unicast", Dev: "eth1", Text: "10.0.0.2 dev eth1"}}}},
		{name: "ip_error, and the route is fine", by: ByKernel, says: "blackhole, prohibit or unreachable", drop: Drop{Reason: "NOT_SPECIFIED", Place: "ip_error", Packet: udp("10.0.0.1", "10.0.0.2", 9), Facts: &Facts{To: &Route{Kind: "unicast"}}}},
		{name: "a listener by now", by: ByKernel, says: "now somebody does: 0.0.0.0:9", drop: Drop{Reason: "NO_SOCKET", Packet: udp("10.0.0.1", "10.0.0.2", 9), Facts: &Facts{Listener: ListenerThere, Nearby: []string{"0.0.0.0:9"}}}},
		{name: "another address", by: ByKernel, says: "the port is bound to 127.0.0.1:9 on eth0 only", advises: "bind the service to 10.0.0.2 or to all addresses", drop: deaf("127.0.0.1:9 on eth0", Deaf{Addr: true})},
		{name: "another interface", by: ByKernel, says: "0.0.0.0:9 on lo only", advises: "let it take eth0, or none", drop: deaf("0.0.0.0:9 on lo", Deaf{Device: true})},
		{name: "another address and interface", by: ByKernel, says: "127.0.0.1:9 on lo only", advises: "to 10.0.0.2 or to all addresses, and its socket (SO_BINDTODEVICE) to eth0 or to no interface", drop: deaf("127.0.0.1:9 on lo", Deaf{Addr: true, Device: true})},
		{name: "another peer", by: ByKernel, says: "10.0.0.2:9 for 10.0.0.1:7 on eth0 only", advises: "a connected socket hears its peer alone", drop: deaf("10.0.0.2:9 for 10.0.0.1:7 on eth0", Deaf{Peer: true})},
		{name: "a recording that does not tell why", by: ByKernel, says: "0.0.0.0:9 on lo only", advises: "look at which address it is bound to", drop: deaf("0.0.0.0:9 on lo", Deaf{})},
		{name: "the interface is down", by: ByKernel, says: "eth1 is down", advises: "ip link set eth1 up", drop: Drop{Reason: "QDISC_DROP", Out: "eth1", Facts: &Facts{Out: &Link{Name: "eth1"}}}},
		{name: "a counter", by: ByKernel, says: "queue of finished connections is full", drop: Drop{Source: StepProc, Reason: "TcpExtListenOverflows", Count: 7}},
		{name: "a counter of both", by: ByUnknown, says: "no memory, no neighbour, or netfilter refused them", drop: Drop{Source: StepProc, Reason: "Ip6OutDiscards", Count: 1}},
		{name: "conntrack's counter", by: ByConntrack, says: "the connection table is full", drop: Drop{Source: StepProc, Reason: "nf_conntrack drop", Count: 7}},
	} {
		e := words.Explain(&c.drop)
		if e.By != c.by || !strings.Contains(e.Sentence(), c.says) || c.not != "" && strings.Contains(e.Sentence(), c.not) || !strings.Contains(e.Do, c.advises) || (e.Grade == Usual) != c.usual {
			t.Errorf("%s: by %s: %s > %s", c.name, e.By, e.Sentence(), e.Do)
		}
	}
}

// TestTable: rows by reason, place and flow, their rates, and an end to how many.
func TestTable(t *testing.T) {
	t.Parallel()
	var tab Table
	tab.Tick(at(0))
	for i := range 10 {
		p := udp("10.0.0.1", "10.0.0.2", 53)
		p.SPort = uint16(40000 + i) // a new connection each: one row
		tab.Apply(&Drop{Time: at(0), Reason: "NO_SOCKET", Place: "x", Packet: p, Count: 1})
	}
	facts := &Facts{Listener: ListenerNone}
	tab.Apply(&Drop{Time: at(0), Reason: "NO_SOCKET", Place: "x", Packet: udp("10.0.0.1", "10.0.0.2", 54), Count: 1, Facts: facts})
	tab.Apply(&Drop{Time: at(0), Reason: "NO_SOCKET", Place: "y", Count: 500})
	before := tab.Rows()
	if len(before) != 3 || before[0].Count != 10 || before[2].Count != 500 || before[0].Rate != 0 {
		t.Fatalf("%+v", before)
	}
	if !tab.Tick(at(2)) || tab.Rows()[0].Rate != 5 || tab.Rows()[2].Rate != 250 {
		t.Errorf("rates %+v", tab.Rows()[0])
	}
	if before[0].Rate != 0 {
		t.Error("a row that was handed out changed")
	}
	c := tab.Clone()
	tab.Apply(&Drop{Time: at(3), Reason: "NO_SOCKET", Place: "x", Packet: udp("10.0.0.1", "10.0.0.2", 54), Count: 1})
	if r := tab.Rows()[1]; r.Last.Facts != facts || r.Count != 2 || !r.Seen.Equal(at(3)) {
		t.Errorf("a later drop took the facts away: %+v", r)
	}
	if c.Rows()[1].Count != 1 {
		t.Error("a clone changed")
	}
	tab.Tick(at(4))
	if r := tab.Rows()[0]; r.Rate != 0 || len(r.Sparks) != 2 {
		t.Errorf("a quiet row: %+v", r)
	}
	for i := range 20 {
		tab.Tick(at(10 + i))
	}
	if tab.Tick(at(100)) {
		t.Error("nothing happened, and rates changed")
	}
	var sum uint64
	for i := range 3 * keep {
		tab.Apply(&Drop{Time: at(200 + i), Reason: fmt.Sprint(i), Count: 1})
	}
	for _, r := range tab.Rows() {
		sum += r.Count
	}
	if n := len(tab.Rows()); n > keep || sum+tab.Forgotten() != 512+3*keep {
		t.Errorf("%d rows, %d packets and %d forgotten", n, sum, tab.Forgotten())
	}
}

// TestJSON: the object that the contract names.
func TestJSON(t *testing.T) {
	t.Parallel()
	d := &Drop{Time: at(0).UTC(), Source: StepBPF, Reason: "NETFILTER_DROP", Place: "nf_hook_slow", Station: StationNetfilter, Hook: model.HookForward, In: "eth0", Packet: udp("10.0.0.1", "10.0.0.2", 9),
		Orig: model.Tuple{Proto: model.ProtoUDP, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.9.0.2"), SPort: 40000, DPort: 99}, Count: 1, Netns: 4026531840}
	b, err := d.JSON(Meanings(), "router")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]any{"schema": "nfscope/drop/1", "reason": "NETFILTER_DROP", "reason_words": "a rule or a policy of netfilter in forward dropped it", "location": "nf_hook_slow",
		"hook": "forward", "in": "eth0", "netns": "router", "by": "netfilter", "source": "bpf", "count": 1.0} {
		if got[k] != want {
			t.Errorf("%s: %v, want %v", k, got[k], want)
		}
	}
	if o := got["orig"].(map[string]any); o["dport"] != 99.0 || got["packet"].(map[string]any)["dport"] != 9.0 || got["reply"] != nil {
		t.Errorf("%s", b)
	}
	b, _ = (&Drop{Source: StepProc, Reason: "TcpExtListenOverflows", Count: 3}).JSON(Meanings(), "")
	if strings.Contains(string(b), `"packet"`) || !strings.Contains(string(b), `"count":3`) {
		t.Errorf("a counter: %s", b)
	}
}

// TestNamesAsItCame: what a rule dropped behind translation is traced as it came, for there a trace
// begins; so is what comes back to it.
func TestNamesAsItCame(t *testing.T) {
	t.Parallel()
	tuple := func(src string, sport uint16, dst string, dport uint16) model.Tuple {
		return model.Tuple{Proto: model.ProtoUDP, Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), SPort: sport, DPort: dport}
	}
	// The client's 10.1.0.2:40000 > 192.0.2.1:80 becomes 203.0.113.1:50000 > 10.2.0.2:8080.
	orig, reply := tuple("10.1.0.2", 40000, "192.0.2.1", 80), tuple("10.2.0.2", 8080, "203.0.113.1", 50000)
	const request, answer = "udp and src host 10.1.0.2 and dst host 192.0.2.1 and dst port 80", "udp and src host 10.2.0.2 and dst host 203.0.113.1 and src port 8080"
	for _, c := range []struct {
		at        model.Tuple
		untracked bool
		want      string
	}{
		{orig, false, request}, {tuple("10.1.0.2", 40000, "10.2.0.2", 8080), false, request}, {reply.Reverse(), false, request},
		{reply, false, answer}, {tuple("10.2.0.2", 8080, "10.1.0.2", 40000), false, answer}, {orig.Reverse(), false, answer},
		{tuple("10.1.0.2", 40000, "10.2.0.2", 8080), true, "udp and src host 10.1.0.2 and dst host 10.2.0.2 and dst port 8080"},
	} {
		p := udp("10.1.0.2", "10.2.0.2", 0)
		p.Src, p.SPort, p.Dst, p.DPort = c.at.Src, c.at.SPort, c.at.Dst, c.at.DPort
		d := &Drop{Reason: "NETFILTER_DROP", Station: StationNetfilter, Hook: model.HookForward, Source: StepBPF, Packet: p, Orig: orig, Reply: reply, Count: 1}
		if c.untracked {
			d.Orig, d.Reply = model.Tuple{}, model.Tuple{}
		}
		if got := Meanings().Explain(d).Do; got != "`nfscope trace "+c.want+"` names the rule, when the next one comes" {
			t.Errorf("%v: %s", c.at, got)
		}
	}
	// An echo has no ports, and an ICMP error is another packet than what it is about.
	echo := udp("10.1.0.2", "10.2.0.2", 0)
	echo.Proto, echo.SPort, echo.DPort, echo.ICMPType, echo.ICMPID = model.ProtoICMP, 0, 0, 8, 7
	wrong := echo
	wrong.Src, wrong.Dst, wrong.ICMPType, wrong.ICMPCode, wrong.ICMPID = netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("10.1.0.2"), 3, 3, 0
	sent := echo.Tuple()
	sent.Dst = netip.MustParseAddr("192.0.2.1")
	returned := echo.Tuple()
	returned.Src, returned.Dst = echo.Dst, echo.Src
	for _, c := range []struct {
		p           model.Packet
		orig, reply model.Tuple
		want        string
	}{
		{echo, sent, returned, "icmp and src host 10.1.0.2 and dst host 192.0.2.1"},
		{wrong, tuple("10.1.0.2", 3<<8|3, "192.0.2.1", 80), tuple("10.2.0.2", 8080, "10.1.0.2", 3<<8|3), "icmp and src host 10.1.0.1 and dst host 10.1.0.2"},
	} {
		d := &Drop{Reason: "NETFILTER_DROP", Station: StationNetfilter, Hook: model.HookForward, Source: StepBPF, Packet: c.p, Orig: c.orig, Reply: c.reply, Count: 1}
		if got := Meanings().Explain(d).Do; got != "`nfscope trace "+c.want+"` names the rule, when the next one comes" {
			t.Errorf("%v: %s", c.p, got)
		}
	}
}

// TestServicePort: the flow of a drop has the port of the service, which the connection or a SYN
// tells also where it is the higher one.
func TestServicePort(t *testing.T) {
	t.Parallel()
	client, server, public := netip.MustParseAddr("10.1.0.2"), netip.MustParseAddr("10.2.0.2"), netip.MustParseAddr("192.0.2.1")
	orig := model.Tuple{Proto: model.ProtoTCP, Src: client, SPort: 700, Dst: public, DPort: 8080}
	reply := model.Tuple{Proto: model.ProtoTCP, Src: server, SPort: 8000, Dst: client, DPort: 700}
	to := func(k model.Tuple, flags model.TCPFlags) Drop {
		return Drop{Packet: model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoTCP, Src: k.Src, SPort: k.SPort, Dst: k.Dst, DPort: k.DPort, Flags: flags, Transport: true}}
	}
	tracked := func(d Drop) Drop { d.Orig, d.Reply = orig, reply; return d }
	for _, c := range []struct {
		name, want string
		d          Drop
	}{
		{"a SYN", "tcp 10.1.0.2 > 192.0.2.1:8080", to(orig, model.SYN)},
		{"its answer", "tcp 192.0.2.1:8080 > 10.1.0.2", to(orig.Reverse(), model.SYN|model.ACK)},
		{"the connection", "tcp 10.1.0.2 > 192.0.2.1:8080", tracked(to(orig, model.ACK))},
		{"the connection, behind DNAT", "tcp 10.1.0.2 > 10.2.0.2:8000", tracked(to(reply.Reverse(), model.ACK))},
		{"the connection, what comes back", "tcp 10.2.0.2:8000 > 10.1.0.2", tracked(to(reply, model.ACK))},
		{"nothing", "tcp 10.1.0.2:700 > 192.0.2.1", to(orig, model.ACK)},
	} {
		if got := KeyOf(&c.d).Flow.String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	d := tracked(to(reply.Reverse(), model.ACK))
	d.Reason = "NETFILTER_DROP"
	if do := Meanings().Explain(&d).Do; !strings.Contains(do, "trace tcp and src host 10.1.0.2 and dst host 192.0.2.1 and dst port 8080`") {
		t.Error(do)
	}
	frag := to(orig, model.SYN)
	if frag.Packet.Transport = false; frag.Flow().String() != "tcp 10.1.0.2 > 192.0.2.1" {
		t.Error(frag.Flow())
	}
}
