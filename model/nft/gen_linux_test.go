package nft_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator makes rules that load: what stands in one rule is of one network and one
// transport protocol, and statements that end it come last.
type generator struct {
	*rand.Rand
	v6     bool
	l4     string
	family string
	chain  string
}

func (g *generator) pick(l ...string) string { return l[g.IntN(len(l))] }

func (g *generator) num(lo, hi int) string { return fmt.Sprint(lo + g.IntN(hi-lo+1)) }

func (g *generator) hex() string { return fmt.Sprintf("0x%x", 1+g.IntN(1<<20)) }

func (g *generator) rule() rule {
	where := g.pick("inet filter", "inet filter", "inet filter", "inet mangle", "ip filter", "ip6 filter", "inet pre", "inet post", "ip pre", "ip6 post")
	family, chain, _ := strings.Cut(where, " ")
	g.family, g.chain = family, chain
	g.v6 = family == "ip6" || family == "inet" && g.IntN(3) == 0
	g.l4 = g.pick("tcp", "tcp", "udp", "udplite", "sctp", "dccp", "")
	if family == "ip" {
		g.v6 = false
	}
	nat := chain == "pre" || chain == "post"
	if nat {
		g.l4 = g.pick("tcp", "udp", "")
	}
	var l []string
	for _, make := range g.some(4, g.link, g.network, g.transport, g.conn, g.metaMatch, g.lookup, g.rate) {
		if s := make(); s != "" {
			l = append(l, s)
		}
	}
	if !nat {
		for _, make := range g.some(2, g.set, g.fill, g.log, func() string { return "counter" }) {
			if s := make(); s != "" {
				l = append(l, s)
			}
		}
	}
	switch {
	case nat:
		l = append(l, g.nat(family, chain))
	case g.IntN(8) == 0:
		l = append(l, g.vmap())
	case g.IntN(8) == 0:
		l = append(l, g.reject())
	default:
		l = append(l, g.verdict())
	}
	if g.IntN(4) == 0 {
		l = append(l, fmt.Sprintf("comment %q", g.pick("plain", "a, b; c", "{ not a set }", "# no handle 7", "accept drop", "für alle")))
	}
	return rule{where, strings.Join(l, " ")}
}

// some takes up to n of the makers, in their order.
func (g *generator) some(n int, l ...func() string) []func() string {
	var out []func() string
	for i := range l {
		if g.IntN(len(l)) < n && len(out) < n {
			out = append(out, l[i])
		}
	}
	return out
}

func (g *generator) op(s string) string { return g.pick("", "", "", "!= ") + s }

// addr makes an address of the rule's family; distinct ones by n.
func (g *generator) addr(n int) string {
	if g.v6 {
		return fmt.Sprintf("fd00:%x::%x", n+1, 1+g.IntN(200))
	}
	return fmt.Sprintf("10.%d.%d.%d", n, g.IntN(250), 1+g.IntN(250))
}

func (g *generator) net(n int) string {
	if g.v6 {
		return fmt.Sprintf("fd%02x:%x::/%d", n+1, g.IntN(200), 32+g.IntN(32)) // fd00 has the addresses
	}
	return fmt.Sprintf("10.%d.%d.0/24", n, g.IntN(250))
}

// elems makes a set of elements that do not touch.
func (g *generator) elems(one ...func(i int) string) string {
	var l []string
	for i := range 1 + g.IntN(5) {
		l = append(l, one[g.IntN(len(one))](i*10))
	}
	return "{ " + strings.Join(l, ", ") + " }"
}

func (g *generator) ip() string {
	if g.v6 {
		return "ip6"
	}
	return "ip"
}

func (g *generator) link() string {
	dir := g.pick("iif", "oif")
	switch g.IntN(6) {
	case 0:
		return dir + " " + g.op(`"lo"`)
	case 1:
		return dir + "name " + g.op(g.pick(`"eth0"`, `"ppp*"`, `"wg-home.5"`))
	case 2:
		return dir + "name " + g.op(g.elems(func(i int) string { return fmt.Sprintf(`"eth%d"`, i) }, func(i int) string { return fmt.Sprintf(`"br%d*"`, i) }))
	case 3:
		return "iifgroup " + g.op(g.num(0, 9))
	case 4:
		if g.family == "inet" {
			return "iifname @ifs"
		}
	}
	return "meta " + dir + "type ether"
}

func (g *generator) network() string {
	side := g.ip() + " " + g.pick("saddr", "daddr") + " "
	switch g.IntN(9) {
	case 0:
		return side + g.op(g.addr(0))
	case 1:
		return side + g.op(g.net(1))
	case 2:
		return side + g.op(g.addr(1)+"-"+g.addr(2))
	case 3:
		return side + g.op(g.elems(g.addr, g.net))
	case 4:
		if g.v6 {
			return "ip6 hoplimit " + g.op(g.num(1, 255))
		}
		return "ip ttl " + g.pick("", "!= ", "< ", ">= ") + g.num(2, 254)
	case 5:
		return g.ip() + " dscp " + g.op(g.pick("cs0", "cs1", "af41", "ef", "0x05", "0x3f"))
	case 6:
		if g.v6 {
			return "ip6 saddr & ffff:ffff:: == fd00::"
		}
		return side + "& 255.0.255.0 " + g.pick("==", "!=") + " 10.0.3.0"
	case 7:
		return g.ip() + " length " + g.pick("", "!= ", "> ") + g.num(20, 1500)
	}
	if g.v6 {
		return "ip6 saddr @addrs6"[:len("ip6 saddr ")] + g.addr(3)
	}
	return "ip frag-off & 0x1fff != 0x0"
}

func (g *generator) port(i int) string { return g.num(i*100+1, i*100+400) }

func (g *generator) ports(i int) string {
	return fmt.Sprintf("%d-%d", i*100+1+g.IntN(100), i*100+200+g.IntN(300))
}

func (g *generator) transport() string {
	if g.l4 == "" {
		switch g.IntN(4) {
		case 0:
			if g.v6 {
				return "icmpv6 type " + g.op(g.pick("echo-request", "nd-redirect", "{ nd-router-solicit, nd-neighbor-advert }", "200"))
			}
			return "icmp type " + g.op(g.pick("echo-request", "redirect", "{ echo-reply, time-exceeded }", "200"))
		case 1:
			return "esp spi " + g.op(g.num(1, 1<<30))
		case 2:
			return "meta l4proto " + g.op(g.pick("tcp", "{ tcp, udp }", "gre", "99", "33-50"))
		}
		return "meta l4proto { tcp, udp } th dport " + g.op(g.port(1))
	}
	side := g.l4 + " " + g.pick("sport", "dport") + " "
	switch n := g.IntN(8); {
	case n == 0:
		return side + g.op(g.port(0))
	case n == 1:
		return side + g.op(g.ports(3))
	case n == 2:
		return side + g.op(g.elems(g.port, g.ports))
	case n == 3:
		return side + g.pick("<", ">", "<=", ">=") + " " + g.num(1, 65000)
	case g.l4 == "tcp":
		return g.tcp()
	case g.l4 == "udp":
		return "udp length " + g.pick("", "> ", "!= ") + g.num(8, 1500)
	case g.l4 == "sctp":
		return "sctp chunk " + g.pick("data exists", "init missing", "data tsn "+g.num(1, 99), "sack a-rwnd > 5", "abort flags 1")
	case g.l4 == "dccp":
		return "dccp type " + g.op(g.pick("request", "{ data, ack }"))
	}
	return side + g.num(1, 9)
}

func (g *generator) tcp() string {
	flags := []string{"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"}
	var in []string
	for _, f := range flags {
		if g.IntN(3) == 0 {
			in = append(in, f)
		}
	}
	if len(in) == 0 {
		in = []string{"syn"}
	}
	switch g.IntN(8) {
	case 0:
		return "tcp flags " + g.op(strings.Join(in, ","))
	case 1:
		return "tcp flags syn / syn," + g.pick("ack", "fin,rst")
	case 2:
		return "tcp flags & (" + strings.Join(in, "|") + ") " + g.pick("==", "!=") + " " + in[len(in)-1]
	case 3:
		return "tcp flags { " + strings.Join(in, ", ") + " }"
	case 4:
		return "tcp option " + g.pick("maxseg size ", "window count ", "timestamp tsval ", "sack0 left ") + g.pick("", "!= ", "< ") + g.num(1, 99)
	case 5:
		return "tcp option " + g.pick("maxseg", "sack-perm", "timestamp", "200", "md5sig") + " " + g.pick("exists", "missing")
	case 6:
		return "tcp flags ! " + strings.Join(in, ",")
	}
	return "tcp " + g.pick("window", "sequence", "ackseq", "urgptr") + " " + g.pick("", "!= ", "> ") + g.num(1, 65000)
}

func (g *generator) conn() string {
	switch g.IntN(10) {
	case 0:
		return "ct state " + g.op(g.pick("new", "established,related", "invalid", "{ new, untracked }"))
	case 1:
		return "ct status " + g.op(g.pick("dnat", "snat,dnat", "assured", "expected"))
	case 2:
		return "ct mark " + g.op(g.hex())
	case 3:
		return "ct mark & 0xff " + g.pick("== ", "!= ", "< ") + g.num(1, 200)
	case 4:
		return "ct direction " + g.op(g.pick("original", "reply"))
	case 5:
		return "ct " + g.pick("", "original ", "reply ") + g.pick("bytes", "packets", "avgpkt") + " " + g.pick("> ", "< ", "!= ") + g.num(1, 1<<30)
	case 6:
		return "ct expiration " + g.pick("30s", "> 1h", "1d2h3m4s", "5m-2h")
	case 7:
		return "ct zone " + g.op(g.num(1, 60000))
	case 8:
		return "ct state ! " + g.pick("new", "new,established", "related")
	}
	return "ct helper " + g.op(g.pick(`"ftp"`, `"sip-5060"`))
}

func (g *generator) metaMatch() string {
	switch g.IntN(12) {
	case 0:
		return "meta mark " + g.op(g.hex())
	case 1:
		return "meta mark & " + g.hex() + " " + g.pick("==", "!=") + " " + g.hex()
	case 2:
		return "meta length " + g.pick("", "!= ", ">= ") + g.num(40, 9000)
	case 3:
		return "meta skuid " + g.op(g.pick("0", "1000-2000", "{ 1, 5, 9 }"))
	case 4:
		return "meta pkttype " + g.op(g.pick("broadcast", "multicast", "{ host, other }"))
	case 5:
		return "meta hour " + g.op(fmt.Sprintf(`"%02d:%02d"-"%02d:%02d"`, g.IntN(12), g.IntN(60), 12+g.IntN(11), g.IntN(60)))
	case 6:
		return "meta day " + g.pick(`"Monday"`, `{ "Sunday", "Friday" }`)
	case 7:
		return "meta priority " + g.op(fmt.Sprintf("%x:%x", 1+g.IntN(65000), g.IntN(65000)))
	case 8:
		return "meta cgroup " + g.op(g.num(1, 1<<20))
	case 9:
		return "meta cpu " + g.pick("", "< ") + g.num(1, 9)
	case 10:
		if g.chain == "post" {
			return ""
		}
		return "socket " + g.pick("transparent 1", "wildcard 0", "mark "+g.hex())
	}
	return "meta " + g.pick("iifkind", "oifkind") + ` "` + g.pick("veth", "vrf", "tun") + `"`
}

// lookup makes what asks something beside the packet.
func (g *generator) lookup() string {
	switch g.IntN(9) {
	case 0:
		return "fib " + g.pick("saddr", "daddr") + g.pick("", " . mark") + " type " + g.op(g.pick("local", "broadcast", "unicast", "{ local, multicast }"))
	case 1:
		if g.chain == "post" {
			return ""
		}
		return "fib saddr . iif oif " + g.pick("missing", "exists", `"lo"`)
	case 2:
		return "numgen " + g.pick("inc", "random") + " mod " + g.num(64, 99) + g.pick("", " offset 7") + " " + g.pick("", "< ", "!= ") + g.num(8, 50)
	case 3:
		return "jhash " + g.ip() + " saddr" + g.pick("", " . meta mark") + " mod " + g.num(16, 99) + g.pick("", " seed 0x1f") + g.pick("", " offset 3") + " " + g.num(0, 9)
	case 4:
		return "symhash mod " + g.num(16, 50) + " " + g.num(0, 9)
	case 5:
		return "@nh," + g.num(9, 12) + "," + g.pick("8", "16", "32") + " " + g.op("0x"+g.num(10, 99))
	case 6:
		return "rt classid " + g.op(g.num(1, 200))
	case 7:
		return g.ip() + " saddr . meta mark " + g.op(g.elems(func(i int) string { return g.addr(i) + " . " + g.hex() }))
	}
	return g.ip() + " saddr . meta l4proto . meta length { " + g.net(3) + " . tcp . 40-100, " + g.addr(9) + " . udp . 5 }"
}

func (g *generator) rate() string {
	over := g.pick("", "over ")
	switch g.IntN(4) {
	case 0:
		return "limit rate " + over + g.num(1, 999) + "/" + g.pick("second", "minute", "hour", "day") + g.pick("", " burst "+g.num(1, 99)+" packets")
	case 1:
		return "limit rate " + over + g.pick(g.num(1, 999)+" bytes", g.num(1, 999)+" kbytes", "2 mbytes") + "/" + g.pick("second", "minute") + g.pick("", " burst "+g.num(1, 999)+" bytes")
	case 2:
		return "quota " + over + g.num(1, 999) + " " + g.pick("bytes", "kbytes", "mbytes")
	}
	return "ct count " + over + g.num(1, 999)
}

func (g *generator) set() string {
	switch g.IntN(8) {
	case 0:
		return "meta mark set " + g.pick(g.hex(), "ct mark", "meta mark | "+g.hex(), "meta mark & "+g.hex()+" | "+g.hex(), "meta mark ^ "+g.hex(), "meta mark << 4")
	case 1:
		return "ct mark set " + g.pick(g.hex(), "meta mark", "ct mark & 0xff00 | "+g.hex())
	case 2:
		return "meta mark set " + g.ip() + " saddr map " + g.elems(func(i int) string { return g.addr(i) + " : " + g.hex() })
	case 3:
		return "meta mark set numgen " + g.pick("inc", "random") + " mod 4 map { 0 : 0x1, 1 : 0x5, 2-3 : 0x9 }"
	case 4:
		return g.ip() + " dscp set " + g.pick("cs1", "ef", "af11", "0x05")
	case 5:
		return "meta priority set " + g.num(1, 9) + ":" + g.num(1, 9)
	case 6:
		return "meta mark set jhash " + g.ip() + " daddr mod " + g.num(2, 64) + g.pick("", " seed "+g.hex()) + g.pick("", " offset 8")
	}
	return "meta nftrace set 1"
}

func (g *generator) fill() string {
	if g.v6 {
		return ""
	}
	return "meter " + g.pick("ma", "mb") + g.num(0, 1<<30) + " { ip saddr " + g.pick("timeout 1m limit rate over "+g.num(1, 99)+"/minute", "ct count over "+g.num(1, 99), "counter") + " }"
}

func (g *generator) log() string {
	s := "log"
	if g.IntN(2) == 0 {
		s += fmt.Sprintf(" prefix %q", g.pick("in: ", "a, b", "{ x }: ", "drop # 5 "))
	}
	if g.IntN(3) == 0 {
		return s + " group " + g.num(0, 99) + g.pick("", " snaplen "+g.num(1, 99)) + g.pick("", " queue-threshold "+g.num(1, 99))
	}
	return s + g.pick("", " level "+g.pick("debug", "info", "err")) + g.pick("", " flags tcp sequence", " flags ip options", " flags tcp options flags skuid", " flags all")
}

func (g *generator) verdict() string {
	return g.pick("accept", "drop", "continue", "return", "jump other", "goto other", "counter", "counter accept")
}

func (g *generator) vmap() string {
	v := func(key string) string {
		return key + " : " + g.pick("accept", "drop", "return", "jump other", "goto other")
	}
	switch g.IntN(5) {
	case 0:
		return g.ip() + " saddr vmap " + g.elems(func(i int) string { return v(g.addr(i)) }, func(i int) string { return v(g.net(i)) })
	case 1:
		return "ct state vmap { " + v("new") + ", " + v("invalid") + " }"
	case 2:
		return "meta mark vmap " + g.elems(func(i int) string { return v(fmt.Sprintf("0x%x", i+1)) })
	case 3:
		return `iifname vmap { "lo" : accept, ` + v(`"eth1"`) + " }"
	}
	return g.ip() + " saddr . meta l4proto vmap { " + v(g.addr(1)+" . tcp") + ", " + v(g.addr(2)+" . udp") + " }"
}

func (g *generator) reject() string {
	switch {
	case g.l4 == "tcp" && g.IntN(2) == 0:
		return "reject with tcp reset"
	case g.v6:
		return "reject" + g.pick("", " with icmpv6 no-route", " with icmpv6 admin-prohibited", " with icmpv6 port-unreachable")
	}
	return "reject" + g.pick("", " with icmp host-unreachable", " with icmp port-unreachable", " with icmp admin-prohibited")
}

func (g *generator) nat(family, chain string) string {
	kind := "dnat"
	if chain == "post" {
		kind = "snat"
	}
	fam := ""
	if family == "inet" {
		fam = " " + g.ip()
	}
	l4 := ""
	if g.l4 != "" {
		l4 = "meta l4proto " + g.l4 + " "
	}
	bracket := func(a string) string {
		if g.v6 {
			return "[" + a + "]"
		}
		return a
	}
	port := func() string { return g.pick(g.num(1, 9999), g.num(1, 999)+"-"+g.num(1000, 9999)) }
	flags := g.pick("", " random", " persistent", " random,persistent", " fully-random")
	switch n := g.IntN(6); {
	case n == 0 && l4 != "":
		return l4 + kind + fam + " to " + bracket(g.addr(1)) + ":" + port() + flags
	case n == 1 && l4 != "":
		return l4 + kind + fam + " to " + bracket(g.addr(1)) + "-" + bracket(g.addr(2)) + ":" + port() + flags
	case n == 2 && chain == "pre":
		if l4 != "" {
			return l4 + "redirect to :" + port() + g.pick("", " random", " fully-random")
		}
		return "redirect"
	case n == 2:
		if l4 != "" {
			return l4 + "masquerade to :" + port() + flags
		}
		return "masquerade" + flags
	case n == 3:
		return kind + fam + " to " + g.ip() + " saddr map { " + g.addr(1) + " : " + g.addr(3) + ", " + g.addr(2) + " : " + g.addr(4) + " }" + g.pick("", " persistent")
	case n == 4:
		return kind + fam + " to numgen " + g.pick("inc", "random") + " mod 2 map { 0 : " + g.addr(1) + ", 1 : " + g.addr(2) + " }"
	case n == 5:
		return kind + fam + " to " + g.addr(1) + "-" + g.addr(2) + flags
	}
	return kind + fam + " to " + g.addr(1) + flags
}
