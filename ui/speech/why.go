package speech

import (
	"regexp"
	"slices"
	"strings"

	"nfscope/ui/component/ladder"
)

// Answers says what package model/why answers in the language that was asked for last, and keeps
// what it said. It is not safe for concurrent use.
type Answers struct{ sayer }

// In gives a language's.
func (a *Answers) In(s Speech) ladder.Say { return a.of(s, Speech.Why) }

// Why says what becomes of a flow: the sentence, how sure it is and why, what it rests on, what to
// do, and what stands around it while it is looked for. nil in English. It keeps what it said and
// is not safe for concurrent use.
func (s Speech) Why() ladder.Say {
	if s != "zh" {
		return nil
	}
	condition := s.Ladder()
	clause, note, why := s.Drop(), translator(problems()), translator(slices.Concat(phrases(), simulations()))
	counter := asking(nil, suspicions(), clause)
	put := asking(nil, slices.Concat(verdicts(), certainties(), findings(), outcomes()), func(text string) string {
		for _, say := range []func(string) string{clause, note, why} {
			if said := say(text); said != text {
				return said
			}
		}
		return parts(text, counter)
	})
	passed := regexp.MustCompile(`^passed rule (\d+) of (.+? \([^()]*\)) \(miss(?:: (.+?))?\): (.*)$`)
	return kept(func(text string) string {
		m := passed.FindStringSubmatch(text)
		if m == nil {
			return put(text)
		}
		var failed []string
		for _, c := range apart(m[3]) {
			failed = append(failed, condition(c))
		}
		between := ""
		if len(failed) > 0 {
			between = "（" + strings.Join(failed, "，") + "）"
		}
		return m[2] + " 的规则 " + m[1] + " 不匹配" + between + "：" + m[4]
	})
}

// parts says what semicolons join, part by part; where nothing of it is known all stays.
func parts(text string, say func(string) string) string {
	list := strings.Split(text, "; ")
	for i := range list {
		list[i] = say(list[i])
	}
	if said := strings.Join(list, "; "); said == text {
		return text
	}
	return strings.Join(list, "；")
}

// apart parts conditions that failed, which a comma joins. One that wants one of several has
// commas itself: what says nothing belongs to the one before.
func apart(conditions string) (out []string) {
	says := regexp.MustCompile(` (?:is|does not hold)\b|: `)
	for _, c := range strings.Split(conditions, ", ") {
		switch {
		case c == "":
		case len(out) > 0 && !says.MatchString(c):
			out[len(out)-1] += ", " + c
		default:
			out = append(out, c)
		}
	}
	return out
}

// verdicts are the sentences of model/why, as patterns, and their Chinese: whose packets, how far
// they came, and their end. What was added behind comes first.
func verdicts() [][2]string {
	const name, flow = `(\S+ \S+ > \S+(?: \(translated to \S+\))?)`, `(\S+ \S+ > \S+ (?:\(translated to \S+\) )?)`
	const gone = `((?:dropped|rejected|queued|likely dropped|not delivered)\b.*)`
	const kernel = `dropped by the kernel, no rule did it: `
	return [][2]string{
		{`(\S+ \S+ > \S+) \(translated to (\S+)\) ?`, `$1（转换为 $2）`},
		// Other packets, and other ends.
		{`(.+) \((\d+) of (\d+) packets((?:; .+)?)\)`, `@$1@（$3 个报文中有 $2 个如此@$4@）`},
		{`; (\d+) came through((?:; .+)?)`, `；$1 个通过@$2@`},
		{`; (\d+) had another end((?:; .+)?)`, `；$1 个另有结局@$2@`},
		{`; of (\d+) that netfilter dropped the rule is not certain((?:; .+)?)`, `；$1 个被 netfilter 丢弃，规则不确定@$2@`},
		{`; what became of (\d+) is not known`, `；$1 个的结局不得而知`},
		{`(.+) \((\d+) (?:more was|more were) dropped otherwise\)`, `@$1@（另有 $2 个以别的方式被丢弃）`},
		// Whose.
		{`nothing is wrong here: the reply of ` + flow + `came through`, `这里没有问题：@$1@的应答通过了`},
		{name + `: nothing of it was lost here, but the server acknowledged what the client sent, and nothing of an answer came here in (.+? m?s): its program sent none, or it was lost before here`, `@$1@：这里没有丢它的报文，但服务器确认收到客户端发的内容之后，$2 内没有任何回答来到这里：它的程序没有发，或在到这里之前丢了`},
		{name + `: nothing of it was lost here, but this host acknowledged what the client sent, and its program sent nothing back in (.+)`, `@$1@：这里没有丢它的报文，但本机确认收到客户端发的内容之后，它的程序在 $2 内什么也没有发回`},
		{name + `: nothing of it was lost here, but a TCP reset from (\S+) ended the connection before an answer came: its program, or a firewall there, broke it off`, `@$1@：这里没有丢它的报文，但还没有回答，$2 就用 TCP RST 结束了连接：是那里的程序或防火墙中断的`},
		{name + `: nothing of it was lost here, but what the client sent last was not acknowledged yet`, `@$1@：这里没有丢它的报文，但客户端最后发的还没有得到确认`},
		{name + `: nothing of it was lost here, but what the server sent last was not acknowledged yet`, `@$1@：这里没有丢它的报文，但服务器最后发的还没有得到确认`},
		{name + `: nothing of it was lost here, but neither end sent anything while it was looked at`, `@$1@：这里没有丢它的报文，但观察期间两端什么也没有发送`},
		{name + `: nothing of it was lost here, but behind its opening neither end sent anything`, `@$1@：这里没有丢它的报文，但连接建立之后两端什么也没有发送`},
		{name + `: the connection was answered and then stalled: the client sent the same segment (\d+) times, which came through here, and (\S+) was not heard to acknowledge it`, `@$1@：连接得到了应答，然后停住了：客户端把同一个报文段发了 $2 次，都通过了这里，却没有看到 $3 确认它`},
		{name + `: the connection was answered and then stalled: the server sent the same segment (\d+) times, which came through here, and (\S+) was not heard to acknowledge it`, `@$1@：连接得到了应答，然后停住了：服务器把同一个报文段发了 $2 次，都通过了这里，却没有看到 $3 确认它`},
		{`nothing is wrong here: the request ` + flow + `was (.+), and the reply came back`, `这里没有问题：请求 @$1@@$2@，应答也回来了`},
		{name + `: packets that are too long for the way on are dropped here, and the ICMP error from (\S+) that tells the client was ` + gone, `@$1@：对出口来说过长的报文在这里被丢弃，而 $2 为此告知客户端的 ICMP 错误@$3@`},
		{name + `: it was answered, and behind that an ICMP error came back from (\S+): (.+)`, `@$1@：它得到过应答，此后 $2 回了 ICMP 错误：@$3@`},
		{name + `: the request was seen, the reply was ` + gone, `@$1@：看到了请求，应答@$2@`},
		{name + `: the request was seen, the reply was (.+)`, `@$1@：看到了请求，应答：@$2@`},
		{name + `: the request was ((?:delivered|sent out)[^,]*), (.+)`, `@$1@：请求@$2@，@$3@`},
		{`the reply of ` + flow + `was ` + gone, `@$1@的应答@$2@`},
		{`the reply of ` + flow + `was (.+)`, `@$1@的应答：@$2@`},
		{flow + `was dropped by the kernel, no rule did it: the queue of the listening socket is full`, `@$1@被内核丢弃，不是规则丢的：监听 socket 的队列满了`},
		{flow + `was dropped by the kernel, no rule did it: the accept queue of (.+) is full \((\d+) (?:connection waits|connections wait), the limit is (\d+)\)`, `@$1@被内核丢弃，不是规则丢的：$2 的 accept 队列满了（$3 个连接在等，上限 $4）`},
		{flow + `was ` + gone, `@$1@@$2@`},
		{name + ` was (.+)`, `@$1@：@$2@`},
		{flow + `works, but (\d+) of (\d+) packets of the reply (?:was|were) (.+)`, `@$1@是通的，但应答的 $3 个报文中有 $2 个@$4@`},
		{flow + `works, but (\d+) of (\d+) packets (?:was|were) (.+)`, `@$1@是通的，但 $3 个报文中有 $2 个@$4@`},
		{`the probe \((.+)\) was not sent, the kernel of this host refused it: (.+)`, `探测报文（$1）没有发出，被本机内核拒绝：$2`},
		{`(nothing of this flow was seen here in .+?); no route of this host leads to (\S+)(; .+)`, `@$1$3@；本机没有到 $2 的路由`},
		{`(nothing of this flow was seen here in .+?); by the rules it would be (.+) \(simulated\)`, `@$1@；按规则它会@$2@（模拟）`},
		{`(nothing of this flow was seen here in .+?); the rules would let it through \(simulated\)`, `@$1@；规则会放行它（模拟）`},
		{`(nothing of this flow was seen here in .+?); what the rules would do with it is not known \(simulated\)`, `@$1@；规则会怎样处理它，不得而知（模拟）`},
		{`nothing of this flow was seen here in (.+? m?s): (.+)`, `$1 内在这里没有看到这条流的报文：$2`},
		// How far the request came, and what came back.
		{`delivered`, `已送达`},
		{`delivered \(sent out of (\S+)\)`, `已送达（从 $1 发出）`},
		{`and the reply came back; how the connection went on was not seen whole`, `应答也回来了；连接此后怎样，没有看全`},
		{`and an error came back: (.+)`, `回来的是错误：$1`},
		{`and (\S+) refused it by a TCP reset: nobody listens at that port, or a firewall there rejects it`, `而 $1 用 TCP RST 拒绝了它：那个端口没有程序监听，或被那里的防火墙拒绝`},
		{`and an ICMP error came back from (\S+): (.+)`, `而 $1 回了 ICMP 错误：@$2@`},
		{`and the ICMP error about it from (\S+), (.+), was ` + gone, `$1 为此发来 ICMP 错误：@$2@；这个错误@$3@`},
		{`and the ICMP error about it from (\S+), (.+), was (.+)`, `$1 为此发来 ICMP 错误：@$2@；这个错误：@$3@`},
		{`and no reply came back in (.+? m?s): hairpin without SNAT, (\S+) answers (\S+) on (\S+) directly, so that the reply comes from an address that was not asked`, `而 $1 内没有应答回来：hairpin 而没有 SNAT，$2 在 $4 上直接应答 $3，所以应答来自一个没有被请求过的地址`},
		{`and no reply came back in (.+? m?s): look at (\S+) and at the way there`, `而 $1 内没有应答回来：请查 $2，以及去那里的路径`},
		{`and no reply came in (.+? m?s): no socket of a program is known to have taken it`, `而 $1 内没有应答：不知道有哪个程序的 socket 收下了它`},
		{`and no reply came in (.+? m?s): the kernel of this host answers an echo, and did not`, `而 $1 内没有应答：应答 echo 的是本机内核，而它没有应答`},
		{`this host answers no echo, (\S+) is 1`, `本机不应答 echo，$1 为 1`},
		{`and no reply was traced in (.+? m?s)`, `而 $1 内没有跟踪到应答`},
		{`and a reply came, which was not traced`, `有应答回来，但没有跟踪到它`},
		{`and no reply came: (.+)`, `而没有应答：@$1@`},
		{`no route of this host leads back to (\S+)`, `本机没有回 $1 的路由`},
		{`the server's socket (.+) holds (\d+) bytes that its program does not read`, `服务器的 socket $1 里有 $2 字节，其程序没有去读`},
		{`the socket (.+) listens, and the kernel of this host did not answer the SYN`, `socket $1 在监听，而本机内核没有应答 SYN`},
		{`the server's socket (.+) took it, and its program sends nothing back`, `服务器的 socket $1 收下了它，而其程序什么也没有发回`},
		{`the reply was ` + gone, `应答@$1@`},
		{`the reply was (.+)`, `应答：@$1@`},
		// Its end.
		{`seen, and is still under way`, `看到了，还在途中`},
		{`queued to user space, where no program reads, and so dropped by a rule`, `被一条规则交给用户态，而没有程序在读，于是被丢弃`},
		{`queued to user space, where no program reads, and so dropped by (.+)`, `被交给用户态，而没有程序在读，于是被丢弃，由 @$1@`},
		{`dropped by conntrack, no rule did it: likely (.+)`, `被 conntrack 丢弃，不是规则丢的，很可能是：@$1@`},
		{`dropped by conntrack, no rule did it: (.+)`, `被 conntrack 丢弃，不是规则丢的：@$1@`},
		{`dropped by conntrack: (.+)`, `被 conntrack 丢弃：@$1@`},
		{`dropped by netfilter in the (\S+) hook, likely by (.+)`, `在 $1 被 netfilter 丢弃，很可能由 @$2@`},
		{`dropped by netfilter, likely by (.+)`, `被 netfilter 丢弃，很可能由 @$1@`},
		{`dropped by netfilter in the (\S+) hook, by a rule or a policy that was not traced`, `在 $1 被 netfilter 丢弃，没有跟踪到是哪条规则或策略`},
		{`dropped by netfilter, by a rule or a policy that was not traced`, `被 netfilter 丢弃，没有跟踪到是哪条规则或策略`},
		{`not delivered: the next hop (\S+) on (\S*) is not found, since its answer by ARP was (.+)`, `没有送达：找不到 $2 上的下一跳 $1，因为它的 ARP 应答@$3@`},
		{`not delivered: the next hop (\S+) on (\S*) is not found, since the question for it by ARP was (.+)`, `没有送达：找不到 $2 上的下一跳 $1，因为对它的 ARP 请求@$3@`},
		{`not delivered: the next hop (\S+) on (\S*) is not found, since its answer by neighbour discovery was (.+)`, `没有送达：找不到 $2 上的下一跳 $1，因为它的邻居发现应答@$3@`},
		{`not delivered: the next hop (\S+) on (\S*) is not found, since the question for it by neighbour discovery was (.+)`, `没有送达：找不到 $2 上的下一跳 $1，因为对它的邻居发现请求@$3@`},
		{`not delivered, no rule did it: likely it waits for the next hop (\S+) on (\S+), which does not answer ARP \((\S+)\)`, `没有送达，不是规则丢的：很可能在等 $2 上的下一跳 $1，它不应答 ARP（$3）`},
		{`not delivered, no rule did it: likely it waits for the next hop (\S+) on (\S+), which does not answer neighbour discovery \((\S+)\)`, `没有送达，不是规则丢的：很可能在等 $2 上的下一跳 $1，它不应答邻居发现（$3）`},
		{kernel + `likely (.+)`, `被内核丢弃，不是规则丢的，很可能是：@$1@`},
		{kernel + `(.+) \(([^()]+)\)`, `被内核丢弃，不是规则丢的：@$1@（$2）`},
		{`likely dropped by netfilter or the kernel, which of the two cannot be told without eBPF: (.+)`, `很可能被 netfilter 或内核丢弃，没有 eBPF 分不清是哪一个：@$1@`},
		// What an ICMP error means.
		{`port unreachable \(nobody listens there, or a firewall rejects it\)`, `端口不可达（那里没有程序监听，或被防火墙拒绝）`},
		{`administratively prohibited \(a firewall or a route rejects it\)`, `被管理策略禁止（被防火墙或路由拒绝）`},
		{`network unreachable`, `网络不可达`},
		{`host unreachable`, `主机不可达`},
		{`protocol unreachable`, `协议不可达`},
		{`address unreachable`, `地址不可达`},
		{`no route to it`, `没有去它的路由`},
		{`it is too large for the next link, and may not be cut into fragments`, `它超过下一段链路的 MTU，又不许分片`},
		{`it is too large for the next link`, `它超过下一段链路的 MTU`},
		{`its TTL ran out on the way`, `它的 TTL 在途中耗尽`},
		{`its hop limit ran out on the way`, `它的 hop limit 在途中耗尽`},
		{`fragments of it are missing`, `它缺少分片`},
		{`its source address is not allowed`, `它的源地址不被允许`},
	}
}

// certainties are how sure an answer is, and why, as patterns, and their Chinese.
func certainties() [][2]string {
	return [][2]string{
		{`certain: (.*)`, `确定：@$1@`},
		{`likely: (.*)`, `很可能：@$1@`},
		{`unknown: (.*)`, `未知：@$1@`},
		{`(.+); that the flow went on after it conntrack says \(SEEN_REPLY\), and the client, whose replies are not traced`, `@$1@；此后这条流仍在继续：是 conntrack（SEEN_REPLY）和客户端表明的，发给它的应答没有被跟踪`},
		{`(.+); the flow went on after it`, `@$1@；此后这条流仍在继续`},
		// What was lost.
		{`the trace is whole`, `跟踪完整`},
		{`the trace is whole, and the kernel says that netfilter dropped it in (\S+)`, `跟踪完整，内核也说 netfilter 在 $1 丢弃了它`},
		{`its trace is not whole: (.+)`, `它的跟踪不完整：@$1@`},
		{`the trace shows the rule, and the kernel says that nobody took it from there`, `跟踪显示了那条规则，内核说没有程序从那里取走它`},
		{`the kernel says that netfilter dropped it, but it was not traced there, so the rule is not known`, `内核说 netfilter 丢弃了它，但在那里没有跟踪到它，所以不知道是哪条规则`},
		{`the kernel says that netfilter dropped it; it was not traced there, and by the rules of now no other can have`, `内核说 netfilter 丢弃了它；在那里没有跟踪到它，而按现在的规则，不可能是别的规则`},
		{`conntrack's counter rose when it came; that no rule did it is not known`, `它到来时 conntrack 的计数上升了；是否有规则丢弃它，不得而知`},
		{`no rule dropped it, and the kernel says why it did`, `没有规则丢弃它，而内核说明了丢弃的原因`},
		{`the kernel says so; it did not come to the trace`, `内核这样说；它没有走到跟踪处`},
		// What nobody told of.
		{`nobody told of its end`, `没有得知它的结局`},
		{`what user space did with it was not seen`, `没有看到用户态怎样处理它`},
		{`it may have gone on unseen: (.+)`, `它可能继续走了而没有被看到：@$1@`},
		{`the kernel told of no drop of it`, `内核没有报告丢弃过它`},
		{`no rule dropped it, and a counter rose meanwhile, which names no packet`, `没有规则丢弃它，其间有计数上升，但计数不指明是哪个报文`},
		{`no rule dropped it, and the kernel dropped packets for that meanwhile; which ones, in which namespace, is not told by perf`, `没有规则丢弃它，其间内核因此丢弃过报文；是哪些报文，在哪个命名空间，perf 不说明`},
		{`no rule dropped it, and the kernel's reasons cannot be read here`, `没有规则丢弃它，而在这里读不到内核的原因`},
		{`a counter rose meanwhile, which names no packet and rises for netfilter and for the kernel`, `其间有计数上升，它不指明是哪个报文，而且 netfilter 与内核丢弃都会使它上升`},
		// What came back, or did not.
		{`both the request and what came back were seen`, `请求和回来的报文都看到了`},
		{`only what came back was seen, the request was not`, `只看到了回来的报文，没有看到请求`},
		{`request and reply were seen to the end of their way`, `请求和应答都看到了终点`},
		{`the packets are still under way`, `报文还在途中`},
		{`the probe's socket was told so`, `探测的 socket 得到了这个错误`},
		{`packets were not seen, a reply may be among them`, `有报文没有看到，应答可能就在其中`},
		{`both directions were traced and nothing was lost, and no acknowledgement of it was among them`, `两个方向都跟踪了，什么也没有丢失，其中没有对它的确认`},
		{`it may still be acknowledged`, `它还可能被确认`},
		{`it may still stall`, `它还可能停住`},
		{`packets were not seen, what the other end said may be among them`, `有报文没有看到，另一端所说的可能就在其中`},
		{`-j TRACE does not trace what comes back to a translated request, so that not all of it was seen`, `-j TRACE 不跟踪被转换的请求的应答，所以没有看全`},
		{`the filter says more than addresses and ports, so that not all of it may be matched`, `过滤器的条件不止地址和端口，可能有报文不符合它`},
		{`request and reply were seen to the end of their way; whether an answer was due, and whether it was sent, is not known`, `请求和应答都看到了终点；是否本该有回答，回答是否发出了，不得而知`},
		{`request and reply were seen to the end of their way; whether an answer was due is not known`, `请求和应答都看到了终点；是否本该有回答，不得而知`},
		{`request and reply were seen to the end of their way; whether more was due is not known`, `请求和应答都看到了终点；是否本该还有别的，不得而知`},
		{`a reply may still come`, `应答还可能来`},
		{`the filter says more than addresses and ports, so that replies may not be matched`, `过滤器的条件不止地址和端口，应答可能不符合它`},
		{`conntrack is not at work here, so that an ICMP error about it would not have been seen`, `conntrack 在这里没有工作，所以看不到为它发来的 ICMP 错误`},
		{`-j TRACE does not trace what comes back to a translated request, so that a reply may have come`, `-j TRACE 不跟踪被转换的请求的应答，所以可能有应答回来过`},
		{`conntrack says that a reply came \(SEEN_REPLY\), and the client went on after it; -j TRACE does not trace what comes back to a translated request`, `conntrack 说有应答回来（SEEN_REPLY），此后客户端也在继续；-j TRACE 不跟踪被转换的请求的应答`},
		{`conntrack says that a reply came \(SEEN_REPLY\); -j TRACE does not trace what comes back to a translated request, so that its end is not known`, `conntrack 说有应答回来（SEEN_REPLY）；-j TRACE 不跟踪被转换的请求的应答，所以不知道它的结局`},
		{`both directions were traced and nothing was lost`, `两个方向都跟踪了，没有丢失`},
		{`it left the last chain, and its next hop has no address on the link: the kernel's entry is (\S+)`, `它离开了最后一条链，而不知道下一跳的链路层地址：内核的表项是 $1`},
		{`the kernel did not find the next hop, and says that netfilter dropped what it needs for that`, `内核没有找到下一跳，又说 netfilter 丢弃了为此所需的报文`},
		{`TcpExtListenOverflows rose meanwhile, which names no socket`, `其间 TcpExtListenOverflows 上升了，它不指明是哪个 socket`},
		{`the queue of its socket is over, and TcpExtListenOverflows rose meanwhile`, `它的 socket 的队列已超过上限，其间 TcpExtListenOverflows 上升了`},
		{`no socket is at its port, and (\S+) rose meanwhile, which names no packet`, `它的端口没有 socket，其间 $1 上升了，它不指明是哪个报文`},
		// Nothing was seen.
		{`it ended before anything was armed`, `还没有开始跟踪就结束了`},
		{`events were lost, packets of it may be among them`, `丢失了事件，其中可能有它的报文`},
		{`the rate limit held packets back`, `有报文被限速挡下`},
		{`it may still come`, `它还可能来`},
		{`nothing was lost, but of packets that are dropped before prerouting nothing is told here`, `没有丢失，但在 prerouting 之前被丢弃的报文，这里不得而知`},
		{`nothing was lost, but packets that the bridge (\S+) only passes on may meet no hook that is traced`, `没有丢失，但网桥 $1 只是转发的报文，可能不经过任何被跟踪的 hook`},
		{`nothing was lost, but an XDP program has what comes by (\S+) before anything here sees it, and may drop it`, `没有丢失，但从 $1 进来的报文先到一个 XDP 程序，它可能丢弃报文，而这里看不到`},
		{`nothing was lost`, `没有丢失`},
		{`the probe was answered \((.+)\), so its packets are none that the filter matches`, `探测得到了应答（$1），所以它的报文不符合过滤器`},
		{`the probe's socket was told so, and no packet of it came to a hook`, `探测的 socket 得到了这个错误，而它的报文没有走到任何 hook`},
	}
}

// findings are what an answer rests on, what to do, and what is said while it is looked, as
// patterns, and their Chinese.
func findings() [][2]string {
	const rest = `((?:, .+)?)`
	const wrong = `(port unreachable \(.+?\)|administratively prohibited \(.+?\)|it is too large for the next link, and may not be cut into fragments|[^,]+)`
	return [][2]string{
		// How many packets.
		{`request direction: (\d+) packets? seen(.*)`, `请求方向：看到 $1 个报文@$2@`},
		{`reply direction: (\d+) packets? seen(.*)`, `应答方向：看到 $1 个报文@$2@`},
		{`, (\d+) came through((?:, | \().+|)`, `，$1 个通过@$2@`},
		{`, (\d+) dropped((?: \(.+)?)`, `，$1 个被丢弃@$2@`},
		{` \((\d+) sent again\)`, `（其中 $1 个是重发）`},
		// Verdict maps.
		{`in the map of rule (\d+) of (.+? \([^()]*\)) it was the element (.+)`, `$2 的规则 $1 的映射中，是元素 $3`},
		// ICMP errors.
		{`an ICMP error about it came from (\S+): ` + wrong, `$1 为此发来一个 ICMP 错误：@$2@`},
		{`an ICMP error about it came from (\S+): ` + wrong + `, (.+)`, `$1 为此发来一个 ICMP 错误：@$2@；它@$3@`},
		{`(\d+) ICMP errors about it came from (\S+): ` + wrong, `$2 为此发来 $1 个 ICMP 错误：@$3@`},
		{`(\d+) ICMP errors about it came from (\S+): ` + wrong + `, (.+)`, `$2 为此发来 $1 个 ICMP 错误：@$3@；它们@$4@`},
		{`dropped by netfilter`, `被 netfilter 丢弃`},
		{`dropped by the kernel`, `被内核丢弃`},
		{`and what became of it is not known`, `的结局不得而知`},
		// Halves of a connection.
		{`the client goes on, though no reply came by here: the replies take another way, so conntrack sees half of the connection`, `没有应答经过这里，客户端却继续发送：应答走了别的路，所以 conntrack 只看到连接的一半`},
		{`conntrack takes the reply for a new connection: it was told not to track the request \(NOTRACK\)`, `conntrack 把应答当成新连接：请求被要求不跟踪（NOTRACK）`},
		{`conntrack takes the reply for a new connection: it has the request in another entry, as where the zones of the two directions differ`, `conntrack 把应答当成新连接：请求在另一个表项里，例如两个方向的 zone 不同`},
		// Neighbours, and circles.
		{`netfilter dropped, without which neighbours send nothing: neighbour solicitation from (\S+)`, `netfilter 丢弃了 $1 的邻居请求，没有它，邻居什么也不会发来`},
		{`netfilter dropped, without which neighbours send nothing: neighbour advertisement from (\S+)`, `netfilter 丢弃了 $1 的邻居通告，没有它，邻居什么也不会发来`},
		{`netfilter dropped, without which neighbours send nothing: arp who-has (\S+) tell (\S+)`, `netfilter 丢弃了 ARP 请求：$2 问谁是 $1，没有它，邻居什么也不会发来`},
		{`netfilter dropped, without which neighbours send nothing: arp (\S+) is-at (\S+)`, `netfilter 丢弃了 ARP 应答：$1 在 $2，没有它，邻居什么也不会发来`},
		{`netfilter dropped (\d+) more packets? of ARP or neighbour discovery that were not kept`, `netfilter 另外丢弃了 $1 个 ARP 或邻居发现报文，未予保留`},
		{`packets of it came back (\d+) times? by (\S+), where they had left, with a smaller TTL: a route leads in a circle`, `它的报文有 $1 次从发出的 $2 又回来，TTL 变小：路由成环`},
		// Other flows.
		{`(\d+) (?:other flow matches|other flows match) the filter: (.+)`, `另有 $1 条流符合过滤器：@$2@`},
		{`, (\d+ .+)`, `，@$1@`},
		{`(\d+) dropped by a rule` + rest, `$1 条被规则丢弃@$2@`},
		{`(\d+) dropped by a policy` + rest, `$1 条被策略丢弃@$2@`},
		{`(\d+) dropped for want of a program on their queue` + rest, `$1 条因队列没有程序在读而被丢弃@$2@`},
		{`(\d+) dropped by conntrack` + rest, `$1 条被 conntrack 丢弃@$2@`},
		{`(\d+) dropped by the kernel` + rest, `$1 条被内核丢弃@$2@`},
		{`(\d+) dropped by netfilter` + rest, `$1 条被 netfilter 丢弃@$2@`},
		{`(\d+) without a reply` + rest, `$1 条没有应答@$2@`},
		{`(\d+) stalled` + rest, `$1 条停住了@$2@`},
		{`(\d+) refused` + rest, `$1 条被拒绝@$2@`},
		{`(\d+) answered, with packets lost` + rest, `$1 条有应答但丢了报文@$2@`},
		{`(\d+) answered, and then silent` + rest, `$1 条有应答，之后没有动静@$2@`},
		{`(\d+) answered, and not seen whole` + rest, `$1 条有应答，但没有看全@$2@`},
		{`(\d+) answered` + rest, `$1 条有应答@$2@`},
		{`(\d+) not known` + rest, `$1 条不得而知@$2@`},
		// How it was looked for.
		{`meanwhile, of whatever flow: (.+)`, `其间，不知属于哪条流：@$1@`},
		{`probe: (.+): nothing came back before the looking ended`, `探测：$1：到结束时什么也没有回来`},
		{`probe: (.+)`, `探测：$1`},
		{`looked for (.+? m?s) in this namespace: both directions traced from prerouting and output on; (drops: .+)`, `在这个命名空间观察了 $1：两个方向都从 prerouting 和 output 起跟踪；@$2@`},
		{`looked for (.+? m?s) in namespace (\S+): both directions traced from prerouting and output on; (drops: .+)`, `在命名空间 $2 观察了 $1：两个方向都从 prerouting 和 output 起跟踪；@$3@`},
		{`drops: nobody watched`, `丢弃情况：没有观察`},
		{`drops: (.+)`, `丢弃情况：@$1@`},
		{`each packet with its reason, by eBPF`, `由 eBPF 得知每个报文及其原因`},
		{`reasons and places of the whole host, by perf, without packets`, `由 perf 得知整台主机的原因与位置，不知道是哪些报文`},
		{`the kernel's counters alone`, `只有内核的计数`},
		{`conntrack has (\d+) connections? that the filter matches`, `conntrack 有 $1 个连接符合过滤器`},
		{`conntrack has no connection that the filter matches`, `conntrack 没有符合过滤器的连接`},
		{`lost: nothing`, `丢失：无`},
		{`lost: (.+)`, `丢失：@$1@`},
		{`(\d+) events lost` + rest, `$1 个事件@$2@`},
		{`(\d+) losses of unknown size` + rest, `$1 次数量不明的丢失@$2@`},
		{`(\d+) packets held back by the rate limit` + rest, `$1 个报文被限速挡下@$2@`},
		{`(\d+) drops told only by reason and place`, `$1 次丢弃只得知原因与位置`},
		{`(\d+) times? in the whole host the kernel freed something, a packet or a socket's message, as dropped and told nobody: in an interrupt it may pass eBPF over`, `整台主机有 $1 次，内核把某个东西（报文或套接字的消息）当作丢弃而释放，却没有报告：在中断中它可能跳过 eBPF`},
		{`by the rules of now it may have been (.+)`, `按现在的规则，可能是 @$1@`},
		{`or (\d+) more rules? of that hook`, `或该 hook 的另外 $1 条规则`},
		// What to do.
		{`let ARP and neighbour discovery \(ICMPv6 types 133 to 137\) through`, `放行 ARP 和邻居发现（ICMPv6 类型 133 到 137）`},
		{`ip route get (\S+) here and on the next hop behind (\S+): each sends it to the other`, `在这里和 $2 后面的下一跳上看 ip route get $1：两者互相把它发给对方`},
		{`ip route get (\S+); what a program here sends there is refused before it comes to a rule`, `ip route get $1；本机程序发往那里的报文，在走到规则之前就被拒绝`},
		{`ip -d link show dev (\S+)`, `ip -d link show dev $1`},
		{`ip route get (\S+); add a route back`, `ip route get $1；添加回去的路由`},
		{`ip route get (\S+) on the server: have the replies come back by this host, or do not ask for a state here`, `在服务器上看 ip route get $1：让应答经本机回来，或在这里不要检查状态`},
		{`masquerade it: have what comes from (\S+) and goes out there again, translated, leave with this host's address`, `给它做 masquerade：从 $1 进来、转换后又从那里出去的，让它以本机的地址离开`},
		{`net.bridge.bridge-nf-call-iptables=1 \(bridge-nf-call-ip6tables for IPv6\), of the module br_netfilter, shows it to the hooks, whose rules filter it then; what the bridge drops is among the drops`, `br_netfilter 模块的 net.bridge.bridge-nf-call-iptables=1（IPv6 是 bridge-nf-call-ip6tables）使这些报文经过 hook，那里的规则也就会过滤它们；网桥丢弃的报文列在丢弃中`},
		{`ip route get the destination; ip rule; an interface that is down has no routes`, `ip route get 目的地址；ip rule；没有启用的接口没有路由`},
		{`look there and on the way: does the segment arrive \(it is long: is the MTU of a link smaller\?\), and does the acknowledgement come back by this host\?`, `请检查那里和途中：这个报文段到达了吗（它很长：是否有链路的 MTU 更小？），确认是否经本机返回？`},
		{`look there and on the way: does the segment arrive, and does the acknowledgement come back by this host\?`, `请检查那里和途中：这个报文段到达了吗，确认是否经本机返回？`},
		{`ss -tio on the server: has it sent bytes that are not acknowledged\? Then they are lost on the way back: is the MTU of a link there smaller\?`, `在服务器上看 ss -tio：它发出的内容有没有未得到确认的？有，就是在回来的途中丢了：那里是否有链路的 MTU 更小？`},
		{`ip neigh show (\S+) dev (\S+): is the address right, is that host up and on this link\?`, `ip neigh show $1 dev $2：地址对吗，那台主机开着并在这条链路上吗？`},
		// While it is looked.
		{`looking for (.+), both directions`, `正在寻找两个方向的报文：$1`},
		{`arming; esc ends it`, `正在开始跟踪；按 esc 结束`},
		{`still looking, (\d+) s left at most; esc ends it`, `还在观察，最多还剩 $1 s；按 esc 结束`},
		{`it could not be looked for: (.+)`, `无法观察：@$1@`},
	}
}

// suspicions are counters that rose, and what makes them suspects, as patterns, and their Chinese.
func suspicions() [][2]string {
	const counter = `([A-Z]\w+|(?:nf_conntrack|softnet|rt_cache) \w+)`
	return [][2]string{
		{counter + ` rose by (\d+)`, `$1 增加了 $2`},
		{`in the whole host (\d+) dropped for (\S+) at (\S*)`, `整台主机有 $1 个因 $2 在 $3 被丢弃`},
		{`(.+), or (\d+) other causes?`, `@$1@；或另外 $2 个原因`},
		{`(.+ \(` + counter + `\)), or (.+)`, `@$1@；也可能是：@$3@`},
		{`(.+) \(` + counter + `\)`, `@$1@（$2）`},
	}
}

// simulations are what a packet that was only reckoned has in its ladder, as patterns, and their
// Chinese.
func simulations() [][2]string {
	return [][2]string{
		{`let through by all rules`, `所有规则都放行`},
		{`what becomes of it depends on what is not known`, `它会怎样，取决于不得而知的情况`},
		{`it is an echo request`, `它是 echo request`},
		{`its source port is 40000, which the filter leaves open`, `源端口取 40000，过滤器没有指定`},
		{`it is a SYN`, `它是 SYN`},
		{`it is the first packet of a new connection`, `它是新连接的首个报文`},
		{`its mark is 0, and what the kernel does beside the rules is not reckoned`, `它的 mark 是 0，不计内核在规则之外所做的`},
		{`its mark is the filter's, and what the kernel does beside the rules is not reckoned`, `它的 mark 是过滤器所写的，不计内核在规则之外所做的`},
		{`it comes by (\S+), where the route back leads`, `它从 $1 进来，回去的路由指向那里`},
		{`where it is sent to is not known: its destination is translated`, `不知道它发往哪里：目的地址被转换`},
	}
}
