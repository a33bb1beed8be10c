package speech

// ruleActions are what packages match and nft say that a rule does, and their Chinese.
func ruleActions() map[string]string {
	return map[string]string{
		"accept: no further rule of this base chain is asked; later chains may still drop it":     "accept：不再问这条基本链的其余规则；之后的链仍可能丢弃它",
		"drop: the packet is gone and nobody is told":                                             "drop：报文没了，不告知任何人",
		"go back to behind the rule that led into this chain; in a base chain the policy decides": "回到引入这条链的规则之后；在基本链里则由策略决定",
		"go on in chain %s, and come back where that decides nothing":                             "转到链 %s，若它不作决定就回来",
		"go on in chain %s; where that decides nothing, do not come back here":                    "转到链 %s；若它不作决定，也不回到这里",
		"go on with %d rules in braces":                                                           "继续执行花括号里的 %d 条规则",
		"only count: the next rule goes on":                                                       "只计数：接着是下一条规则",
		"give it to a program, which decides (queue 0)":                                           "交给程序，由它决定（队列 0）", "give it to a program, which decides": "交给程序，由它决定", "give it to a program, which decides: queue %s": "交给程序，由它决定：队列 %s",
		"drop it and tell the sender": "丢弃并告知发送方", "drop it and tell the sender with %s": "丢弃，并用 %s 告知发送方", "drop it and tell the sender that the port is unreachable": "丢弃，并告知发送方端口不可达",
		"answer the handshake in the server's place": "代替服务器应答握手", "answer the handshake in the server's place, with %s": "代替服务器应答握手，选项 %s", "answer the handshake in the server's place, as %s says": "按 %s 代替服务器应答握手",
		"give it to a local socket without changing it": "原样交给本机的 socket", "set the packet's mark": "设置报文的 mark", "set the connection's mark": "设置连接的 mark", "tell connection tracking how to treat it": "告诉连接跟踪怎样对待它",
		"leave it out of connection tracking": "不作连接跟踪", "trace it through all rules from here on": "从这里起跟踪它经过的所有规则", "put it into a class of the queueing discipline": "放入排队规则（qdisc）的一类",
		"set its security mark": "设置安全标记", "set its security mark to %s": "把安全标记设为 %s", "copy the security mark between packet and connection": "在报文与连接之间复制安全标记", "make its mark from a hash": "由哈希得出 mark", "change a set": "改动集合",
		"rewrite the source of the connection": "改写连接的源", "rewrite the destination of the connection": "改写连接的目的", "rewrite the source of the connection to the outgoing interface's address": "把连接的源改写为发出接口的地址",
		"rewrite the destination of the connection to this host": "把连接的目的改写为本机", "map addresses one to one": "地址一对一映射", "rewrite the destination's prefix, without a connection": "改写目的的前缀，不建连接", "rewrite the source's prefix, without a connection": "改写源的前缀，不建连接",
		"set the type of service": "设置服务类型（TOS）", "set the DSCP": "设置 DSCP", "change the ECN bits": "改动 ECN 位", "change the TTL": "改动 TTL", "change the hop limit": "改动 hop limit", "change TCP's maximum segment size": "改动 TCP 的最大报文段长度（MSS）",
		"take options out of the TCP header": "从 TCP 头里去掉选项", "take the TCP option %s out": "去掉 TCP 选项 %s", "compute the checksum": "计算校验和",
		"write a line to the kernel's log": "在内核日志里写一行", "send a copy to a program that logs": "复制一份给记录日志的程序", "send a copy to a program that logs, group %d": "复制一份给记录日志的程序，组 %d", "write it to the audit log": "写入审计日志",
		"send a copy to another host": "复制一份发给别的主机", "send a copy to %s": "复制一份发给 %s", "send it to %s": "发给 %s", ", past the stack": "，绕过协议栈", " out by %s": "，从 %s 发出",
		"start a timer anew": "重新启动定时器", "blink": "闪灯", "measure its rate": "测量速率", "set %s to %s": "把 %s 设为 %s", "count it": "计数", "count it in the counter %s": "计入计数器 %s", "note when a packet was last here": "记下最近一个报文的时间",
		"add to the set %s: %s": "加入集合 %s：%s", "add or renew in the set %s: %s": "加入或更新集合 %s：%s", "take out of the set %s: %s": "从集合 %s 移出：%s", "for each value of %s, kept in the meter %s": "按 %s 的每个值，记在 meter %s 里",
		"hand the connection to the flowtable %s: its next packets pass no rules": "把连接交给 flowtable %s：之后的报文不再经过规则",
		"held against the quota %s": "对照配额 %s", "held against the limit %s": "对照限速 %s", "set its connection's %s to %s": "把连接的 %s 设为 %s", "use the %s %s": "使用 %s %s",
		", address %s": "，地址 %s", ", port %s": "，端口 %s", ", network to network": "，网段对网段", ", ports by chance": "，端口随机", ", ports wholly by chance": "，端口完全随机", ", the same for the same client": "，同一客户端总是同一个",
		", accepted where no program listens": "，没有程序在读就放行", ", by processor": "，按 CPU 分配", ", level %s": "，级别 %s", ", beginning with %s": "，开头为 %s", ", the first %d bytes": "，前 %d 字节", ", %d at a time": "，每次 %d 个", ", with %s": "，带 %s", ", number %s": "，第 %s 个",
	}
}

// ruleOptions are what package match says of the options of iptables' targets, and their Chinese.
func ruleOptions() map[string]string {
	return map[string]string{
		"with %s": "用 %s", "queue %s": "队列 %s", "spread over the queues %s": "分到队列 %s", "accepted where no program listens": "没有程序在读就放行", "by processor": "按 CPU 分配",
		"with SACK": "带 SACK", "with timestamps": "带时间戳", "window scale %s": "窗口扩大因子 %s", "segment size %s": "报文段长度 %s", "with ECN": "带 ECN",
		"port %s": "端口 %s", "ports %s": "端口 %s", "address %s": "地址 %s", "the mark %s": "mark %s", "from the packet's": "取自报文的", "and give it to the packet instead": "反过来给报文",
		"packet's bits %s": "报文的位 %s", "connection's bits %s": "连接的位 %s", "bits %s": "位 %s", "shifted left by %s": "左移 %s 位", "shifted right by %s": "右移 %s 位",
		"to %s in the bits %s": "在位 %[2]s 中设为 %[1]s", "left as it is": "保持不变", "with the bits %s cleared": "清除位 %s", "with the bits %s turned over": "翻转位 %s", "with the bits %s cleared, then %s turned over": "清除位 %s，再翻转 %s",
		"not at all": "完全不跟踪", "with helper %s": "用 helper %s", "with the timeouts %s": "用超时策略 %s", "events only of %s": "只有 %s 的事件", "events of expectations only of %s": "预期事件只有 %s", "in zone %s": "在 zone %s", "zone %s for the original direction": "原方向用 zone %s", "zone %s for replies": "应答用 zone %s",
		"class %s": "类别 %s", "to the connection": "给连接", "to the packet": "给报文", "source's first %s bits": "源地址前 %s 位", "destination's first %s bits": "目的地址前 %s 位", "source port's bits %s": "源端口的位 %s", "destination port's bits %s": "目的端口的位 %s", "SPI's bits %s": "SPI 的位 %s",
		"source port set bits %s": "源端口置位 %s", "destination port set bits %s": "目的端口置位 %s", "SPI set bits %s": "SPI 置位 %s", "protocol's bits %s": "协议的位 %s", "seed %s": "种子 %s", "modulo %s": "模 %s", "plus %s": "加 %s", "of the connection's original direction (%s)": "取连接的原方向（%s）",
		"add it to %s": "加入 %s", "also where it is there already": "已有时也更新", "for %s s": "保留 %s s", "take it out of %s": "从 %s 移出", "take from %s": "取自 %s", "the mark": "mark", "the priority": "优先级", "the queue": "队列",
		"ports by chance": "端口随机", "ports wholly by chance": "端口完全随机", "the same for the same client": "同一客户端总是同一个", "into %s": "映射到 %s", "to %s": "改为 %s", "from %s": "从 %s",
		"none in TCP": "清除 TCP 的 ECN 位", "TCP's ECE to %s": "TCP 的 ECE 设为 %s", "TCP's CWR to %s": "TCP 的 CWR 设为 %s", "IP's field to %s": "IP 的字段设为 %s", "down by %s": "减 %s", "up by %s": "加 %s",
		"to what the path takes": "按路径所容许的", "numbers %s": "编号 %s", "where it was left to the card": "原本留给网卡计算的",
		"beginning with %s": "开头为 %s", "level %s": "级别 %s", "with TCP's sequence numbers": "带 TCP 序号", "with TCP's options": "带 TCP 选项", "with IP's options": "带 IP 选项", "with the user": "带用户", "with the link-layer addresses": "带链路层地址",
		"marked %s": "前缀 %s", "group %s": "组 %s", "the first %s bytes": "前 %s 字节", "%s bytes (has no effect)": "%s 字节（不起作用）", "%s at a time": "每次 %s 个", "as %s": "作为 %s", "of %s s": "%s s", "called %s": "名为 %s", "that wakes the machine": "会唤醒机器", "and tell by netlink": "并经 netlink 告知",
		"trigger %s": "触发器 %s", "for %s ms": "亮 %s ms", "even while it is lit": "亮着时也闪", "under the name %s": "名为 %s", "every %s": "每 %s", "smoothed over %s": "平滑时间 %s",
	}
}
