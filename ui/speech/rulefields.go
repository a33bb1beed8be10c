package speech

// ruleFields are what package nft calls the fields of packets and of connections, and their Chinese.
func ruleFields() map[string]string {
	return map[string]string{
		"the IPv4 source": "IPv4 源地址", "the IPv4 destination": "IPv4 目的地址", "the IPv6 source": "IPv6 源地址", "the IPv6 destination": "IPv6 目的地址", "the IPv4 protocol": "IPv4 协议", "the first header behind IPv6's": "IPv6 头之后的第一个头", "the protocol": "协议",
		"the IP version": "IP 版本", "the link layer's protocol": "链路层的协议", "the interface it came in by": "进入的接口", "the interface it goes out by": "发出的接口", "the packet's mark": "报文的 mark", "the packet's length": "报文的长度", "the way it was sent on the link": "在链路上的发送方式",
		"the user who sent it": "发送它的用户", "the group that sent it": "发送它的组", "its class of the queueing discipline": "它在排队规则（qdisc）里的类别", "the class of its cgroup": "它的 cgroup 类别", "the processor that handles it": "处理它的 CPU", "a random number": "随机数",
		"the time": "时间", "the day of the week": "星期几", "the time of day": "一天中的时刻", "whether it is traced": "是否被跟踪", "the bridge it came in by": "进入的网桥", "the bridge it goes out by": "发出的网桥",
		"the sender's link-layer address": "发送者的链路层地址", "the link-layer destination": "链路层目的地址", "the VLAN": "VLAN", "the set of TCP flags": "TCP 标志", "TCP's maximum segment size": "TCP 的最大报文段长度（MSS）",
		"the ICMP type": "ICMP 类型", "the ICMP code": "ICMP 代码", "the ICMPv6 type": "ICMPv6 类型", "the ICMPv6 code": "ICMPv6 代码", "the TTL": "TTL", "the hop limit": "hop limit", "the IPv4 DSCP": "IPv4 DSCP", "the IPv6 DSCP": "IPv6 DSCP", "the IPv4 packet's length": "IPv4 报文的长度",
		"a transparent socket for it": "给它的透明 socket", "a hash over the packet": "报文的哈希", "a hash over %s": "%s 的哈希", "%s, from %d to %d": "%s，从 %d 到 %d", "a number that goes round from %d to %d": "从 %d 到 %d 循环的数", "a random number from %d to %d": "从 %d 到 %d 的随机数",
		"the source port": "源端口", "the destination port": "目的端口", "the %s source port": "%s 源端口", "the %s destination port": "%s 目的端口", "the %s header's %s": "%s 头的 %s",
		"%d bits at bit %d of the %s": "%[3]s从第 %[2]d 位起的 %[1]d 位", "link-layer header": "链路层头", "network header": "网络层头", "transport header": "传输层头", "data": "数据",
		"the extension header %s": "扩展头 %s", "the extension header %s's %s": "扩展头 %s 的 %s", "the TCP option %s": "TCP 选项 %s", "the IP option %s": "IP 选项 %s", "the DCCP option %s": "DCCP 选项 %s", "the SCTP chunk %s": "SCTP chunk %s",
		"the packet's %s": "报文的 %s", "the route's %s": "路由的 %s", "its socket's %s": "它的 socket 的 %s", "its socket's %s at level %s": "它的 socket 在第 %[2]s 层的 %[1]s",
		"the operating system, guessed from the SYN": "操作系统（由 SYN 猜测）", "the operating system's version, guessed from the SYN": "操作系统的版本（由 SYN 猜测）", "the IPsec policy's %s on the way %s": "方向 %[2]s 的 IPsec 策略的 %[1]s",
		// Its connection.
		"its %s": "它的%s", "the %s of the connection's first direction": "连接原方向的%s", "the %s of the connection's replies": "连接应答方向的%s", "connection's %s": "连接的 %s",
		"connection's state": "连接状态", "connection's mark": "连接的 mark", "connection's status": "连接的 status", "direction within the connection": "在连接中的方向", "connection's helper": "连接的 helper", "connection tracking zone": "连接跟踪的 zone", "connection's set of labels": "连接的标签",
		"connection's bytes": "连接的字节数", "connection's packets": "连接的报文数", "connection's bytes a packet": "连接平均每个报文的字节数", "connection's time left": "连接的剩余时间", "connection's id": "连接的 id", "source": "源地址", "destination": "目的地址", "source port": "源端口", "destination port": "目的端口",
		"connection's protocol": "连接的协议", "connection's IP version": "连接的 IP 版本", "number of connections": "连接数", "connection's events": "连接的事件", "connection's security mark": "连接的安全标记",
		// Routes.
		"the source": "源", "the destination": "目的", "the type of address (by %s)": "地址的类型（按 %s）", "the interface of the route (by %s)": "路由的接口（按 %s）", "the route's %s (by %s)": "路由的 %s（按 %s）",
	}
}
