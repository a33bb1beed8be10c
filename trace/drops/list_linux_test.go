package drops

import (
	"cmp"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/trace/nettest"
)

// both makes of a cause one for each family: $C, $S, $R are the client's, the server's
// and the router's address at the client, $N and $NET a foreign one and its network.
func both(c cause, make4 func(a addrs) cause) []cause {
	var out []cause
	for _, a := range []addrs{
		{v6: false, name: "4", client: "10.1.0.2", server: "10.2.0.2", router: "10.1.0.1", foreign: "192.0.2.1", net: "192.0.2.0/24", missing: "10.2.0.99", sysctl: "ipv4", legacy: "iptables-legacy", family: "ip"},
		{v6: true, name: "6", client: "fd01::2", server: "fd02::2", router: "fd01::1", foreign: "fd99::1", net: "fd99::/64", missing: "fd02::99", sysctl: "ipv6", legacy: "ip6tables-legacy", family: "ip6"},
	} {
		m := make4(a)
		if m.fire == nil { // not of this family
			continue
		}
		m.name = c.name + " " + a.name
		out = append(out, m)
	}
	return out
}

type addrs struct {
	v6                                                  bool
	name, client, server, router, foreign, net, missing string
	sysctl, legacy, family                              string
}

func (a addrs) at(addr, port string) string { return net.JoinHostPort(addr, port) }

// icmp is the protocol of ICMP.
func (a addrs) icmp() uint8 {
	if a.v6 {
		return unix.IPPROTO_ICMPV6
	}
	return unix.IPPROTO_ICMP
}

func causes() []cause {
	var list []cause
	add := func(name string, m func(a addrs) cause) { list = append(list, both(cause{name: name}, m)...) }

	add("rp_filter strict", func(a addrs) cause {
		if a.v6 { // there IPv6 has only the rule's match
			return cause{}
		}
		return cause{setup: "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.r0.rp_filter=1", fire: frame(nettest.Frame{Src: "10.2.0.77", Dst: a.server}),
			reason: "IP_RPFILTER", station: drop.StationRouting, what: "10.2.0.77", says: "strict",
			facts: []string{"net.ipv4.conf.r0.rp_filter is 1", "the way back to 10.2.0.77 is 10.2.0.77 dev r1, and it came by r0"}, counter: "TcpExtIPReversePathFilter"}
	})
	add("rp_filter strict by all", func(a addrs) cause {
		if a.v6 {
			return cause{}
		}
		return cause{setup: "sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.r0.rp_filter=0", fire: frame(nettest.Frame{Src: "10.2.0.77", Dst: a.server}),
			reason: "IP_RPFILTER", station: drop.StationRouting, what: "10.2.0.77", says: "strict", facts: []string{"net.ipv4.conf.all.rp_filter is 1"}, counter: "TcpExtIPReversePathFilter"}
	})
	add("rp_filter loose", func(a addrs) cause {
		if a.v6 {
			return cause{}
		}
		return cause{setup: "sysctl -qw net.ipv4.conf.r0.rp_filter=2", fire: frame(nettest.Frame{Src: "192.0.2.9", Dst: a.server}),
			reason: "IP_RPFILTER", station: drop.StationRouting, what: "192.0.2.9", says: "loose", facts: []string{"net.ipv4.conf.r0.rp_filter is 2", "no route leads back to 192.0.2.9"}, counter: "TcpExtIPReversePathFilter"}
	})
	add("no route", func(a addrs) cause {
		return cause{fire: frame(nettest.Frame{Src: a.client, Dst: a.foreign}), reason: "IP_INNOROUTES", station: drop.StationRouting, what: a.foreign,
			says: "no route leads to " + a.foreign, counter: map[bool]string{false: "IpExtInNoRoutes", true: "Ip6InNoRoutes"}[a.v6]}
	})
	for _, kind := range []string{"blackhole", "prohibit", "unreachable"} {
		add(kind, func(a addrs) cause {
			reason, counter := "NOT_SPECIFIED", ""
			if a.v6 && kind != "blackhole" {
				reason, counter = "IP_INNOROUTES", "Ip6InNoRoutes"
			}
			return cause{setup: "ip route add " + kind + " " + a.net, fire: frame(nettest.Frame{Src: a.client, Dst: a.foreign}), reason: reason, station: drop.StationRouting,
				what: a.foreign, says: "a route of kind " + kind + " throws away what goes to " + a.foreign, counter: counter}
		})
	}
	add("forwarding off", func(a addrs) cause {
		if a.v6 {
			return cause{setup: "sysctl -qw net.ipv6.conf.all.forwarding=0", fire: frame(nettest.Frame{Src: a.client, Dst: a.server}), reason: "IP_INADDRERRORS",
				station: drop.StationForward, what: a.server, says: "forwarding is off here", facts: []string{"net.ipv6.conf.all.forwarding is 0"}, counter: "Ip6InAddrErrors"}
		}
		return cause{setup: "sysctl -qw net.ipv4.ip_forward=0", fire: frame(nettest.Frame{Src: a.client, Dst: a.server}), reason: "IP_INADDRERRORS",
			station: drop.StationRouting, what: a.server, says: "forwarding is off here", facts: []string{"net.ipv4.ip_forward is 0"}, counter: "IpInAddrErrors"}
	})
	add("wrong MAC", func(a addrs) cause {
		return cause{fire: frame(nettest.Frame{Src: a.client, Dst: a.server, ToMAC: "02:00:00:00:00:99"}), reason: "OTHERHOST", station: drop.StationDeviceIn, what: a.server,
			says: "meant for another machine", facts: []string{"it was sent to 02:00:00:00:00:99, r0 is "}}
	})
	add("closed UDP port", func(a addrs) cause {
		return cause{at: atServer, fire: datagram("udp", a.at(a.server, "9"), 1, false), reason: "NO_SOCKET", station: drop.StationSocket, what: a.server,
			says: "nobody listens at udp port 9 of " + a.server, facts: []string{"no socket of this host has that port"}, counter: map[bool]string{false: "UdpNoPorts", true: "Udp6NoPorts"}[a.v6]}
	})
	add("closed TCP port", func(a addrs) cause {
		return cause{at: atServer, fire: connect(a.at(a.server, "9")), reason: "NO_SOCKET", station: drop.StationSocket, what: a.server,
			says: "nobody listens at tcp port 9 of " + a.server, facts: []string{"no socket of this host has that port"}}
	})
	add("bound elsewhere", func(a addrs) cause {
		lo := map[bool]string{false: "127.0.0.1", true: "::1"}[a.v6]
		return cause{at: atServer, ready: listen(net.JoinHostPort(lo, "8080")), fire: connect(a.at(a.server, "8080")), reason: "NO_SOCKET", station: drop.StationSocket, what: a.server, says: "the port is bound to " + net.JoinHostPort(lo, "8080") + " only", facts: []string{"bind the service to " + a.server + " or to all addresses"}}
	})
	bound := func(name, device, port string, at func(a addrs) string, do func(a addrs) string) {
		add(name, func(a addrs) cause {
			if at(a) == "" {
				return cause{}
			}
			on := net.JoinHostPort(at(a), port)
			return cause{at: atServer, ready: func(t testing.TB, n *nettest.Routed) {
				nettest.Do(t, n.Server, func() error {
					c := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
						cerr := c.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), device) })
						return cmp.Or(cerr, err)
					}}
					l, err := c.Listen(t.Context(), map[bool]string{false: "tcp4", true: "tcp6"}[a.v6], on)
					if err == nil {
						t.Cleanup(func() { _ = l.Close() })
					}
					return err
				})
			}, fire: connect(a.at(a.server, port)), reason: "NO_SOCKET", station: drop.StationSocket, what: a.server, says: "the port is bound to " + on + " on " + device + " only", facts: []string{do(a)}}
		})
	}
	bound("bound to another interface", "lo", "8082", func(a addrs) string { return map[bool]string{false: "0.0.0.0", true: "::"}[a.v6] },
		func(addrs) string { return "let it take s0, or none" })
	bound("bound elsewhere, to its interface", "s0", "8083", func(a addrs) string { return map[bool]string{false: "127.0.0.1"}[a.v6] }, // ::1 cannot be bound there
		func(a addrs) string { return "bind the service to " + a.server + " or to all addresses" })
	add("an echo that is not answered", func(a addrs) cause {
		if !a.v6 { // IPv4 frees it as used
			return cause{}
		}
		return cause{at: atServer, setup: "sysctl -qw net.ipv6.icmp.echo_ignore_all=1", fire: frame(nettest.Frame{Src: a.client, Dst: a.server, Proto: unix.IPPROTO_ICMPV6}), reason: "NOT_SPECIFIED", station: drop.StationSocket, what: a.server,
			says: "this host answers no echo", facts: []string{"net.ipv6.icmp.echo_ignore_all is 1"}}
	})
	add("no connection", func(a addrs) cause {
		return cause{at: atServer, fire: frame(nettest.Frame{Src: a.client, Dst: a.server, Proto: unix.IPPROTO_TCP, SPort: 50000, DPort: 22, TCPFlags: 0x10}), reason: "NO_SOCKET",
			station: drop.StationSocket, what: a.server, says: "no connection of this host has these ends"}
	})
	for _, again := range []struct {
		flags      model.TCPFlags // such as the connection itself never had
		what, says string
	}{{model.FIN | model.PSH | model.ACK, "FIN,PSH,ACK", "its connection is over and waits in TIME_WAIT"},
		{model.PSH | model.ACK, ":8081 PSH,ACK", "its connection is over and waits in TIME_WAIT, or its handshake is not finished"},
		{model.SYN | model.PSH, "SYN,PSH", "another SYN for the same ends"}} {
		add("TIME_WAIT, "+again.what, func(a addrs) cause {
			return cause{at: atServer, fire: func(t testing.TB, n *nettest.Routed) {
				frame(nettest.Frame{Src: a.client, Dst: a.server, Proto: unix.IPPROTO_TCP, SPort: over(t, n, a.at(a.server, "8081")), DPort: 8081, TCPFlags: uint8(again.flags)})(t, n)
			}, reason: "NOT_SPECIFIED", station: drop.StationSocket, what: again.what, says: again.says}
		})
	}
	add("a SYN sent again", func(a addrs) cause {
		return cause{at: atServer, ready: func(t testing.TB, n *nettest.Routed) {
			listen(a.at(a.server, "8082"))(t, n)
			// Nobody at the client has sent it, and the client would say so.
			nettest.Feed(t, n.Client, "table inet q { chain o { type filter hook output priority 0; tcp flags rst drop; }; }", "nft", "-f", "-")
		}, fire: func(t testing.TB, n *nettest.Routed) {
			for range 2 {
				frame(nettest.Frame{Src: a.client, Dst: a.server, Proto: unix.IPPROTO_TCP, SPort: 50001, DPort: 8082, TCPFlags: uint8(model.SYN)})(t, n)
			}
		}, reason: "NOT_SPECIFIED", station: drop.StationSocket, what: ":8082 SYN", says: "another SYN for the same ends"}
	})
	add("full backlog", func(a addrs) cause {
		return cause{at: atServer, fire: func(t testing.TB, n *nettest.Routed) {
			n.FillBacklog(t, a.v6, 80)
		}, counter: "TcpExtListenOverflows", says: "queue of finished connections is full"}
	})
	add("TTL", func(a addrs) cause {
		return cause{fire: frame(nettest.Frame{Src: a.client, Dst: a.server, TTL: 1}), reason: "IP_INHDR", station: drop.StationForward, what: a.server,
			says: map[bool]string{false: "its TTL ran out: it came with 1", true: "its hop limit ran out: it came with 1"}[a.v6], counter: map[bool]string{false: "IpInHdrErrors", true: "Ip6InHdrErrors"}[a.v6]}
	})
	add("MTU", func(a addrs) cause {
		n := map[bool]string{false: "1428", true: "1448"}[a.v6]
		return cause{setup: "ip link set r1 mtu 1280", fire: frame(nettest.Frame{Src: a.client, Dst: a.server, Size: 1400, DF: true}), reason: "PKT_TOO_BIG", station: drop.StationForward,
			what: a.server, says: "it has " + n + " bytes, the MTU of r1 is 1280, and it may not be cut", counter: map[bool]string{false: "IpFragFails", true: "Ip6InTooBigErrors"}[a.v6]}
	})
	add("header checksum", func(a addrs) cause {
		if a.v6 { // has none
			return cause{}
		}
		return cause{fire: frame(nettest.Frame{Src: a.client, Dst: a.server, BadIP: true}), reason: "IP_CSUM", station: drop.StationDeviceIn, what: a.server, says: "checksum of its IPv4 header is wrong", counter: "IpExtInCsumErrors"}
	})
	add("UDP checksum", func(a addrs) cause {
		return cause{at: atServer, fire: frame(nettest.Frame{Src: a.client, Dst: a.server, BadL4: true}), reason: "UDP_CSUM", station: drop.StationSocket, what: a.server, says: "UDP checksum is wrong",
			counter: map[bool]string{false: "UdpInCsumErrors", true: "Udp6InCsumErrors"}[a.v6]}
	})
	add("TCP checksum", func(a addrs) cause {
		return cause{at: atServer, fire: frame(nettest.Frame{Src: a.client, Dst: a.server, Proto: unix.IPPROTO_TCP, SPort: 50000, DPort: 22, TCPFlags: 2, BadL4: true}), reason: "TCP_CSUM",
			station: drop.StationSocket, what: a.server, says: "TCP checksum is wrong", counter: "TcpInCsumErrors"}
	})
	add("ICMP checksum", func(a addrs) cause {
		return cause{at: atServer, fire: frame(nettest.Frame{Src: a.client, Dst: a.server, Proto: a.icmp(), BadL4: true}), reason: "ICMP_CSUM", station: drop.StationSocket, what: a.server,
			says: "ICMP checksum is wrong", counter: map[bool]string{false: "IcmpInCsumErrors", true: "Icmp6InCsumErrors"}[a.v6]}
	})
	add("neighbour", func(a addrs) cause {
		reason := "NEIGH_FAILED"
		if a.v6 {
			reason = "NOT_SPECIFIED"
		}
		how := map[bool]string{false: "ARP", true: "neighbour discovery"}[a.v6]
		return cause{setup: "sysctl -qw net." + a.sysctl + ".neigh.r1.retrans_time_ms=600000",
			fire: func(t testing.TB, n *nettest.Routed) {
				frame(nettest.Frame{Src: a.client, Dst: a.missing})(t, n)
				nettest.GiveUp(t, n.Router, "r1", a.missing)
			}, reason: reason, station: drop.StationDeviceOut, what: "> " + bracket(a.missing), says: "the next hop " + a.missing + " on r1 does not answer " + how,
			facts: []string{"its neighbour entry is FAILED"}}
	})
	for _, side := range []string{"src", "dst"} {
		add("127/8 as "+side, func(a addrs) cause {
			lo, c := "127.0.0.5", nettest.Frame{Src: a.client, Dst: a.server}
			if a.v6 {
				lo = "::1"
			}
			word := "source"
			if side == "src" {
				c.Src = lo
			} else {
				c.Dst, word = lo, "destination"
			}
			if a.v6 {
				return cause{fire: frame(c), reason: "IP_INHDR", station: drop.StationDeviceIn, what: bracket(lo), says: "an address of ::1 is in it", counter: "Ip6InHdrErrors"}
			}
			return cause{fire: frame(c), reason: "IP_LOCALNET", station: drop.StationRouting, what: lo, says: "its " + word + " 127.0.0.5 is of 127/8", facts: []string{"net.ipv4.conf.r0.route_localnet is 0"}, counter: "rt_cache in_martian_" + side}
		})
	}
	add("own address as source", func(a addrs) cause {
		if a.v6 { // IPv6 does not look
			return cause{}
		}
		return cause{fire: frame(nettest.Frame{Src: a.router, Dst: a.server}), reason: "IP_LOCAL_SOURCE", station: drop.StationRouting, what: a.router, says: "is one of this host's own",
			facts: []string{"10.1.0.1 is an address of this host", "net.ipv4.conf.r0.accept_local is 0"}}
	})
	add("no protocol", func(a addrs) cause {
		if a.v6 {
			return cause{}
		}
		return cause{at: atServer, fire: frame(nettest.Frame{Src: a.client, Dst: a.server, Proto: 200}), reason: "IP_NOPROTO", station: drop.StationSocket, what: a.server, says: "nothing on this host handles its IP protocol", counter: "IpInUnknownProtos"}
	})
	add("receive buffer", func(a addrs) cause {
		return cause{at: atServer, ready: func(t testing.TB, n *nettest.Routed) {
			nettest.Do(t, n.Server, func() error {
				u, err := net.ListenPacket("udp", a.at(a.server, "9"))
				if err != nil {
					return err
				}
				t.Cleanup(func() { _ = u.Close() })
				return u.(*net.UDPConn).SetReadBuffer(1)
			})
		}, fire: func(t testing.TB, n *nettest.Routed) {
			for range 20 {
				sendFrom(t, n.Client, "udp", a.at(a.server, "9"), 1000, false)
			}
		}, reason: "SOCKET_RCVBUFF", station: drop.StationSocket, what: a.server, says: "receive buffer is full", counter: map[bool]string{false: "UdpRcvbufErrors", true: "Udp6RcvbufErrors"}[a.v6]}
	})
	add("queue without listener", func(a addrs) cause {
		return cause{setup: a.legacy + " -A FORWARD -j NFQUEUE --queue-num 7", fire: frame(nettest.Frame{Src: a.client, Dst: a.server}), reason: "NOT_SPECIFIED", station: drop.StationNetfilter,
			hook: model.HookForward, by: drop.ByNetfilter, what: a.server, says: "no program reads that queue", facts: []string{"queues that are read: none"}}
	})
	add("qdisc", func(a addrs) cause {
		return cause{setup: "tc qdisc add dev r1 root tbf rate 8kbit burst 1600 limit 1", fire: func(t testing.TB, n *nettest.Routed) {
			for range 4 {
				frame(nettest.Frame{Src: a.client, Dst: a.server, Size: 1000})(t, n)
			}
		}, reason: "QDISC_DROP", station: drop.StationDeviceOut, what: a.server, says: "the queue of r1 (tbf) dropped it"}
	})
	add("no carrier", func(a addrs) cause {
		return cause{fire: func(t testing.TB, n *nettest.Routed) {
			nettest.Run(t, n.Server, "ip", "link", "set", "s0", "down")
			// The kernel stops the queue of the other end a moment later (net/core/link_watch.c).
			nettest.Run(t, n.Router, "timeout", "60", "sh", "-c", "until ip link show r1 | grep -q 'NO-CARRIER.*state [A-Z]*DOWN'; do :; done")
			frame(nettest.Frame{Src: a.client, Dst: a.server})(t, n)
		}, reason: "QDISC_DROP", station: drop.StationDeviceOut, what: a.server, says: "nothing is plugged in at r1 (no carrier)"}
	})
	add("link down", func(a addrs) cause {
		return cause{setup: "ip link set r1 down", fire: frame(nettest.Frame{Src: a.client, Dst: a.server}), reason: "IP_INNOROUTES", station: drop.StationRouting, what: a.server, says: "no route leads to " + a.server,
			counter: map[bool]string{false: "IpExtInNoRoutes", true: "Ip6InNoRoutes"}[a.v6]}
	})
	add("IPv6 off", func(a addrs) cause {
		if !a.v6 {
			return cause{}
		}
		return cause{setup: "sysctl -qw net.ipv6.conf.r0.disable_ipv6=1", fire: frame(nettest.Frame{Src: a.client, Dst: a.server}), reason: "IPV6DISABLED", station: drop.StationDeviceIn, what: a.server,
			says: "IPv6 is off on the interface", facts: []string{"net.ipv6.conf.r0.disable_ipv6 is 1"}, counter: "Ip6InDiscards"}
	})
	return append(list, verdicts()...)
}

func bracket(a string) string {
	if strings.Contains(a, ":") {
		return "[" + a + "]"
	}
	return a
}

// verdicts are drops by rules of both backends in every hook: never called a reason of
// the kernel's.
func verdicts() []cause {
	var list []cause
	hook := map[string]model.Hook{"PREROUTING": model.HookPrerouting, "INPUT": model.HookInput, "FORWARD": model.HookForward, "OUTPUT": model.HookOutput, "POSTROUTING": model.HookPostrouting}
	way := map[model.Hook]string{model.HookPrerouting: "r0>", model.HookInput: "r0>", model.HookForward: "r0>", model.HookPostrouting: "r0>r1"}
	table := map[string]string{"PREROUTING": "raw", "POSTROUTING": "mangle"}
	for chain, h := range hook {
		for _, backend := range []string{"legacy", "nft"} {
			list = append(list, both(cause{name: backend + " " + chain}, func(a addrs) cause {
				c := cause{fire: frame(nettest.Frame{Src: a.client, Dst: a.server}), reason: "NETFILTER_DROP", station: drop.StationNetfilter, hook: h, by: drop.ByNetfilter, way: way[h],
					what: bracket(a.server), says: "a rule or a policy of netfilter in " + h.String() + " dropped it"}
				switch chain {
				case "INPUT":
					c.fire = frame(nettest.Frame{Src: a.client, Dst: a.router})
					c.what = "> " + bracket(a.router)
				case "OUTPUT":
					c.fire = func(t testing.TB, n *nettest.Routed) { // the kernel says EPERM to the sender
						_ = n.Router.Do(func() error {
							u, err := net.DialTimeout("udp", a.at(a.server, "9"), time.Second)
							if err == nil {
								_, _ = u.Write([]byte{1})
								_ = u.Close()
							}
							return nil
						})
					}
				}
				if c.setup = "nft add table " + a.family + " t; nft 'add chain " + a.family + " t c {type filter hook " + h.String() + " priority 0;}'; nft add rule " + a.family + " t c udp dport 9 drop"; backend == "legacy" {
					tbl := table[chain]
					if tbl == "" {
						tbl = "filter"
					}
					c.setup = a.legacy + " -t " + tbl + " -A " + chain + " -p udp --dport 9 -j DROP"
				}
				return c
			})...)
		}
	}
	add := func(name string, m func(a addrs) cause) { list = append(list, both(cause{name: name}, m)...) }
	add("legacy policy", func(a addrs) cause {
		return cause{setup: a.legacy + " -P FORWARD DROP", fire: frame(nettest.Frame{Src: a.client, Dst: a.server}), reason: "NETFILTER_DROP", station: drop.StationNetfilter, hook: model.HookForward,
			by: drop.ByNetfilter, what: bracket(a.server), says: "a rule or a policy"}
	})
	add("nft policy", func(a addrs) cause {
		return cause{setup: "nft add table inet t; nft 'add chain inet t c {type filter hook forward priority 0; policy drop;}'", fire: frame(nettest.Frame{Src: a.client, Dst: a.server}), reason: "NETFILTER_DROP",
			station: drop.StationNetfilter, hook: model.HookForward, by: drop.ByNetfilter, what: bracket(a.server), says: "a rule or a policy"}
	})
	add("nft reject", func(a addrs) cause {
		return cause{setup: "nft add table inet t; nft 'add chain inet t c {type filter hook forward priority 0;}'; nft add rule inet t c udp dport 9 reject", fire: frame(nettest.Frame{Src: a.client, Dst: a.server}),
			reason: "NETFILTER_DROP", station: drop.StationNetfilter, hook: model.HookForward, by: drop.ByNetfilter, what: bracket(a.server), says: "a rule or a policy"}
	})
	add("legacy REJECT", func(a addrs) cause {
		return cause{setup: a.legacy + " -A FORWARD -p udp -j REJECT", fire: frame(nettest.Frame{Src: a.client, Dst: a.server}),
			reason: "NETFILTER_DROP", station: drop.StationNetfilter, hook: model.HookForward, by: drop.ByNetfilter, what: bracket(a.server), says: "a rule or a policy"}
	})
	add("invalid state", func(a addrs) cause {
		return cause{setup: a.legacy + " -A FORWARD -m conntrack --ctstate INVALID -j DROP", fire: frame(nettest.Frame{Src: a.client, Dst: a.server, Proto: unix.IPPROTO_TCP, SPort: 50000, DPort: 22, TCPFlags: 0x12}),
			reason: "NETFILTER_DROP", station: drop.StationNetfilter, hook: model.HookForward, by: drop.ByNetfilter, what: bracket(a.server), says: "a rule or a policy"}
	})
	add("insert failed", func(a addrs) cause { // both connections would get the one port that there is
		return cause{setup: "nft add table " + a.family + " t\nnft 'add chain " + a.family + " t n {type nat hook postrouting priority 100;}'; nft add rule " + a.family + " t n udp dport 9 snat to " + bracket(a.router) + ":5000",
			fire: func(t testing.TB, n *nettest.Routed) {
				frame(nettest.Frame{Src: a.client, Dst: a.server, SPort: 40001, DPort: 9})(t, n)
				frame(nettest.Frame{Src: a.client, Dst: a.server, SPort: 40002, DPort: 9})(t, n)
			},
			reason: "NETFILTER_DROP", station: drop.StationNetfilter, hook: model.HookPostrouting, by: drop.ByConntrack, what: bracket(a.router) + ":5000", hasCT: true,
			says: "conntrack could not take its connection", counter: "nf_conntrack insert_failed", facts: []string{"1 connection met another one of the same addresses and ports"}}
	})
	add("after DNAT", func(a addrs) cause {
		return cause{setup: "nft add table " + a.family + " t\nnft 'add chain " + a.family + " t n {type nat hook prerouting priority -100;}'; nft add rule " + a.family + " t n udp dport 53 dnat to " + bracket(a.server) + ":9\n" +
			"nft 'add chain " + a.family + " t c {type filter hook forward priority 0;}'; nft add rule " + a.family + " t c udp dport 9 drop\n" +
			"nft 'add chain " + a.family + " t r {type filter hook prerouting priority -300;}'; nft add rule " + a.family + " t r ct zone set 7 meta mark set 42",
			conn: fmt.Sprintf("udp %s:40000 > %s:53, udp %s:9 > %s:40000, NEW, zone 7, mark 42", bracket(a.client), bracket(a.router), bracket(a.server), bracket(a.client)),
			fire: frame(nettest.Frame{Src: a.client, Dst: a.router, SPort: 40000, DPort: 53}), reason: "NETFILTER_DROP", station: drop.StationNetfilter, hook: model.HookForward, by: drop.ByNetfilter,
			what: bracket(a.server), says: "a rule or a policy", hasCT: true}
	})
	return list
}
