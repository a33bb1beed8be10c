package speech

import (
	"strings"

	"nfscope/model/drop"
)

// Explained is what nfscope itself says of a drop: what happened, and what the host's own
// state adds to it. A clause that is not known in the language stays in English.
func (s Speech) Explained(x drop.Explanation) string {
	if s != "zh" {
		return x.Sentence()
	}
	clause := translator(clauses())
	said := []string{clause(x.Words)}
	for _, f := range x.Facts {
		said = append(said, clause(f))
	}
	return strings.Join(said, "；")
}

// clauses are package drop's own, as patterns, and their Chinese: those of the labs and
// of what a host drops most.
func clauses() [][2]string {
	return [][2]string{
		// What this host says.
		{`(net\.\S+) is (\S+)`, `$1 为 $2`},
		{`the way back to (\S+) is (.+), and it came by (\S+)`, `回 $1 的路由是 $2，而它从 $3 进来`},
		{`no route leads back to (\S+)`, `没有回 $1 的路由`},
		{`it was sent to (\S+), (\S+) is (\S+)`, `它发往 $1，而 $2 是 $3`},
		{`its sender is (\S+)`, `发送者是 $1`},
		{`no socket of this host has that port`, `本机没有任何 socket 用这个端口`},
		{`the port is bound to (.+) only`, `该端口只绑定在 $1`},
		{`now somebody does: (.+)`, `现在有了：$1`},
		{`now there is one: (.+)`, `现在有了：$1`},
		{`queues that are read: none`, `没有任何队列有程序在读`},
		{`queues that are read: (.+)`, `有程序在读的队列：$1`},
		{`(\d+) connections? met another one of the same addresses and ports in the last seconds \(insert_failed\)`, `最近几秒有 $1 个连接与已有连接的地址和端口相同（insert_failed）`},
		{`(\d+) of (\d+) connections are in the table`, `跟踪表里有 $1 个连接，上限 $2`},
		{`(\d+) new ones were dropped in the last seconds`, `最近几秒丢了 $1 个新连接`},
		{`its neighbour entry is (\S+)`, `它的邻居表项是 $1`},
		{`nothing is plugged in at (\S+)`, `$1 没有插线`},
		{`(\S+) is an address of this host`, `$1 是本机的地址`},
		{`called by (.+)`, `调用者 $1`},
		// Netfilter.
		{`conntrack could not take its connection`, `conntrack 收不下它的连接`},
		{`conntrack could not take its connection, or a rule or a policy(?: in (\S+))? dropped it`, `conntrack 收不下它的连接，或被 $1 的规则或策略丢弃`},
		{`conntrack has no room for its connection`, `conntrack 的表满了，放不下它的连接`},
		{`conntrack has no room for its connection \(a rule of the raw table(?: in (\S+))? is the only other way\)`, `conntrack 的表满了，放不下它的连接（除此之外只可能是 $1 里 raw 表的规则）`},
		{`a rule(?: in (\S+))? handed it to user space \(NFQUEUE\), and no program reads that queue`, `$1 的一条规则把它交给用户态（NFQUEUE），而没有程序读那个队列`},
		{`the program that reads the queue \(NFQUEUE\) dropped it, or ended before it had decided`, `读队列的程序（NFQUEUE）丢弃了它，或没来得及裁决就退出了`},
		{`a rule or a policy of netfilter(?: in (\S+))? dropped it, or conntrack did: its table is full, or another connection is in its way`, `被 netfilter 在 $1 的规则或策略丢弃，或被 conntrack 丢弃：表满了，或有别的连接占着`},
		{`a rule or a policy of netfilter(?: in (\S+))? dropped it`, `被 netfilter 在 $1 的规则或策略丢弃`},
		// Routing.
		{`reverse path filter, strict: the answer to its sender would not go out of the interface it came by`, `反向路径过滤（严格）：给发送者的应答不会从它进来的网卡出去`},
		{`reverse path filter, loose: no route at all leads back to its sender`, `反向路径过滤（宽松）：没有任何回发送者的路由`},
		{`reverse path filter: the answer to its sender would not go out of the interface it came by`, `反向路径过滤：给发送者的应答不会从它进来的网卡出去`},
		{`no route leads to (\S+)`, `没有去 $1 的路由`},
		{`no route leads to its destination, or one of kind unreachable`, `没有去其目的地的路由，或那是 unreachable 类型的路由`},
		{`no route leads to its destination`, `没有去其目的地的路由`},
		{`no route leads to where this host wants to send it`, `本机没有去那里的路由`},
		{`no route for multicast on the interface, mostly because that is just coming up`, `网卡上没有组播路由，多半因为网卡刚启动`},
		{`a route of kind (\S+) throws away what goes to (\S+)`, `$1 类型的路由丢弃发往 $2 的一切`},
		{`a route of kind (\S+) throws it away`, `$1 类型的路由丢弃了它`},
		{`its route says that it is to be thrown away: blackhole, prohibit or unreachable`, `它的路由要求丢弃：blackhole、prohibit 或 unreachable`},
		{`it is for another host, and forwarding is off here`, `它是给别的主机的，而本机没有开启转发`},
		{`it is not for this host, and this host may not send it on`, `它不是给本机的，而本机不许转发它`},
		{`its (TTL|hop limit) ran out: it came with (\d+) and this host would have to send it on`, `$1 耗尽：到达时是 $2，而本机还得把它转发出去`},
		{`its TTL or hop limit ran out, and this host would have to send it on`, `TTL 或 hop limit 耗尽，而本机还得把它转发出去`},
		{`its source address is one of this host's own, yet it came from outside`, `源地址是本机自己的，却从外面进来`},
		{`its source can be nobody: .+`, `源地址不可能属于任何主机：组播、广播或全零（martian）`},
		{`its destination can be nobody here: .+`, `目的地址在这里不可能属于任何主机（martian）`},
		{`it has (\d+) bytes, the MTU of (\S+) is (\d+), and it may not be cut into fragments`, `它有 $1 字节，$2 的 MTU 是 $3，又不许分片`},
		{`it is larger than the MTU of the way out and may not be cut into fragments`, `它比出口的 MTU 大，又不许分片`},
		{`IPv6 is off on the interface`, `网卡上关闭了 IPv6`},
		// Its end, and the link.
		{`nobody listens at (\S+) port (\d+) of (\S+)`, `$3 的 $1 $2 端口没有程序监听`},
		{`nobody listens there: no socket of this host has its address and port`, `没有程序监听：本机没有 socket 用它的地址和端口`},
		{`no connection of this host has these ends \((\S+) port (\d+) of (\S+)\): it is over, or was never there`, `本机没有两端如此的连接（$3 的 $1 $2 端口）：已经结束，或从未有过`},
		{`the socket's receive buffer is full: its program reads too slowly`, `socket 的接收缓冲区满了：程序读得太慢`},
		{`the listening socket's queue of finished connections is full: its program accepts too slowly`, `监听 socket 的已完成连接队列满了：程序 accept 太慢`},
		{`its destination MAC address is not this interface's: the frame was meant for another machine`, `目的 MAC 不是这块网卡的：这个帧是给别的机器的`},
		{`the next hop (\S+) on (\S+) does not answer (.+)`, `$2 上的下一跳 $1 不应答 $3`},
		{`the next hop (\S+) does not answer (.+)`, `下一跳 $1 不应答 $2`},
		{`the next hop does not answer ARP or neighbour discovery`, `下一跳不应答 ARP 或邻居发现`},
		{`the queue of (\S+) \((\S+)\) dropped it: full, or a limit of a shaper`, `$1 的队列（$2）丢弃了它：队列满，或达到限速`},
		{`(\S+) is down`, `$1 没有启用`},
		{`the kernel gave no reason; it happened in (\S+)`, `内核没有给出原因；发生在 $1`},
		{`the kernel gave no reason; the place where it was dropped says more`, `内核没有给出原因，要看丢弃的位置`},
	}
}
