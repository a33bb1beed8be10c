package speech

import "regexp"

// told are how the sentences begin that say what became of a packet, and how two compare.
// Nothing else is held against outcomes and comparisons, whose patterns fit much.
func told() *regexp.Regexp {
	return regexp.MustCompile(`^(?:accepted|delivered|dropped|rejected|taken over|queued|sent out|left|last seen|nothing but|(?:of )?#\d+ and #\d+)\b`)
}

// outcomes are the sentences of journey.Outcome, as patterns, and their Chinese. What was
// added behind comes first, then what became of the packet, then who did it.
func outcomes() [][2]string {
	const place = `((?:\S+ )?\S+ \([^()]*\))`
	const went = `(delivered to this host|sent out(?: of \S+)?|accepted by every chain that was traced)`
	return [][2]string{
		// Who it was, with the rule's own text: before all that its text could fit.
		{`rule (\d+) of ` + place + `: (.+)`, `$2 的规则 $1：$3`},
		{`a rule of ` + place + `: (.+)`, `$1 的一条规则：$2`},
		{`(conntrack|` + place[1:] + ` or (.+)`, `$1 或 @$2@`},
		// What was added behind.
		{`(.+) \((the ACK was taken by the SYN proxy, which opens the connection to the server itself|the SYN was answered by the SYN proxy|it answers nothing that the SYN proxy sent, or is malformed|no socket took it)\)`, `@$1@（@$2@）`},
		{`(.+); it comes in again over (\S+) as (#\d+)`, `@$1@；它又从 $2 进来，那是 $3`},
		{`(.+); it was sent as (#\d+)`, `@$1@；它发出时是 $2`},
		{`(.+); it is a copy of (#\d+), which (\S+) sends out of several ports: what it met before that is told there`, `@$1@；它是 $2 的副本，$3 从几个端口发出：在那之前遇到的由 $2 说明`},
		{`(.+); it is a copy of (#\d+)`, `@$1@；它是 $2 的副本`},
		{`(.+); it is fragment (\d+) of the datagram that (#\d+) begins`, `@$1@；它是 $3 所开始的数据报的第 $2 个分片`},
		{`(.+); it came as (#\d+)`, `@$1@；它来时是 $2`},
		{`(.+); the kernel dropped one or some of (\d+) packets with these headers \((.+)\): which of them is not known`, `@$1@；报文头相同的 $2 个报文中，内核丢弃了一个或几个（$3）：不知道是哪些`},
		{`(dropped by netfilter.*, and no rule that was traced did it(?:: .+)?); it was (.+)`, `@$1@；在那之前：@$2@`},
		{`((?:dropped|rejected|queued) .+), or a rule behind it`, `@$1@，或其后的规则`},
		// A drop that the kernel told of.
		{`dropped by conntrack in the (\S+) hook, by no rule: (.+)`, `在 $1 被 conntrack 丢弃，不是规则丢的：@$2@`},
		{`dropped by (.+) in the (\S+) hook: it was seen before and not behind; which rule it was, nothing told`, `在 $2 被 @$1@ 丢弃：之前看到过它，之后没有；没有得知是哪条规则`},
		{`dropped by netfilter in the (\S+) hook, by no rule: (.+)`, `在 $1 被 netfilter 丢弃，不是规则丢的：@$2@`},
		{`dropped by netfilter, by no rule: (.+)`, `被 netfilter 丢弃，不是规则丢的：@$1@`},
		{`(dropped by netfilter.*), and no rule that was traced did it: (.+)`, `@$1, and no rule that was traced did it@：@$2@`},
		{`dropped by netfilter in the (\S+) hook, and no rule that was traced did it`, `在 $1 被 netfilter 丢弃，而跟踪到的规则都没有丢弃它`},
		{`dropped by netfilter, and no rule that was traced did it`, `被 netfilter 丢弃，而跟踪到的规则都没有丢弃它`},
		{`dropped by the kernel (.+?) \(([\w. ]+)\): (.+)`, `被内核丢弃，@$1@（$2）：@$3@`},
		{`dropped: (.+?); (rule \d+ of .+|a rule of .+|the policy of .+)`, `被丢弃：@$1@；@$2@`},
		{`it refused the packet or its connection`, `它拒收这个报文或它的连接`},
		// A drop that a rule told of.
		{`dropped by (rule \d+ of .+|a rule of .+|the policy of .+)`, `被丢弃，由 @$1@`},
		{`rejected by (.+)`, `被拒绝，由 @$1@`},
		{`dropped: (\S+)`, `被丢弃：$1`},
		{`queued by (.+)`, `被放进队列，由 @$1@`},
		{`taken over by (.+)`, `被接管，由 @$1@`},
		{`the ACK was taken by the SYN proxy, .+`, `ACK 被 SYN proxy 收走，由它自己与服务器建立连接`},
		{`the SYN was answered by the SYN proxy`, `SYN 由 SYN proxy 应答`},
		{`it answers nothing that the SYN proxy sent, or is malformed`, `它没有应答 SYN proxy 发过的报文，或者格式有错`},
		{`no socket took it`, `没有 socket 接收它`},
		// What is not known.
		{`queued to user space by (.+)`, `被交给用户态（队列），由 @$1@；用户态怎样处理它，不得而知`},
		{`last seen at (.+), which takes an ACK over that answers it, and drops any other`, `最后看到它是在 @$1@，那里收走应答它的 ACK，丢弃其他的`},
		{`last seen at (.+), which drops the packet where no socket takes it`, `最后看到它是在 @$1@，没有 socket 接收时那里丢弃报文`},
		{`last seen at (.+); what that did is not known`, `最后看到它是在 @$1@；那里怎样处理它，不得而知`},
		{`(last seen in .+?); events were lost`, `@$1@；丢失了事件`},
		{`(last seen in .+?); nothing would show it after that`, `@$1@；此后没有什么能显示它`},
		{`(last seen in .+?); (.+) may have ended its trace: what came after is not known`, `@$1@；对它的跟踪可能到 @$2@ 为止：此后的情况不得而知`},
		{`(last seen in .+?); (.+), which it met there, told nothing: it is not traced, or its event was lost`, `@$1@；它在那里遇到了 $2，那里没有报告：没有被跟踪，或丢失了事件`},
		{`(last seen in .+?); what (.+) did with it, if it came there, is not known: nf_tables' chains are not traced`, `@$1@；它若到过 $2，那里怎样处理它不得而知：nf_tables 的链没有被跟踪`},
		{`(last seen in .+?); (.+), or the kernel, may have dropped it: legacy tables are not traced`, `@$1@；可能被 $2 或内核丢弃：legacy 表没有被跟踪`},
		{`(last seen in .+?), no rule of the IP families dropped it: the kernel did \(routing, rp_filter, conntrack, \.\.\.\), or holds it, or a chain below did, such as (.+)`, `@$1@，没有 IP 协议族的规则丢弃它：是内核丢的（路由、rp_filter、conntrack 等），或还在内核手里，或被下层的链丢弃，例如 $2`},
		{`(last seen in .+?), no rule dropped it: the kernel did \(routing, rp_filter, conntrack, \.\.\.\), or holds it`, `@$1@，没有规则丢弃它：是内核丢的（路由、rp_filter、conntrack 等），或还在内核手里`},
		{`last seen in an unknown hook`, `最后看到它是在未知的 hook`},
		{`last seen in the (\S+) hook before (.+)`, `最后看到它是在 $1，在 $2 之前`},
		{`last seen in the (\S+) hook`, `最后看到它是在 $1`},
		{`(left .+); whether conntrack took it is not known`, `@$1@；conntrack 是否收下了它，不得而知`},
		{`left input for this host`, `离开 input，去往本机`},
		{`left postrouting for (\S+)`, `离开 postrouting，去往 $1`},
		{`left postrouting`, `离开 postrouting`},
		// Who let it through, and where it went.
		{`(.+?): no rule and no policy decided`, `@$1@：没有规则或策略作过决定`},
		{`(.+?): which rules let it on nothing told, it was not traced`, `@$1@：没有得知哪些规则放行了它，它没有被跟踪`},
		{`accepted by every chain that was traced`, `被跟踪的每条链都放行`},
		{went + `, accepted by (.+)`, `@$1@，放行它的是 @$2@`},
		{went + `, let on by user space, or past it by --queue-bypass, at (.+)`, `@$1@，用户态放行了它，或因 --queue-bypass 没有经过用户态，在 @$2@`},
		{went + `, let on by user space at (.+)`, `@$1@，用户态放行了它，在 @$2@`},
		{`accepted by (.+)`, `被放行，由 @$1@`},
		{`delivered to this host`, `送达本机`},
		{`sent out of (\S+)`, `从 $1 发出`},
		{`sent out`, `已发出`},
		// Who it was.
		{`rule (\d+) of (.+)`, `$2 的规则 $1`},
		{`a rule of (.+)`, `$1 的一条规则`},
		{`the policy of (.+)`, `$1 的策略`},
		// Stations.
		{`where it came in, before any chain`, `在它进来之处，任何链之前`},
		{`within a bridge`, `在网桥里`},
		{`at the routing decision`, `在路由决定处`},
		{`where it was to be sent on`, `在转发处`},
		{`at the socket`, `在 socket 处`},
		{`at the routing of what is sent`, `在发送的路由处`},
		{`at the interface it should leave by`, `在它该离开的接口处`},
		{`in netfilter`, `在 netfilter 里`},
		{`somewhere`, `在某处`},
	}
}

// comparisons are the sentences of compare.Comparison, as patterns, and their Chinese.
func comparisons() [][2]string {
	const what = `(rule \d+|the policy|the end)`
	return [][2]string{
		{`(.+)\. Not all of (#\d+) and (#\d+) was seen`, `@$1@。$2 与 $3 都没有看全`},
		{`(.+)\. Not all of (#\d+) was seen`, `@$1@。$2 没有看全`},
		{`of (#\d+) and (#\d+) no step is known`, `$1 与 $2 的步骤都不得而知`},
		{`(#\d+) and (#\d+) go the same way, but #\d+ was (.+) and #\d+ was (.+)`, `$1 与 $2 走的路相同，但 $1 的结局是：@$3@；$2 的结局是：@$4@`},
		{`(#\d+) and (#\d+) go the same way, and both were (.+)`, `$1 与 $2 走的路相同，结局都是：@$3@`},
		{`(#\d+) and (#\d+) part at the first step, (.+)`, `$1 与 $2 在第一步就分开，@$3@`},
		{`(#\d+) and (#\d+) go the same way until (.+)`, `$1 与 $2 走的路相同，直到 @$3@`},
		// How they part.
		{`(\S+|\S+ \S+): the rules were put in another order between them; (#\d+) matches (rule \d+)( \(.+\))? first, (#\d+) (rule \d+)( \(.+\))?`, `$1：两者之间规则的顺序改过；$2 先匹配@$3@$4，$5 先匹配@$6@$7`},
		{`(.+: #\d+ matches.*, #\d+ does not.*); it comes to ` + what, `@$1@；它走到@$2@`},
		{`(\S+|\S+ \S+) ` + what + `: (#\d+) matches(?: (\(.+\)))?, (#\d+) does not`, `$1 @$2@：$3 匹配 $4，$5 不匹配`},
		{`(\S+|\S+ \S+) ` + what + `: (#\d+) matches(?: (\(.+\)))?, (#\d+) does not: (.+)`, `$1 @$2@：$3 匹配 $4，$5 不匹配：@$6@`},
		{`(\S+|\S+ \S+) ` + what + `( \(.+\))?: the same (?:rule|policy|end) does (\S+) to (#\d+) and (\S+) to (#\d+)`, `$1 @$2@$3：同一处对 $5 是 $4，对 $7 是 $6`},
		{`(\S+|\S+ \S+) ` + what + `( \(.+\))?: it finds or leaves other headers: (#\d+) (.+), (#\d+) (.+)`, `$1 @$2@$3：它遇到或留下的报文头不同：$4 @$5@，$6 @$7@`},
		{`(\S+|\S+ \S+): (#\d+) goes on to ` + what + `( \(.+\))?; (#\d+) was (.+)`, `$1：$2 继续走到@$3@$4；$5 的结局是：@$6@`},
		{`(\S+|\S+ \S+) ` + what + `( \(.+\))?: (#\d+) comes there, (#\d+) does not: chains of nat see only the first packet of a connection`, `$1 @$2@$3：$4 走到那里，$5 没有：nat 的链只看到连接的首个报文`},
		{`(\S+|\S+ \S+) ` + what + `( \(.+\))?: (#\d+) comes there, (#\d+) does not: chains of nat see no packet that is not tracked`, `$1 @$2@$3：$4 走到那里，$5 没有：nat 的链看不到不被跟踪的报文`},
		{`(\S+|\S+ \S+): (#\d+) goes to (\S+), (#\d+) to (\S+)`, `$1：$2 去 $3，$4 去 $5`},
		{`(\S+|\S+ \S+) ` + what + `( \(.+\))?: (#\d+) comes there, (#\d+) goes on to (\S+|\S+ \S+) ` + what, `$1 @$2@$3：$4 走到那里，$5 继续走到 $6 @$7@`},
		{`rule (\d+)`, `规则 $1`},
		{`the policy`, `策略`},
		{`the end`, `链尾`},
		// Why.
		{`the rules changed between them, and that one was not there then`, `两者之间规则改过，那时还没有这一条`},
		{`the packets differ in nothing that the rule is seen to ask for; it may count, or ask a set or the connection`, `两个报文在这条规则看得见的条件上没有差别；它可能计数，或查集合或连接`},
		{`(in|out|proto|src|sport|dst|dport|flags|icmp type|state|mark|length|ttl|tos) is (.+?), not (.+?), ((?:in|out|proto|src|sport|dst|dport|flags|icmp type|state|mark|length|ttl|tos) is .+)`, `$1 是 @$2@，不是 @$3@；@$4@`},
		{`(in|out|proto|src|sport|dst|dport|flags|icmp type|state|mark|length|ttl|tos) is (.+?), not (.+)`, `$1 是 @$2@，不是 @$3@`},
	}
}
