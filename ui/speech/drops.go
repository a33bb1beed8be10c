package speech

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"nfscope/model/drop"
	"nfscope/ui/component/ladder"
)

// Drops is as Ladders is, of what is told of a drop.
type Drops struct{ sayer }

// In gives a language's.
func (d *Drops) In(s Speech) ladder.Say { return d.of(s, Speech.Drop) }

// Drop says what nfscope tells of a drop: what happened, what this host adds to it, what is to be
// done, and what keeps drops from being seen. nil in English. It keeps what it said and is not
// safe for concurrent use.
func (s Speech) Drop() ladder.Say {
	if s != "zh" {
		return nil
	}
	words := meanings()
	return kept(worded(words, slices.Concat(blanks(words), clauses(), advice(), lifts())))
}

// Explained is what nfscope itself says of a drop: what happened, and what the host's own
// state adds to it. say is the language's Drop.
func (s Speech) Explained(x drop.Explanation, say ladder.Say) string {
	if say == nil {
		return x.Sentence()
	}
	said := []string{say.Of(x.Words)}
	for _, f := range x.Facts {
		said = append(said, say.Of(f))
	}
	return strings.Join(said, s.pick("; ", "；"))
}

// blanks are the texts in which names were filled in, as patterns.
func blanks(texts map[string]string) (list [][2]string) {
	name := regexp.MustCompile(`\b(?:IFACE|DESTINATION|SOURCE)\b`)
	for _, text := range slices.Sorted(maps.Keys(texts)) {
		names := name.FindAllString(text, -1)
		if names == nil || texts[text] == "" { // commands stay as they are
			continue
		}
		said := texts[text]
		for i, n := range names {
			said = strings.ReplaceAll(said, n, "$"+string(rune('1'+i)))
		}
		list = append(list, [2]string{name.ReplaceAllString(regexp.QuoteMeta(text), `(\S+)`), said})
	}
	return list
}

// clauses are what package drop makes of a drop and of what this host says, as patterns, and
// their Chinese.
func clauses() [][2]string {
	const address = `[\w.:*%\[\]-]+:\d+`
	return [][2]string{
		// What this host says.
		{`this is of the whole host, not of one namespace`, `这是整个主机的，不是某个命名空间的`},
		{`(net\.\S+) is (\S+)`, `$1 为 $2`},
		{`the way back to (\S+) is (.+), and it came by (\S+)`, `回 $1 的路由是 $2，而它从 $3 进来`},
		{`no route leads back to (\S+)`, `没有回 $1 的路由`},
		{`it was sent to (\S+), (\S+) is (\S+)`, `它发往 $1，而 $2 是 $3`},
		{`its sender is (\S+)`, `发送者是 $1`},
		{`no socket of this host has that port`, `本机没有任何 socket 用这个端口`},
		{`the port is bound to (.+) only`, `该端口只绑定在 @$1@`},
		{`now somebody does: (.+)`, `现在有了：@$1@`},
		{`(` + address + `(?: for ` + address + `)?(?: on \S+?)?), (` + address + `.*)`, `@$1@、@$2@`},
		{`(` + address + `(?: for ` + address + `)?) on (\S+)`, `@$1@（在 $2 上）`},
		{`(` + address + `) for (` + address + `)`, `$1（只收 $2 的）`},
		{`now there is one: (.+)`, `现在有了：$1`},
		{`queues that are read: none`, `没有任何队列有程序在读`},
		{`queues that are read: (.+)`, `有程序在读的队列：$1`},
		{`(\d+) connections? met another one of the same addresses and ports in the last seconds \(insert_failed\)`, `最近几秒有 $1 个连接与已有连接的地址和端口相同（insert_failed）`},
		{`(\d+) of (\d+) connections are in the table`, `跟踪表里有 $1 个连接，上限 $2`},
		{`(\d+) new ones were dropped in the last seconds`, `最近几秒丢了 $1 个新连接`},
		{`its neighbour entry is (\S+)`, `它的邻居表项是 $1`},
		{`nothing is plugged in at (\S+)`, `$1 没有插线`},
		{`nothing is plugged in at (\S+) \(no carrier\)`, `$1 没有插线（没有载波）`},
		{`(\S+) has dropped (\d+) so far`, `$1 至今丢弃了 $2 个`},
		{`it has (\d+) bytes`, `它有 $1 字节`},
		{`(\S+) is an address of this host`, `$1 是本机的地址`},
		{`called by (\S+), by (\S+), by (\S+)`, `由 $1 调用，再上层是 $2、$3`},
		{`called by (\S+), by (\S+)`, `由 $1 调用，再上层是 $2`},
		{`called by (\S+)`, `由 $1 调用`},
		// Netfilter.
		{`conntrack could not take its connection`, `conntrack 收不下它的连接`},
		{`conntrack could not take its connection, or a rule or a policy in (\S+) dropped it`, `conntrack 收不下它的连接，或被 $1 的规则或策略丢弃`},
		{`conntrack has no room for its connection`, `conntrack 的表满了，放不下它的连接`},
		{`conntrack has no room for its connection \(a rule of the raw table in (\S+) is the only other way\)`, `conntrack 的表满了，放不下它的连接（除此之外只可能是 $1 里 raw 表的规则）`},
		{`a rule in (\S+) handed it to user space \(NFQUEUE\), and no program reads that queue`, `$1 的一条规则把它交给用户态（NFQUEUE），而没有程序读那个队列`},
		{`a rule handed it to user space \(NFQUEUE\), and no program reads that queue`, `一条规则把它交给用户态（NFQUEUE），而没有程序读那个队列`},
		{`the program that reads the queue \(NFQUEUE\) dropped it, or ended before it had decided`, `读队列的程序（NFQUEUE）丢弃了它，或没来得及裁决就退出了`},
		{`a rule or a policy of netfilter dropped it, or conntrack did: its table is full, or another connection is in its way`, `被 netfilter 的规则或策略丢弃，或被 conntrack 丢弃：表满了，或有别的连接占着`},
		{`a rule or a policy of netfilter in (\S+) dropped it`, `被 netfilter 在 $1 的规则或策略丢弃`},
		{`a rule or a policy of netfilter dropped it`, `被 netfilter 的规则或策略丢弃`},
		// Routing.
		{`reverse path filter, strict: the answer to its sender would not go out of the interface it came by`, `反向路径过滤（严格）：给发送者的应答不会从它进来的接口出去`},
		{`reverse path filter, loose: no route at all leads back to its sender`, `反向路径过滤（宽松）：没有任何回发送者的路由`},
		{`no route leads to its destination, or one of kind unreachable`, `没有去其目的地的路由，或那是 unreachable 类型的路由`},
		{`no route leads to where this host wants to send it, or one of kind unreachable`, `本机没有去那里的路由，或那是 unreachable 类型的路由`},
		{`no route leads to (\S+)`, `没有去 $1 的路由`},
		{`no route for multicast on the interface, mostly because that is just coming up`, `接口上没有组播路由，多半因为接口刚启动`},
		{`a route of kind (\S+) throws away what goes to (\S+)`, `$1 类型的路由丢弃发往 $2 的一切`},
		{`a route of kind (\S+) throws it away`, `$1 类型的路由丢弃了它`},
		{`its route says that it is to be thrown away: blackhole, prohibit or unreachable`, `它的路由要求丢弃：blackhole、prohibit 或 unreachable`},
		{`it is for another host, and forwarding is off here`, `它是给别的主机的，而本机没有开启转发`},
		{`forwarding refused it: TPROXY gave it to a socket of this host and its route leads on, it was not for this host's MAC address, or a policy forbids it`, `转发时被拒绝：TPROXY 把它给了本机的 socket，路由却要把它转发出去；或它的目的 MAC 不是本机的，或策略不许`},
		{`its (TTL|hop limit) ran out: it came with (\d+) and this host would have to send it on`, `$1 耗尽：到达时是 $2，而本机还得把它转发出去`},
		{`its TTL or hop limit ran out, and this host would have to send it on`, `TTL 或 hop limit 耗尽，而本机还得把它转发出去`},
		{`an address of ::1 is in it, which must not be seen on a wire`, "它带有地址 `::1`，这个地址不许出现在网线上"},
		{`its source (\S+) is of 127/8, which must not be seen on a wire`, `源地址 $1 属于 127/8，不许出现在网线上`},
		{`its destination (\S+) is of 127/8, which must not be seen on a wire`, `目的地址 $1 属于 127/8，不许出现在网线上`},
		{`it has (\d+) bytes, the MTU of (\S+) is (\d+), and it may not be cut into fragments`, `它有 $1 字节，$2 的 MTU 是 $3，又不许分片`},
		{`it is for a multicast group that nobody on this host has joined`, `它发往一个本机没有加入的组播组`},
		// Its end, and the link.
		{`nobody listens at (\S+) port (\d+) of (\S+)`, `$3 的 $1 $2 端口没有程序监听`},
		{`no connection of this host has these ends \((\S+) port (\d+) of (\S+)\): it is over, or was never there`, `本机没有两端如此的连接（$3 的 $1 $2 端口）：已经结束，或从未有过`},
		{`nobody on this host waits for this ICMP message`, `本机没有程序等待这个 ICMP 消息`},
		{`another SYN for the same ends: its handshake is not finished and it was sent again, or its connection is over and waits in TIME_WAIT`, `两端相同的又一个 SYN：或是握手没有完成时的重发，或是连接已结束、正在 TIME_WAIT`},
		{`its connection is over and waits in TIME_WAIT, or its handshake is not finished`, `它的连接已结束、正在 TIME_WAIT，或握手没有完成`},
		{`its connection is over and waits in TIME_WAIT`, `它的连接已结束、正在 TIME_WAIT`},
		{`this host did not answer the echo`, `本机没有应答 echo`},
		{`this host answers no echo`, `本机不应答 echo`},
		{`the next hop (\S+) on (\S+) does not answer ARP`, `$2 上的下一跳 $1 不应答 ARP`},
		{`the next hop (\S+) does not answer ARP`, `下一跳 $1 不应答 ARP`},
		{`the next hop (\S+) on (\S+) does not answer neighbour discovery`, `$2 上的下一跳 $1 不应答邻居发现`},
		{`the next hop (\S+) does not answer neighbour discovery`, `下一跳 $1 不应答邻居发现`},
		{`the queue of (\S+) \((\S+)\) dropped it: full, or a limit of a shaper`, `$1 的队列（$2）丢弃了它：队列满，或达到限速`},
		{`(\S+) is down`, `$1 没有启用`},
		{`the kernel gave no reason; it happened in (\S+)`, `内核没有给出原因；发生在 $1`},
		{`the kernel gave no reason`, `内核没有给出原因`},
		{`the kernel calls it (\S+), a reason this nfscope has no words for`, `内核称之为 $1，这个版本的 nfscope 没有对它的说明`},
	}
}

// advice is what package drop makes of a drop that is to be done, as patterns, and its Chinese.
func advice() [][2]string {
	return [][2]string{
		{"start the program, or give the rule --queue-bypass; `nfscope rules` shows the rule and its queue", "启动那个程序，或给规则加上 --queue-bypass；`nfscope rules` 显示规则和它的队列"},
		{`ask that program, or its log, why`, `原因要问那个程序，或看它的日志`},
		{"`(nfscope trace .+)` names the rule, when the next one comes", "运行 `$1`，下一个报文到来时即可知道是哪条规则"},
		{`(sysctl -w \S+), or shorter timeouts; NOTRACK for what needs no tracking`, `$1，或缩短超时；不需要跟踪的用 NOTRACK`},
		{`too few ports for SNAT or MASQUERADE: more addresses, --random-fully`, `SNAT 或 MASQUERADE 的端口太少：增加地址，或用 --random-fully`},
		{`ip route get (\S+); ip route show type blackhole \(prohibit, unreachable\)`, `查看 ip route get $1；再看 ip route show type blackhole（以及 prohibit、unreachable）`},
		{`ip route show type (\S+); ip rule \(a rule may say (\S+) too\)`, `查看 ip route show type $1；再看 ip rule（ip rule 也可能指定 $2）`},
		{`a route that goes round in a circle, a traceroute, or a sender with a small TTL`, `路由成环、traceroute，或发送者的 TTL 太小`},
		{`a route that goes round in a circle \((traceroute \S+)\), a traceroute, or a sender with a small (.+)`, `路由成环（用 $1 查）、traceroute，或发送者的 $2 太小`},
		{`find the sender; a DNAT to ::1 from outside cannot work, redirect to an address of the interface`, "找出发送者；从外面 DNAT 到 `::1` 行不通，应重定向到接口自己的地址"},
		{"add a route back to (\\S+) by (\\S+), or (sysctl -w \\S+) \\(any route will do\\) or 0 \\(off\\); the larger of `all` and the interface counts", "添加经 $2 回 $1 的路由，或 $3（有任一路由即可）或 0（关闭）；`all` 与接口的值以较大者为准"},
		{"add a route back to (\\S+), or (sysctl -w \\S+); the larger of `all` and the interface counts", "添加回 $1 的路由，或 $2；`all` 与接口的值以较大者为准"},
		{`(sysctl -w \S+), if this host is to be a router`, `$1，若本机要当路由器`},
		{`(ip route get .+); add a route`, `查看 $1；添加路由`},
		{`a firewall or NAT that forgot the connection, or a restarted service; ss -tan`, `防火墙或 NAT 忘了这个连接，或服务重启过；看 ss -tan`},
		{`the program binds its socket to an interface \(SO_BINDTODEVICE\): let it take (\S+), or none`, `程序把它的 socket 绑定到了一个接口（SO_BINDTODEVICE）：让它绑定到 $1，或不绑定接口`},
		{`a connected socket hears its peer alone: start the program anew where its peer came back from another port, or have it wait at a socket that is not connected`, `已连接（connect）的 socket 只收它那一个对端的：若对端换了端口回来，就重启程序，或让它用未连接的 socket 等待`},
		{`bind the service to (\S+) or to all addresses, and its socket \(SO_BINDTODEVICE\) to (\S+) or to no interface`, `把服务绑定到 $1，或绑定到所有地址，并把它的 socket（SO_BINDTODEVICE）绑定到 $2，或不绑定接口`},
		{`bind the service to (\S+) or to all addresses`, `把服务绑定到 $1，或绑定到所有地址`},
		{`(ss -ln\S* sport = :\d+); start the service, or send to the port it listens at`, `查看 $1；启动服务，或改发到它监听的端口`},
		{`(ip neigh show \S+); is the machine up, on this wire, with this address and netmask\?`, `看 $1；那台机器是否开着、在这条链路上、地址与子网掩码对不对`},
		{`the cable, the switch, or the other end of the veth: (.+)`, `看网线、交换机，或 veth 的另一端：$1`},
		{`see (\S+) of your kernel's source`, `见你的内核源码中的 $1`},
	}
}
