package conntrack

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// wire sends packets of any protocol as they are; the kernel adds the IP header.
type wire struct {
	t    *testing.T
	n    *nettest.Routed
	port uint16 // the last source port that was used
}

// send sends a packet from a host.
func (w *wire) send(from *netns.Handle, p model.Proto, to netip.Addr, data []byte) {
	w.t.Helper()
	nettest.Do(w.t, from, func() error {
		family, sa := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Addr: addr4(to)})
		if to.Is6() {
			family, sa = unix.AF_INET6, &unix.SockaddrInet6{Addr: to.As16()}
		}
		fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(p))
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, data, 0, sa)
	})
}

func addr4(a netip.Addr) [4]byte {
	if a.Is6() {
		return [4]byte{}
	}
	return a.As4()
}

// step is one packet of a conversation.
type step struct {
	back bool
	// make makes it of its ports; of ICMP they are those of model.Tuple.
	make func(sport, dport uint16) []byte
	// word is the flow's Word behind the router.
	word string
}

// talks are conversations by their protocols; each prefix of one is a flow of its own, so
// that all states are there at once.
func talks(v6 bool) map[model.Proto][][]step {
	be := binary.BigEndian
	tcp := func(back bool, flags byte, seq, ack uint32, word string) step {
		return step{back, func(s, d uint16) []byte {
			b := be.AppendUint16(be.AppendUint16(nil, s), d)
			b = be.AppendUint32(be.AppendUint32(b, seq), ack)
			return append(b, 5<<4, flags, 0x20, 0, 0, 0, 0, 0)
		}, word}
	}
	// sctp is one chunk, of a type, with its flags and content behind them.
	sctp := func(back bool, vtag uint32, typ byte, content []byte, word string) step {
		return step{back, func(s, d uint16) []byte {
			b := be.AppendUint16(be.AppendUint16(nil, s), d)
			b = append(be.AppendUint32(b, vtag), 0, 0, 0, 0, typ, 0)
			return append(be.AppendUint16(b, uint16(4+len(content))), content...)
		}, word}
	}
	init := func(tag uint32) []byte {
		return append(be.AppendUint32(nil, tag), 0, 0, 0x20, 0, 0, 1, 0, 1, 0, 0, 0, 1)
	}
	plain := func(back bool, word string, data ...byte) step {
		return step{back, func(s, d uint16) []byte { return append(be.AppendUint16(be.AppendUint16(nil, s), d), data...) }, word}
	}
	raw := func(back bool, word string, data ...byte) step {
		return step{back, func(uint16, uint16) []byte { return data }, word}
	}
	const c, s = 0x11111111, 0x22222222 // verification tags of the client's and the server's choice
	out := map[model.Proto][][]step{
		model.ProtoTCP: {
			{tcp(false, 2, 100, 0, "SYN_SENT"), tcp(true, 0x12, 500, 101, "SYN_RECV"), tcp(false, 0x10, 101, 501, "ESTABLISHED"),
				tcp(false, 0x11, 101, 501, "FIN_WAIT"), tcp(true, 0x10, 501, 102, "CLOSE_WAIT"), tcp(true, 0x11, 501, 102, "LAST_ACK"), tcp(false, 0x10, 102, 502, "TIME_WAIT")},
			{tcp(false, 2, 100, 0, "SYN_SENT"), tcp(true, 2, 500, 0, "SYN_SENT2")},
			{tcp(false, 2, 100, 0, "SYN_SENT"), tcp(true, 0x12, 500, 101, "SYN_RECV"), tcp(false, 0x14, 101, 501, "CLOSE")},
		},
		model.ProtoSCTP: {
			{sctp(false, 0, 1, init(c), "CLOSED"), sctp(true, c, 2, init(s), "COOKIE_WAIT"), sctp(false, s, 10, []byte("cook"), "COOKIE_ECHOED"),
				sctp(true, c, 11, nil, "ESTABLISHED"), sctp(false, s, 7, make([]byte, 4), "SHUTDOWN_SENT"), sctp(true, c, 8, nil, "SHUTDOWN_ACK_SENT"),
				sctp(false, s, 14, nil, "CLOSED")},
			{sctp(false, c, 4, []byte("beat"), "HEARTBEAT_SENT"), sctp(true, c, 5, []byte("beat"), "ESTABLISHED")},
		},
		model.ProtoUDP:     {{plain(false, "UNREPLIED", 0, 8, 0, 0), plain(true, "REPLIED", 0, 8, 0, 0)}},
		model.ProtoUDPLite: {{plain(false, "UNREPLIED", 0, 8, 0, 1), plain(true, "REPLIED", 0, 8, 0, 1)}},
		model.ProtoGRE:     {{raw(false, "UNREPLIED", 0, 0, 8, 0, 1, 2, 3, 4), raw(true, "REPLIED", 0, 0, 8, 0, 1, 2, 3, 4)}},
		253:                {{raw(false, "UNREPLIED", 1), raw(true, "REPLIED", 1)}},
	}
	echo := func(back bool, typ byte, word string) step {
		return step{back, func(id, _ uint16) []byte {
			return append(be.AppendUint16([]byte{typ, 0, 0, 0}, id), make([]byte, 18)...)
		}, word}
	}
	if v6 {
		out[model.ProtoICMPv6] = [][]step{{echo(false, 128, "UNREPLIED"), echo(true, 129, "REPLIED")}}
	} else {
		out[model.ProtoICMP] = [][]step{{echo(false, 8, "UNREPLIED"), echo(true, 0, "REPLIED")}, {echo(false, 13, "UNREPLIED"), echo(true, 14, "REPLIED")}}
	}
	return out
}

// trafficRules translate what goes to the service's address, in both directions, and what
// goes to the server's from one port; the rest is only tracked. Ports of SCTP and what has
// no ports cannot be named by one rule.
const trafficRules = `table %[1]s n {
 chain pre { type nat hook prerouting priority -100; %[1]s daddr %[2]s dnat to %[3]s; }
 chain post { type nat hook postrouting priority 100; ct status dnat oifname "r1" masquerade; }
 chain raw { type filter hook prerouting priority -300; meta l4proto { tcp, sctp, udplite } iifname "r0" th sport < 30010 ct original zone set 7; }
 chain m { type filter hook forward priority 0; ct state new meta l4proto { sctp, gre, udplite, 253 } ct mark set 0x%[4]s ct label set 5; }
}
`

// TestTraffic sends packets of every protocol through every state that the kernel has for
// it, translated and not, and holds each flow against all that conntrack(8) prints of it,
// as text and as XML. What each packet did comes as an event too.
func TestTraffic(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "conntrack", "nft")
	for name, s := range map[string]*side{"v4": &ip4, "v6": &ip6} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			traffic(t, s)
		})
	}
}

func traffic(t *testing.T, s *side) {
	n := nettest.NewRouted(t)
	ip, length := "ip", "32"
	if s.v6() {
		ip, length = "ip6", "128"
	}
	// What arrives goes to nobody: no kernel answers.
	for _, h := range []*netns.Handle{n.Client, n.Server} {
		nettest.Feed(t, h, "table "+ip+" deaf { chain in { type filter hook input priority 0; meta l4proto != { icmpv6 } drop; icmpv6 type { echo-request, echo-reply, parameter-problem } drop; }; }", "nft", "-f", "-")
	}
	nettest.Feed(t, n.Router, fmt.Sprintf(trafficRules, ip, s.service, s.server, "abc"), "nft", "-f", "-")
	nettest.Run(t, n.Router, "ip", "addr", "add", s.service+"/"+length, "dev", "lo", "nodad")
	// Sums are not made; short timeouts would end flows on a busy machine.
	args := []string{"-qw", "net.netfilter.nf_conntrack_checksum=0", "net.netfilter.nf_conntrack_acct=1", "net.netfilter.nf_conntrack_timestamp=1"}
	for _, x := range []string{"tcp_timeout_close", "sctp_timeout_closed", "sctp_timeout_shutdown_sent", "sctp_timeout_shutdown_recd", "sctp_timeout_shutdown_ack_sent",
		"sctp_timeout_cookie_wait", "sctp_timeout_cookie_echoed", "sctp_timeout_heartbeat_sent", "tcp_timeout_last_ack", "tcp_timeout_close_wait", "tcp_timeout_syn_recv",
		"udp_timeout", "icmp_timeout", "icmpv6_timeout", "gre_timeout", "gre_timeout_stream"} {
		args = append(args, "net.netfilter.nf_conntrack_"+x+"=600")
	}
	nettest.Run(t, n.Router, "sysctl", args...)
	r := open(t, n.Router)
	items := watch(t, r, Options{Resync: time.Hour})
	until(t, items, "the first dump", isTable)

	t.Cleanup(func() {
		if t.Failed() {
			t.Log(nettest.Run(t, n.Router, "conntrack", "-L", "-f", map[bool]string{false: "ipv4", true: "ipv6"}[s.v6()], "-o", "extended,id"))
		}
	})
	w := &wire{t: t, n: n, port: 30000}
	client := netip.MustParseAddr(s.client)
	begun := map[flow.Key]string{} // the word that each flow should end with
	for p, list := range talks(s.v6()) {
		for _, talk := range list {
			for end := 1; end <= len(talk); end++ {
				for _, to := range []netip.Addr{netip.MustParseAddr(s.server), netip.MustParseAddr(s.service)} {
					if !p.Ports() && !p.ICMP() && (end != len(talk) || len(begun) > 0 && seenProto(begun, p, to)) {
						continue // one flow for a pair of addresses
					}
					w.port++
					f := w.converse(items, p, client, to, talk[:end])
					begun[f.Key()] = talk[end-1].word
				}
			}
		}
	}
	// PPTP's GRE has a call ID for a port; its own helper would join the directions.
	w.send(n.Client, model.ProtoGRE, netip.MustParseAddr(s.server), []byte{0x20, 0x01, 0x88, 0x0b, 0, 0, 0x12, 0x34})
	keyed := until(t, items, "GRE of PPTP", func(i feed.Item) bool {
		return i.Flow != nil && i.Flow.Flow != nil && i.Flow.Flow.Orig.Tuple.DPort == 0x1234
	}).Flow.Flow
	begun[keyed.Key()] = "UNREPLIED"

	printed, asxml := conntrackL(t, n.Router), conntrackXML(t, n.Router)
	flows, tab := list(t, r)
	for _, f := range flows {
		word, ok := begun[f.Key()]
		if !ok {
			if f.Orig.Tuple.Proto != model.ProtoICMPv6 {
				t.Errorf("unexpected flow %s", f.Line())
			}
			continue
		}
		delete(begun, f.Key())
		if f.Word() != word {
			t.Errorf("%s is %s, expected %s", f.Line(), f.Word(), word)
		}
		l := printed[f.ID]
		if l.proto == "unknown" {
			l.proto = "253"
		}
		same(t, f, l)
		sameXML(t, f, asxml[f.ID])
		// Of SYN_SENT2 the kernel tells no sysctl.
		if max := tab.Table.Timeouts.Of(f); (max < f.Timeout || max == 0) != (word == "SYN_SENT2") {
			t.Errorf("%s: %v left of %v", f.Line(), f.Timeout, max)
		}
		translated := f.Orig.Tuple.Dst.String() == s.service
		if (f.Status&(flow.SrcNAT|flow.DstNAT) == flow.SrcNAT|flow.DstNAT) != translated || translated && f.Reply.Tuple.Src.String() != s.server {
			t.Errorf("%s: %v", f.Line(), f.Status.List())
		}
		if len(f.Unknown) != 0 {
			t.Errorf("%s: unknown %+v", f.Line(), f.Unknown)
		}
		marked := f.Mark == 0xabc && len(f.Labels) > 0 && f.Labels[0] == 1<<5
		if p := f.Orig.Tuple.Proto; marked != (p == model.ProtoSCTP || p == model.ProtoGRE || p == model.ProtoUDPLite || p == 253) {
			t.Errorf("%s: mark %#x, labels %x", f.Line(), f.Mark, f.Labels)
		}
		if p := f.Orig.Tuple.Proto; p == model.ProtoSCTP && word == "ESTABLISHED" && (f.Orig.VTag == 0 || f.Reply.VTag == 0) {
			t.Errorf("%s: verification tags %#x, %#x", f.Line(), f.Orig.VTag, f.Reply.VTag)
		}
	}
	for k, word := range begun {
		t.Errorf("%+v, %s, is not in the table", k, word)
	}
	ends(t, n.Router, items, flows)
}

// ends deletes a flow: the event tells when it ended, and what it had by then.
func ends(t *testing.T, router *netns.Handle, items <-chan feed.Item, flows []*flow.Flow) {
	t.Helper()
	i := slices.IndexFunc(flows, func(f *flow.Flow) bool { return f.Orig.Tuple.Proto == model.ProtoUDP && f.Word() == "REPLIED" })
	f := flows[i]
	u := f.Orig.Tuple
	nettest.Run(t, router, "conntrack", "-D", "-f", map[bool]string{false: "ipv4", true: "ipv6"}[u.Src.Is6()], "-p", "udp", "-s", u.Src.String(), "--sport", fmt.Sprint(u.SPort))
	gone := until(t, items, "the end of "+f.Line(), func(i feed.Item) bool {
		return i.Flow != nil && i.Flow.Type == flow.EventDestroy && i.Flow.Flow.Key() == f.Key()
	}).Flow.Flow
	if !gone.Start.Equal(f.Start) || !gone.Stop.After(gone.Start) || gone.Stop.After(time.Now()) || gone.Orig.Count != f.Orig.Count || gone.Reply.Count != f.Reply.Count {
		t.Errorf("began %v, and at its end %v; ended %v; %+v %+v, and at its end %+v %+v", f.Start, gone.Start, gone.Stop,
			f.Orig.Count, f.Reply.Count, gone.Orig.Count, gone.Reply.Count)
	}
}

func seenProto(begun map[flow.Key]string, p model.Proto, to netip.Addr) bool {
	for k := range begun {
		if k.Orig.Proto == p && k.Orig.Dst == to {
			return true
		}
	}
	return false
}

// converse sends the packets of a talk, each when the event of the one before it has come,
// and gives the flow.
func (w *wire) converse(items <-chan feed.Item, p model.Proto, client, to netip.Addr, talk []step) *flow.Flow {
	w.t.Helper()
	var f *flow.Flow
	var status flow.Status
	for i, s := range talk {
		switch {
		case f == nil:
			w.send(w.n.Client, p, to, s.make(w.port, 40))
		case s.back:
			r := f.Reply.Tuple
			w.send(w.n.Server, p, r.Dst, s.make(r.SPort, r.DPort))
		default:
			w.send(w.n.Client, p, to, s.make(w.port, 40))
		}
		if i > 0 && s.word == talk[i-1].word { // it changes nothing that is told
			continue
		}
		what := fmt.Sprintf("%v to %v, packet %d: %s", p, to, i, s.word)
		f = until(w.t, items, what, func(i feed.Item) bool {
			if i.Flow == nil || i.Flow.Flow == nil || i.Flow.Type == flow.EventDump {
				return false
			}
			x := i.Flow.Flow
			if x.Orig.Tuple.Proto != p || x.Orig.Tuple.Src != client || x.Orig.Tuple.Dst != to || (p.Ports() || p.ICMP()) && x.Orig.Tuple.SPort != w.port {
				return false
			}
			status = x.Status
			return x.Word() == s.word || i.Flow.Type == flow.EventUpdate && x.State == "" && s.word == (&flow.Flow{Status: status}).Word()
		}).Flow.Flow
	}
	return f
}
