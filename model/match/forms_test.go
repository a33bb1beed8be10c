package match_test

import (
	"fmt"
	"strings"
)

// matchForms are all matches that this package knows and iptables 1.8 has.
func matchForms() []form {
	ports := func(m string) func(g *gen) string {
		return func(g *gen) string {
			return "-m " + m + " " + g.any(g.not()+g.pick("--sport ", "--source-port ")+g.rng(65534), g.not()+g.pick("--dport ", "--destination-port ")+g.rng(65534))
		}
	}
	hops := func(m string) func(g *gen) string {
		return func(g *gen) string {
			return "-m " + m + " " + g.pick(g.not()+"--"+m+"-eq ", "--"+m+"-lt ", "--"+m+"-gt ") + fmt.Sprint(g.upto(255))
		}
	}
	forms := []form{
		{"tcp", 0, "tcp", "", func(g *gen) string {
			s := ports("tcp")(g)
			s += " " + g.maybe(g.not()+fmt.Sprintf("--tcp-option %d", 1+g.upto(254)))
			flags := func() string {
				return g.pick(g.some(",", "FIN", "SYN", "RST", "PSH", "ACK", "URG"), "ALL", "NONE", "syn,ack")
			}
			return s + " " + g.maybe(g.not()+g.pick("--syn", "--tcp-flags "+flags()+",SYN "+flags()))
		}},
		{"udp", 0, "udp", "", ports("udp")},
		{"dccp", 0, "dccp", "", func(g *gen) string {
			return ports("dccp")(g) + " " + g.any(g.not()+"--dccp-types "+g.some(",", "REQUEST", "RESPONSE", "DATA", "ACK", "DATAACK",
				"CLOSEREQ", "CLOSE", "RESET", "SYNC", "SYNCACK"), g.not()+fmt.Sprintf("--dccp-option %d", 1+g.upto(254)))
		}},
		{"sctp", 0, "sctp", "", func(g *gen) string {
			return ports("sctp")(g) + " " + g.maybe(g.not()+"--chunk-types "+g.pick("any", "all", "only")+" "+g.pick("ALL",
				g.some(",", "DATA:Be", "INIT", "INIT_ACK", "SACK", "ABORT:t", "SHUTDOWN_COMPLETE:T", "HEARTBEAT", "COOKIE_ECHO", "ASCONF",
					"ASCONF_ACK", "FORWARD_TSN", "ECN_ECNE", "ERROR"), "DATA:iUbE"))
		}},
		{"icmp", 4, "icmp", "", func(g *gen) string {
			return "-m icmp " + g.not() + "--icmp-type " + g.pick("any", fmt.Sprint(g.upto(254)), fmt.Sprintf("%d/%d", g.upto(254), g.upto(255)),
				"echo-request", "ping", "port-unreachable", "ttl-exceeded", "TOS-host-redirect", "echo-req", "255", "255/3")
		}},
		{"icmp6", 6, "ipv6-icmp", "", func(g *gen) string {
			return g.pick("-m icmp6 ", "-m icmpv6 ") + g.not() + "--icmpv6-type " + g.pick(fmt.Sprint(g.upto(255)), fmt.Sprintf("%d/%d", g.upto(254), g.upto(255)),
				"echo-request", "pong", "no-route", "packet-too-big", "neighbor-solicitation", "router-adv")
		}},
		{"multiport", 0, "udp", "", func(g *gen) string {
			var l []string
			for n := 1 + g.IntN(15); n > 0; n-- {
				if a := g.upto(65000); n > 1 && g.IntN(3) == 0 {
					n--
					l = append(l, fmt.Sprintf("%d:%d", a, a+1+g.upto(500)))
				} else {
					l = append(l, fmt.Sprint(a))
				}
			}
			return "-m multiport " + g.not() + g.pick("--sports ", "--dports ", "--ports ", "--source-ports ") + strings.Join(l, ",")
		}},
		{"iprange", 0, "", "", func(g *gen) string {
			r := g.pick("10.0.0.1-10.0.0.9", "10.0.0.5", "172.16.0.0-172.31.255.255")
			if g.v6 {
				r = g.pick("2001:db8::1-2001:db8::9", "::1", "fd00::-fd00::ffff")
			}
			return "-m iprange " + g.some(" ", g.not()+"--src-range "+r, g.not()+"--dst-range "+r)
		}},
		{"mac", 0, "", "", func(g *gen) string {
			return "-m mac " + g.not() + fmt.Sprintf("--mac-source %02x:%02X:3:04:a:0B", g.IntN(256), g.IntN(256))
		}},
		{"mark", 0, "", "", func(g *gen) string { return "-m mark " + g.not() + "--mark " + g.mark() }},
		{"connmark", 0, "", "", func(g *gen) string { return "-m connmark " + g.not() + "--mark " + g.mark() }},
		{"realm", 4, "", "", func(g *gen) string {
			return "-m realm " + g.not() + fmt.Sprintf("--realm 0x%x", 1+g.upto(250)) + g.maybe("/0xff")
		}},
		{"conntrack", 0, "", "", func(g *gen) string {
			l := []string{g.not() + "--ctstate " + g.some(",", "NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED", "SNAT", "DNAT"),
				g.not() + "--ctproto " + g.pick("tcp", "17", "icmp", "gre"), g.not() + "--ctorigsrc " + g.prefix(), g.not() + "--ctorigdst " + g.prefix(),
				g.not() + "--ctreplsrc " + g.prefix(), g.not() + "--ctrepldst " + g.prefix(),
				g.not() + "--ctstatus " + g.pick("NONE", g.some(",", "EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED")),
				g.not() + "--ctexpire " + g.rng(1000000), "--ctdir " + g.pick("ORIGINAL", "reply")}
			s := g.some(" ", l...)
			if !strings.Contains(s, "ctproto") && g.yes() {
				s += " --ctproto 6 " + g.some(" ", g.not()+"--ctorigsrcport "+g.rng(65534), g.not()+"--ctorigdstport "+g.rng(65534),
					g.not()+"--ctreplsrcport "+g.rng(65534), g.not()+"--ctrepldstport "+g.rng(65534))
			}
			return "-m conntrack " + s
		}},
		{"state", 0, "", "", func(g *gen) string {
			return "-m state " + g.not() + "--state " + g.some(",", "NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED")
		}},
		{"addrtype", 0, "", "", func(g *gen) string {
			types := func() string {
				return g.some(",", "UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "ANYCAST", "MULTICAST", "BLACKHOLE", "UNREACHABLE", "PROHIBIT")
			}
			if g.v6 { // the kernel's IPv6 has no more
				types = func() string { return g.some(",", "UNICAST", "LOCAL", "ANYCAST", "MULTICAST", "UNREACHABLE") }
			}
			return "-m addrtype " + g.some(" ", g.not()+"--src-type "+types(), g.not()+"--dst-type "+types()) + g.maybe(g.pick(" --limit-iface-in", " --limit-iface-out"))
		}},
		{"set", 0, "", "", func(g *gen) string {
			set := g.pick("ip"+g.fam("4", "6")+" src", "ip"+g.fam("4", "6")+" dst", "port"+g.fam("4", "6")+" src,dst", "port"+g.fam("4", "6")+" dst,dst")
			return "-m set " + g.not() + "--match-set " + set + " " + g.any("--return-nomatch", "! --update-counters", "! --update-subcounters",
				g.pick(g.not()+"--packets-eq 3", "--packets-lt 9", "--packets-gt 5"), g.pick(g.not()+"--bytes-eq 7", "--bytes-lt 88", "--bytes-gt 1000"))
		}},
		{"limit", 0, "", "", func(g *gen) string { // xt_limit refuses a burst that takes more than 37 hours
			return "-m limit " + g.maybe("--limit "+g.pick(fmt.Sprint(1+g.IntN(100)), fmt.Sprintf("%d/sec", 1+g.IntN(5000)), fmt.Sprintf("%d/minute", 1+g.IntN(500)),
				fmt.Sprintf("%d/h", 3+g.IntN(498)), fmt.Sprintf("%d/day", 65+g.IntN(4936)))) + " " + g.maybe(fmt.Sprintf("--limit-burst %d", 1+g.IntN(100)))
		}},
		{"hashlimit", 0, "", "", func(g *gen) string {
			rate := g.pick(fmt.Sprintf("%d/sec", 1+g.IntN(100000)), fmt.Sprintf("%d/min", 1+g.IntN(5000)), fmt.Sprintf("%d/hour", 1+g.IntN(5000)),
				fmt.Sprintf("%d/d", 1+g.IntN(5000))) + " " + g.maybe(fmt.Sprintf("--hashlimit-burst %d", 1+g.IntN(100)))
			if g.IntN(3) == 0 {
				rate = fmt.Sprintf("%d%sb/s ", 16+g.IntN(1000), g.pick("", "k", "m"))
			}
			l := g.some(" ", "--hashlimit-mode "+g.some(",", "srcip", "dstip", "srcport", "dstport"), "--hashlimit-name "+g.unique("h"),
				fmt.Sprintf("--hashlimit-htable-size %d", 1+g.IntN(1000)), fmt.Sprintf("--hashlimit-htable-max %d", 1+g.IntN(1000)),
				"--hashlimit-htable-gcinterval "+g.pick("1000", "1", "999"), "--hashlimit-htable-expire "+g.pick("1000", "60000", "777"),
				"--hashlimit-srcmask "+g.pick("24", "32", "8"), "--hashlimit-dstmask "+g.pick("24", "32", "8"))
			if !strings.Contains(l, "-name ") {
				l += " --hashlimit-name " + g.unique("h")
			}
			l += g.maybe(" --hashlimit-rate-match" + g.maybe(fmt.Sprintf(" --hashlimit-rate-interval %d", 1+g.IntN(9))))
			return "-m hashlimit " + g.not() + "--hashlimit-" + g.pick("upto ", "above ") + rate + " " + l
		}},
		{"recent", 0, "", "", func(g *gen) string {
			s := "-m recent " + g.not() + g.pick("--set", "--remove", g.pick("--rcheck", "--update")+" "+g.any(fmt.Sprintf("--hitcount %d", 1+g.IntN(20)), "--rttl")+
				g.maybe(fmt.Sprintf(" --seconds %d ", 1+g.IntN(1000))+g.maybe("--reap")))
			return s + " --name " + g.unique("r") + " " + g.any("--mask "+g.fam("255.255.255.0", "ffff::"), g.pick("--rsource", "--rdest"))
		}},
		{"statistic", 0, "", "", func(g *gen) string {
			n := 2 + g.IntN(1000)
			return "-m statistic --mode " + g.pick("random "+g.not()+fmt.Sprintf("--probability %.*f", g.IntN(12), g.Float64()),
				"nth "+g.not()+fmt.Sprintf("--every %d --packet %d", n, g.IntN(n)))
		}},
		{"owner", 0, "", "", func(g *gen) string {
			return "-m owner " + g.some(" ", g.not()+"--socket-exists", g.not()+"--uid-owner "+g.pick("0", "1000-2000", "33"), g.not()+"--gid-owner "+g.pick("0", "5-9")+g.maybe(" --suppl-groups"))
		}},
		{"comment", 0, "", "", func(g *gen) string {
			return "-m comment --comment " + g.pick("plain", "kube-dns_1", g.text(60), `"a b"`)
		}},
		{"length", 0, "", "", func(g *gen) string { return "-m length " + g.not() + "--length " + g.rng(65535) }},
		{"ttl", 4, "", "", hops("ttl")},
		{"hl", 6, "", "", hops("hl")},
		{"tos", 0, "", "", func(g *gen) string {
			return "-m tos " + g.not() + "--tos " + g.pick("Minimize-Delay", "0x10", "0x08/0x3f", "200", "normal-service")
		}},
		{"dscp", 0, "", "", func(g *gen) string {
			return "-m dscp " + g.not() + g.pick("--dscp "+fmt.Sprint(g.upto(63)), "--dscp-class "+g.pick("EF", "af31", "CS7", "BE"))
		}},
		{"ecn", 0, "tcp", "", func(g *gen) string {
			return "-m ecn " + g.some(" ", g.not()+"--ecn-tcp-ece", g.not()+"--ecn-tcp-cwr", g.not()+fmt.Sprintf("--ecn-ip-ect %d", g.upto(3)))
		}},
		{"pkttype", 0, "", "", func(g *gen) string {
			return "-m pkttype " + g.not() + "--pkt-type " + g.pick("unicast", "BROADCAST", "multicast")
		}},
		{"physdev", 0, "", "", func(g *gen) string {
			return "-m physdev " + g.some(" ", g.not()+"--physdev-is-in", g.not()+"--physdev-in "+g.iface(), g.not()+"--physdev-is-bridged",
				g.not()+"--physdev-is-out", g.not()+"--physdev-out "+g.iface())
		}},
		{"policy", 0, "", "", func(g *gen) string {
			if g.yes() {
				return "-m policy --dir " + g.pick("in", "out") + " --pol none"
			}
			elem := func() string {
				return g.some(" ", g.not()+fmt.Sprintf("--reqid %d", 1+g.IntN(100)), g.not()+fmt.Sprintf("--spi %d", 1+g.IntN(1000)),
					g.not()+"--proto "+g.pick("esp", "ah", "ipcomp"), g.pick(g.not()+"--mode transport", "--mode tunnel "+g.any(g.not()+"--tunnel-src "+g.prefix(), g.not()+"--tunnel-dst "+g.addr())))
			}
			return "-m policy --dir " + g.pick("in", "out") + " --pol ipsec " + g.pick(elem(), "--strict "+elem()+g.maybe(" --next "+elem()))
		}},
		{"rpfilter", 0, "", "mangle", func(g *gen) string {
			return "-m rpfilter " + g.any("--loose", "--validmark", "--accept-local", "--invert")
		}},
		{"connlimit", 0, "", "", func(g *gen) string {
			return "-m connlimit " + g.not() + g.pick("--connlimit-upto ", "--connlimit-above ") + fmt.Sprint(g.IntN(1000)) + " " +
				g.any(fmt.Sprintf("--connlimit-mask %d", g.upto(32)), g.pick("--connlimit-saddr", "--connlimit-daddr"))
		}},
		{"connbytes", 0, "", "", func(g *gen) string {
			return "-m connbytes " + g.not() + "--connbytes " + g.pick("10000:100000", "5:6", "7", ":9", "1000000:") + " --connbytes-dir " +
				g.pick("original", "reply", "both") + " --connbytes-mode " + g.pick("packets", "bytes", "avgpkt")
		}},
		{"helper", 0, "", "", func(g *gen) string { return "-m helper " + g.not() + "--helper " + g.pick("ftp", "sip-5060", `"a b"`) }},
		{"time", 0, "", "", func(g *gen) string {
			if g.IntN(4) == 0 {
				return "-m time --timestart 22:00 --timestop 03:00 --contiguous"
			}
			return "-m time " + g.any("--timestart "+g.pick("01:02:03", "8:00", "08:09"), "--timestop "+g.pick("17:30", "23:59:58"), g.not()+"--weekdays "+
				g.pick(g.some(",", "Mon", "Tue", "Wed", "Thu", "Sat"), "6,7", "Mo,Friday"), g.not()+"--monthdays "+g.some(",", "1", "2", "15", "31"),
				"--datestart "+g.pick("2026-01-02T03:04:05", "2026-11", "2026-11-20"), "--datestop "+g.pick("2030-01-02T03", "2031"), "--kerneltz")
		}},
		{"string", 0, "", "", func(g *gen) string {
			return "-m string " + g.not() + g.pick(`--string GET`, `--string "a \"b\" c"`, `--hex-string "|0a0b ff|"`, `--hex-string "GET|00|x"`, "--string "+g.text(40)) +
				" --algo " + g.pick("bm", "kmp") + " " + g.any("--from 5", "--to 100", "--icase")
		}},
		{"u32", 0, "", "", func(g *gen) string {
			return "-m u32 " + g.not() + `--u32 "` + g.pick("6 & 0xFF = 1", "0>>22&0x3C@12>>26=0x3F:0x40,7 && 4=0", "0x0=0x0&&0x0=0x1", "5<<2=3") + `"`
		}},
		{"bpf", 0, "", "", func(g *gen) string {
			return `-m bpf --bytecode "` + g.pick("4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0", "1,6 0 0 65535") + `"`
		}},
		{"tcpmss", 0, "tcp", "", func(g *gen) string { return "-m tcpmss " + g.not() + "--mss " + g.rng(65535) }},
		{"esp", 0, "esp", "", func(g *gen) string { return "-m esp " + g.maybe(g.not()+"--espspi "+g.rng(100000)) }},
		{"ah", 4, "ah", "", func(g *gen) string { return "-m ah " + g.maybe(g.not()+"--ahspi "+g.rng(100000)) }},
		{"ah", 6, "", "", func(g *gen) string {
			return "-m ah " + g.any(g.not()+"--ahspi "+g.rng(100000), g.not()+"--ahlen 8", "--ahres")
		}},
		{"ipcomp", 0, "ipcomp", "", func(g *gen) string {
			return "-m ipcomp " + g.not() + "--ipcompspi " + g.rng(60000) + g.maybe(" --compres")
		}},
		{"rt", 6, "", "", func(g *gen) string {
			if g.yes() {
				return "-m rt --rt-type 0 " + g.any("--rt-0-res", "--rt-0-addrs fd00::1,fd00::2"+g.maybe(" --rt-0-not-strict"), g.not()+"--rt-len 42")
			}
			return "-m rt " + g.any(g.not()+"--rt-type 1", g.not()+"--rt-segsleft "+g.rng(100), g.not()+"--rt-len 42")
		}},
		{"frag", 6, "", "", func(g *gen) string {
			return "-m frag " + g.any(g.not()+"--fragid "+g.rng(100), g.not()+"--fraglen 8", "--fragres", "--fragfirst", g.pick("--fragmore", "--fraglast"))
		}},
		{"hbh", 6, "", "", func(g *gen) string { return "-m hbh " + g.any(g.not()+"--hbh-len 8", "--hbh-opts 1:2,23,4:6") }},
		{"dst", 6, "", "", func(g *gen) string { return "-m dst " + g.any(g.not()+"--dst-len 8", "--dst-opts 149:92,12,123:12") }},
		{"mh", 6, "mh", "", func(g *gen) string { return "-m mh " + g.maybe(g.not()+"--mh-type "+g.rng(254)) }},
		{"eui64", 6, "", "", func(g *gen) string { return "-m eui64" }},
		{"socket", 0, "", "mangle", func(g *gen) string { return "-m socket " + g.any("--transparent", "--nowildcard", "--restore-skmark") }},
		{"cgroup", 0, "", "", func(g *gen) string {
			return "-m cgroup " + g.not() + g.pick(`--path "/"`, "--cgroup "+fmt.Sprint(1+g.IntN(1000)))
		}},
		{"cpu", 0, "", "", func(g *gen) string { return "-m cpu " + g.not() + "--cpu 1" }},
		{"connlabel", 0, "", "", func(g *gen) string {
			return "-m connlabel " + g.not() + "--label " + fmt.Sprint(g.upto(127)) + g.maybe(" --set")
		}},
		{"nfacct", 0, "", "", func(g *gen) string { return "-m nfacct --nfacct-name " + g.pick("acct", `"acct 2"`) }},
		{"quota", 0, "", "", func(g *gen) string { return "-m quota " + g.not() + fmt.Sprintf("--quota %d", g.Uint64()) }},
	}
	return forms
}

// targetForms are all targets that this package knows and this kernel has.
func targetForms() []form {
	plain := func(s string) func(g *gen) string { return func(*gen) string { return s } }
	hops := func(t, p string) func(g *gen) string {
		return func(g *gen) string {
			return "-j " + t + " --" + p + "-" + g.pick("set ", "inc ", "dec ") + fmt.Sprint(1+g.upto(254))
		}
	}
	ports := func(g *gen) string {
		a := g.port()
		return g.pick(fmt.Sprint(a), fmt.Sprintf("%d-%d", a, a+g.upto(65535-a)))
	}
	to := func(g *gen) string {
		a := g.fam("10.0.0.1", "fd00::1") + g.maybe(g.fam("-10.0.0.9", "-fd00::9"))
		if p := g.IntN(4); p == 0 {
			return ":" + ports(g)
		} else if p == 1 {
			return a
		}
		if g.v6 {
			a = "[" + a + "]"
		}
		return a + ":" + ports(g)
	}
	return []form{
		{"ACCEPT", 0, "", "", plain("-j ACCEPT")},
		{"DROP", 0, "", "", func(g *gen) string { return g.pick("-j DROP", "--jump DROP") }},
		{"RETURN", 0, "", "", plain("-j RETURN")},
		{"QUEUE", 0, "", "", plain("-j QUEUE")},
		{"jump", 0, "", "", func(g *gen) string { return g.pick("-j ext", "-g ext", "--goto ext") }},
		{"REJECT", 4, "", "filter", func(g *gen) string {
			return "-j REJECT " + g.maybe("--reject-with "+g.pick("icmp-net-unreachable", "host-unreach", "icmp-proto-unreachable", "port-unreach", "icmp-net-prohibited",
				"icmp-host-prohibited", "admin-prohib"))
		}},
		{"REJECT", 6, "", "filter", func(g *gen) string {
			return "-j REJECT " + g.maybe("--reject-with "+g.pick("icmp6-no-route", "adm-prohibited", "addr-unreach", "port-unreach", "policy-fail", "icmp6-reject-route"))
		}},
		{"REJECT", 0, "tcp", "filter", plain("-j REJECT --reject-with tcp-reset")},
		{"LOG", 0, "", "", func(g *gen) string {
			return "-j LOG " + g.any("--log-prefix "+g.text(25), "--log-level "+g.pick("4", "debug", "warning", "1", "error"), "--log-tcp-sequence", "--log-tcp-options",
				"--log-ip-options", "--log-uid", "--log-macdecode")
		}},
		{"NFLOG", 0, "", "", func(g *gen) string {
			return "-j NFLOG " + g.any("--nflog-prefix "+g.text(60), fmt.Sprintf("--nflog-group %d", g.port()), fmt.Sprintf("--nflog-size %d", g.IntN(1000)),
				fmt.Sprintf("--nflog-threshold %d", g.IntN(1000)))
		}},
		{"MARK", 0, "", "", func(g *gen) string {
			return "-j MARK " + g.pick("--set-xmark "+g.mark(), "--set-mark "+g.mark(), "--and-mark 0xff", "--or-mark 7", "--xor-mark 0x10")
		}},
		{"CONNMARK", 0, "", "", func(g *gen) string {
			if g.IntN(4) == 0 {
				return "-j CONNMARK " + g.pick("--save-mark", "--restore-mark --mask 0xf", "--set-xmark 0x1/0xff") + g.pick(" --left-shift-mark 3", " --right-shift-mark 5")
			}
			return "-j CONNMARK " + g.pick("--set-xmark "+g.mark(), "--set-mark "+g.mark(), "--and-mark 0xff", "--or-mark 7", "--xor-mark 0x10",
				g.pick("--save-mark ", "--restore-mark ")+g.pick("", "--mask 0xff", g.any("--nfmask 0xf0", "--ctmask 0xff")))
		}},
		{"CT", 0, "", "raw", func(g *gen) string {
			return "-j CT " + g.pick("--notrack", g.any("--ctevents "+g.some(",", "new", "related", "destroy", "mark", "helper", "secmark"), "--expevents new",
				g.pick("--zone ", "--zone-orig ", "--zone-reply ")+g.pick("7", "0x10", "mark")))
		}},
		{"NOTRACK", 0, "", "raw", plain("-j NOTRACK")},
		{"SNAT", 0, "tcp", "nat", func(g *gen) string {
			return "-j SNAT --to-source " + to(g) + " " + g.any("--random", "--random-fully", "--persistent")
		}},
		{"DNAT", 0, "tcp", "nat", func(g *gen) string {
			return "-j DNAT " + g.pick("--to-destination ", "--to-dest ") + g.pick(to(g), g.fam("10.0.0.1:", "[fd00::1]:")+"80-90/8080") + " " + g.any("--random", "--persistent")
		}},
		{"DNAT", 0, "", "nat", func(g *gen) string { return "-j DNAT --to-destination " + g.fam("10.2.0.2", "fd00::2") }},
		{"MASQUERADE", 0, "udp", "nat", func(g *gen) string {
			return "-j MASQUERADE " + g.any("--to-ports "+ports(g), "--random", "--random-fully")
		}},
		{"REDIRECT", 0, "tcp", "nat", func(g *gen) string { return "-j REDIRECT " + g.any("--to-ports "+ports(g), "--random") }},
		{"NETMAP", 0, "", "nat", func(g *gen) string { return "-j NETMAP --to " + g.fam("10.5.3.4/16", "fd05::7/64") }},
		{"TPROXY", 0, "tcp", "mangle", func(g *gen) string {
			return fmt.Sprintf("-j TPROXY --on-port %d ", g.port()) + g.any("--on-ip "+g.fam("10.0.0.1", "fd00::1"), "--tproxy-mark "+g.mark())
		}},
		{"NFQUEUE", 0, "", "", func(g *gen) string {
			b := g.pick("50:58", "0:6", "3:4")
			return "-j NFQUEUE " + g.pick("", "--queue-num 5", "--queue-balance "+b+g.maybe(" --queue-cpu-fanout")) + g.maybe(" --queue-bypass")
		}},
		{"SYNPROXY", 0, "tcp", "filter", func(g *gen) string {
			return "-m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY " + g.any("--sack-perm", "--timestamp", "--wscale 7", "--mss 1460", "--ecn")
		}},
		{"SET", 0, "", "", func(g *gen) string {
			f := g.fam("4", "6")
			return "-j SET " + g.pick("--add-set ip"+f+" src "+g.any("--exist", "--timeout 60"), "--del-set port"+f+" dst,dst")
		}},
		{"SET", 0, "", "mangle", func(g *gen) string {
			return "-j SET --map-set skb" + g.fam("4", "6") + " src " + g.some(" ", "--map-mark", "--map-prio", "--map-queue")
		}},
		{"TOS", 0, "", "mangle", func(g *gen) string {
			return "-j TOS " + g.pick("--set-tos 0x10", "--set-tos 0x10/0x3f", "--set-tos Maximize-Reliability", "--and-tos 0x0f", "--or-tos 4", "--xor-tos 0x80")
		}},
		{"DSCP", 0, "", "mangle", func(g *gen) string { return "-j DSCP " + g.pick("--set-dscp 46", "--set-dscp-class AF41") }},
		{"ECN", 4, "tcp", "mangle", func(g *gen) string {
			return "-j ECN " + g.pick("--ecn-tcp-remove", g.some(" ", "--ecn-tcp-ece 1", "--ecn-tcp-cwr "+g.pick("0", "1"), "--ecn-ip-ect 2"))
		}},
		{"TTL", 4, "", "mangle", hops("TTL", "ttl")},
		{"HL", 6, "", "mangle", hops("HL", "hl")},
		{"TCPMSS", 0, "tcp", "mangle", func(g *gen) string {
			return "-m tcp --tcp-flags SYN,RST SYN -j TCPMSS " + g.pick("--clamp-mss-to-pmtu", "--set-mss 1400")
		}},
		{"TCPOPTSTRIP", 0, "tcp", "mangle", func(g *gen) string {
			return "-j TCPOPTSTRIP --strip-options " + g.some(",", "timestamp", "sack", "wscale", "30", "9", "255")
		}},
		{"CLASSIFY", 0, "", "mangle", func(g *gen) string { return "-j CLASSIFY --set-class " + g.pick("1:10", "a:ff", "0:0") }},
		{"TEE", 0, "", "mangle", func(g *gen) string { return "-j TEE --gateway " + g.fam("10.0.0.1", "fd00::1") + g.maybe(" --oif lo") }},
		{"TRACE", 0, "", "raw", plain("-j TRACE")},
		{"AUDIT", 0, "", "", func(g *gen) string { return "-j AUDIT --type " + g.pick("accept", "DROP", "reject") }},
		{"CHECKSUM", 0, "", "mangle", plain("-j CHECKSUM --checksum-fill")},
		{"CONNSECMARK", 0, "", "mangle", func(g *gen) string { return "-j CONNSECMARK " + g.pick("--save", "--restore") }},
		{"IDLETIMER", 0, "", "", func(g *gen) string {
			return "-j IDLETIMER --timeout 600 --label " + g.unique("i") + g.maybe(" --alarm")
		}},
		{"RATEEST", 0, "", "", func(g *gen) string {
			return "-j RATEEST --rateest-name " + g.unique("e") + " " + g.pick("--rateest-interval 250ms --rateest-ewmalog 500ms", "--rateest-ewmalog 2s --rateest-interval 1s")
		}},
		{"HMARK", 0, "", "mangle", func(g *gen) string {
			if g.IntN(3) == 0 {
				return "-j HMARK --hmark-mod 7 --hmark-rnd 1 " + g.pick("--hmark-spi 4", "--hmark-spi-mask 0xff00", "--hmark-sport 80 --hmark-dport-mask 0xff")
			}
			return "-j HMARK --hmark-mod " + fmt.Sprint(1+g.IntN(1000)) + " --hmark-rnd 0xfeedcafe " + g.some(" ", "--hmark-src-prefix 24", "--hmark-dst-prefix 32",
				"--hmark-sport-mask 0xffff", "--hmark-dport 0x50", "--hmark-proto-mask 0xff") + " " + g.any("--hmark-offset 5", "--hmark-tuple ct")
		}},
		{"DNPT", 6, "", "mangle", plain("-j DNPT --src-pfx fd00::/64 --dst-pfx 2001:db8::/64")},
		{"SNPT", 6, "", "mangle", plain("-j SNPT --dst-pfx fd00::/64 --src-pfx 2001:db8::/64")},
	}
}
