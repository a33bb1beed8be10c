package speech

import (
	"slices"

	"nfscope/ui/component/ladder"
)

// maxSaid is how many phrases are kept said: they are drawn again and again.
const maxSaid = 1 << 12

// Ladders says ladders in the language that was asked for last, and keeps what it said. It
// is not safe for concurrent use.
type Ladders struct{ sayer }

// In gives a language's.
func (l *Ladders) In(s Speech) ladder.Say { return l.of(s, Speech.Ladder) }

// Connections is as Ladders is, of what is told of connections.
type Connections struct{ sayer }

// In gives a language's.
func (c *Connections) In(s Speech) ladder.Say { return c.of(s, Speech.Connection) }

// sayer keeps what one language said.
type sayer struct {
	in  Speech
	say ladder.Say
}

func (l *sayer) of(s Speech, makes func(Speech) ladder.Say) ladder.Say {
	if l.in != s {
		l.in, l.say = s, makes(s)
	}
	return l.say
}

// Ladder says the phrases of ladders: what became of a packet, why rules did not match, what
// is remarked beside and below, and how two compare. nil in English. It keeps what it said and
// is not safe for concurrent use.
func (s Speech) Ladder() ladder.Say {
	if s != "zh" {
		return nil
	}
	put, condition := translator(slices.Concat(phrases(), simulations(), nouns())), translator(slices.Concat(nouns(), conditions()))
	tells, tell := told(), worded(meanings(), slices.Concat(comparisons(), outcomes(), clauses(), [][2]string{{`(.+); (.+)`, `@$1@；@$2@`}}, nouns(), conditions()))
	return kept(func(phrase string) string {
		text := put(phrase)
		switch {
		case tells.MatchString(phrase):
			text = tell(phrase)
		case text == phrase:
			text = condition(phrase)
		}
		return text
	})
}

// kept keeps what was said.
func kept(say ladder.Say) ladder.Say {
	said := map[string]string{}
	return func(phrase string) string {
		text, ok := said[phrase]
		if !ok {
			if len(said) >= maxSaid {
				clear(said)
			}
			text = say(phrase)
			said[phrase] = text
		}
		return text
	}
}

// phrases are package ladder's, and those of model/journey and model/miss that stand in a
// ladder, as patterns, and their Chinese. The first that fits counts: a pattern with more
// words stands before one with less.
func phrases() [][2]string {
	return [][2]string{
		// Between phrases.
		{`, `, `，`},
		{`; `, `；`},
		{`miss: `, `不匹配：`},
		{`miss`, `不匹配`},
		{`end`, `链尾`},
		{`rule \((\d+) above, (\d+) below\)`, `rule（上有 $1 行，下有 $2 行）`},
		{`rule \((\d+) above\)`, `rule（上有 $1 行）`},
		{`rule \((\d+) below\)`, `rule（下有 $1 行）`},
		// Beside a step, and of the one that the packet stands at.
		{`(step \d+ of \d+: .+); the packet now has (.+)`, `@$1@；报文现在有 $2`},
		{`step (\d+) of (\d+): rule (\d+) of (.+ \([^()]*\)), (.+)`, `第 $1 步，共 $2 步：$4 的规则 $3，@$5@`},
		{`step (\d+) of (\d+): policy of (.+ \([^()]*\)), (.+)`, `第 $1 步，共 $2 步：$3 的策略，@$4@`},
		{`step (\d+) of (\d+): (\S+) of (.+ \([^()]*\)), (.+)`, `第 $1 步，共 $2 步：$4 的 $3，@$5@`},
		{`(jump|goto) to (.+)`, `$1 到 $2`},
		{`on its way`, `在途中`},
		{`no match`, `不匹配`},
		{` by user space`, `，由用户态`},
		{` by forwarding`, `，由转发`},
		{` by (.+)`, `，由 @$1@`},
		{`one of the rules from rule (\d+) of (\S+) to rule (\d+) of (\S+)`, `$2 的规则 $1 到 $4 的规则 $3 之一`},
		{`the packets: (.+)`, `两个报文：$1`},
		{`comparing (#\d+) and (#\d+)`, `正在比较 $1 与 $2`},
		{`no packet of the other direction was traced`, `没有跟踪到另一方向的报文`},
		{`by the element (.+)`, `由元素 $1`},
		{`and (\d+) more did not match`, `另有 $1 条不匹配`},
		{`(\d+) rules? looked at did not match`, `看过的 $1 条规则不匹配`},
		{`(\d+) chains? can still drop`, `$1 条链还可能丢弃它`},
		{`(\d+) chains can still drop: (.+)`, `$1 条链还可能丢弃它：$2`},
		{`(\d+) can still drop`, `$1 条还可能丢弃`},
		{`(.+) can still drop`, `$1 还可能丢弃它`},
		{`rule (\d+) of (.+) accepted it; these can still drop it: (.+)`, `$2 的规则 $1 放行了它，还可能丢弃它的有：$3`},
		{`to this host`, `到本机`},
		{`to another host`, `到别的主机`},
		{`what the target did is inferred from what came after`, `目标做了什么是从后面的情况推断的`},
		{`nf_tables' trace shows no header of this fragment, so what failed is not known`, `nf_tables 的跟踪不显示这个分片的报文头，所以不知道哪个条件不成立`},
		{`nobody could print this rule, so nobody knows what it asks`, `没有程序能打印这条规则，所以不知道它的条件`},
		{`by its text it should have matched: it asks for nothing`, `按规则文本它本该匹配：它没有任何条件`},
		{`by its text it should have matched: (.+)`, `按规则文本它本该匹配：$1`},
		// Below a ladder.
		{`(\S+): source (\S+) became (\S+): destination (\S+) became (\S+)`, `$1：源 $2 变成 $3，目的 $4 变成 $5`},
		{`(\S+): source (\S+) became (\S+)`, `$1：源 $2 变成 $3`},
		{`(\S+): destination (\S+) became (\S+)`, `$1：目的 $2 变成 $3`},
		{`conntrack: (.+)`, `conntrack：@$1@`},
		{`answers (#\d+)`, `应答 $1`},
		{`ICMP error about (#\d+)`, `关于 $1 的 ICMP 错误`},
		{`REJECT's answer to (#\d+)`, `REJECT 对 $1 的应答`},
		{`(.+), answers (#\d+)`, `@$1@，应答 $2`},
		{`(.+), a reply`, `@$1@，是应答`},
		{`(.+) \(told by the kernel\)`, `@$1@（内核告知）`},
		{`(.+) \(found by its tuple\)`, `@$1@（按其 tuple 找到）`},
		{`state ([A-Z]+), flow (\d+)`, `状态 $1，连接 $2`},
		{`state ([A-Z]+)`, `状态 $1`},
		{`flow (\d+)`, `连接 $1`},
		{`incomplete`, `不完整`},
		{`incomplete: (.+)`, `不完整：@$1@`},
		{`gaps while it was traced: (\d+)`, `跟踪期间丢失事件的次数：$1`},
		{`assumed: (.+)`, `假定：@$1@`},
		{`possible: (.+)`, `可能：@$1@`},
		{`(accepted|dropped|rejected|queued) or (.+)`, `$1 或 @$2@`},
		// What is incomplete, and what is assumed.
		{`another packet had the same headers: which of them the kernel dropped is not known`, `另有报文头相同的报文：不知道内核丢弃的是哪一个`},
		{`the rule that dropped it told nothing: it is not traced, or its event was lost`, `丢弃它的规则没有报告：没有被跟踪，或丢失了事件`},
		{`what dropped it told nothing: a rule that is not traced or whose event was lost, or conntrack`, `丢弃它的没有报告：是没有被跟踪或丢失了事件的规则，或 conntrack`},
		{`its end was not seen`, `没有看到它的结局`},
		{`it is the first of a connection that conntrack did not tell of: behind the last chain conntrack drops what it cannot take .+`, `它是一个连接的首个报文，而 conntrack 没有报告该连接：在最后一条链之后，conntrack 丢弃它收不下的（地址或端口已被别的连接占用）`},
		{`what user space did with it was not seen; without a listener on the queue the kernel drops it`, `没有看到用户态如何处理它；队列没有程序在读时内核会丢弃它`},
		{`(\d+) events were lost while it was under way`, `它在途中时丢失了 $1 个事件`},
		{`events in its middle are missing`, `缺少它中途的事件`},
		{`another packet with the same headers was under way: steps may belong to the other`, `途中还有一个报文头相同的报文：有些步骤可能属于那一个`},
		{`a rule or chain that it met is not in the ruleset that was read`, `它遇到的某条规则或链不在读到的规则集里`},
		{`its beginning was not seen: events were lost, or another's trace rule began here`, `没有看到它的开头：丢失了事件，或别人的跟踪规则从这里开始`},
		{`its beginning was not seen: events were lost, another's trace rule began here, or it waited long for user space`, `没有看到它的开头：丢失了事件，或别人的跟踪规则从这里开始，或它等了用户态很久`},
		{`it goes on behind the rule that ended it: rules or packets were mistaken`, `它在终结它的规则之后还在继续：规则或报文认错了`},
		{`the trace was switched on in a user chain, and its base chain was not seen`, `跟踪是在用户链里打开的，没有看到它的基本链`},
		{`the rules changed while it was under way: numbers and texts may be those of other rules`, `它在途中时规则变了：编号与文本可能是别的规则的`},
		{`under way`, `在途中`},
		{`the end of its way through (.+) was not seen: events were lost or came too late`, `没有看到它怎样走完 $1：事件丢失或来得太晚`},
		{`no event of (.+) was seen, which it met: events were lost or came too late`, `它遇到了 $1，却没有看到那里的事件：事件丢失或来得太晚`},
		{`what (.+) did with it, if it came there, is not known: nf_tables' chains are not traced`, `它若到过 $1，那里怎样处理它不得而知：nf_tables 的链没有被跟踪`},
		{`what (.+) did with it, which it met, is not known: legacy tables are not traced`, `它遇到了 $1，那里怎样处理它不得而知：legacy 表没有被跟踪`},
		{`known by its connection: chains before conntrack are not shown`, `是从它的连接得知的：conntrack 之前的链不显示`},
		{`(.+) and (.+) stand at the same priority: which ran first is not known`, `$1 与 $2 优先级相同：不知道哪个先执行`},
		{`(\d+) packets with the same headers were under way: which event was whose is not known, but of those that legacy tables tell each had all`, `途中有 $1 个报文头相同的报文：不知道哪个事件属于哪个，但 legacy 表报告的事件每个报文都有`},
		{`(\d+) fragments were under way of which nf_tables' trace shows no header: which of its events was whose is not known, but each has all, and the same`, `途中有 $1 个分片，nf_tables 的跟踪不显示其报文头：不知道哪个事件属于哪个，但每个都有全部事件，而且相同`},
		{`conntrack took the new connection behind the last chain: its events are not followed here`, `conntrack 在最后一条链之后收下了新连接：这里不跟随它的事件`},
		{`what is told of the members of sets is as of now: they may have changed since the packet came`, `集合成员是现在的情况：报文到来之后可能变过`},
		{`which rules it met and did not match is not known any more: .+`, `已经不知道它遇到而不匹配的是哪些规则：规则后来变了，为省内存没有保留当时的规则`},
		{`what is known of its connection fits no state: the rules that it hit and missed contradict each other`, `关于它的连接，已知情况不符合任何状态：命中与不匹配的规则互相矛盾`},
		{`what is told as no match was not hit by an event that is missing \((.+)\)`, `说成不匹配的，前提是缺少的事件没有命中它（@$1@）`},
		{`it is an IPv6 fragment behind the first, .+`, `它是首个之后的 IPv6 分片，因为 nf_tables 的跟踪不显示它的报文头；不知道属于哪个数据报`},
		{`it is a fragment of the datagram that (#\d+) begins, .+`, `它是 $1 所开始的数据报的分片，因为它紧随其后：nf_tables 的跟踪只显示 IPv6 首个分片的报文头`},
		// A miss that is looked at.
		{`rule (\d+) of (.+?) did not match: (.+)`, `$2 的规则 $1 不匹配：$3`},
		{`(.+): unknown, wants (.+), what is missing: (.+)`, `$1：unknown，要求 @$2@，缺少的是：@$3@`},
		{`(.+): unknown, what is missing: (.+)`, `$1：unknown，缺少的是：@$2@`},
		{`(.+): no, wants (.+); it does not hold: nothing else of the rule failed`, `$1：no，要求 @$2@；不成立：规则的其他条件都没有失败`},
		{`(.+): no; it does not hold: nothing else of the rule failed`, `$1：no；不成立：规则的其他条件都没有失败`},
		{`(.+): no, wants (.+), has (.+)`, `$1：no，要求 @$2@，而它是 @$3@`},
		{`(.+): no, has (.+)`, `$1：no，它是 @$2@`},
		{`not known: (.+)`, `@$1@`},
		{`not known`, `未知`},
	}
}

// conditions are how journey.Because puts one that failed, or is not known. They fit much,
// so nothing but a whole phrase is held against them.
func conditions() [][2]string {
	const states = `(?:NEW|ESTABLISHED|RELATED|INVALID|UNTRACKED)`
	return [][2]string{
		{`(.+) is not known: (.+)`, `$1 未知：@$2@`},
		{`(.+) is not known`, `$1 未知`},
		{`(.*\b` + states + `) or (` + states + `\b.*)`, `@$1 或 $2@`},
		{`(.+) does not hold: nothing else of the rule failed`, `$1 不成立：规则的其他条件都没有失败`},
		{`(.+) does not hold`, `$1 不成立`},
		{`(.+) (no connection|no interface|no helper|none|not local|\d+ or more) is not (.+)`, `$1（@$2@）不是 @$3@`},
		{`(.+) is not in (.+)`, `$1 不在 $2 中`},
		{`(.+) is in (.+)`, `$1 在 $2 中`},
		{`(.+) is not (.+)`, `$1 不是 @$2@`},
		{`(.+) is (.+)`, `$1 是 @$2@`},
		{`(.+): (.+)`, `$1：@$2@`},
	}
}

// nouns are the facts that model/match and model/nft name where one is missing, and what
// they say a packet has where it has nothing, and their Chinese.
func nouns() [][2]string {
	return [][2]string{
		{`one of (.+)`, `$1 之一`},
		{`(\S+), not known: its NAT`, `$1，它的 NAT 未知`},
		{`(\d+) or more`, `至少 $1`},
		{`no connection`, `没有连接`},
		{`no interface`, `没有接口`},
		{`no helper`, `没有 helper`},
		{`none`, `没有`},
		{`not local`, `不是本机的`},
		{`no such header`, `没有这个报文头`},
		{`a later fragment, without that header`, `是后面的分片，没有这个报文头`},
		{`nobody expected it`, `它不是预期中的连接`},
		{`the time`, `时间`},
		{`the CPU`, `CPU`},
		{`how many packets came before`, `之前来过多少报文`},
		{`how many connections there are`, `有多少连接`},
		{`what the list holds`, `列表的内容`},
		{`what is left of the quota`, `配额还剩多少`},
		{`the members of the set`, `集合的成员`},
		{`what (.+) has in the place of ports`, `$1 在端口的位置上有什么`},
		{`what a concatenation gives`, `拼接的值`},
		{`what (.+) (?:holds|gives|stands for)`, `$1 的内容`},
		{`what the map's keys stand for`, `map 的键对应什么`},
		{`whether it is (.+) or (.+)`, `它是 $1 还是 $2`},
		{`whether it is (.+)`, `它是否为 $1`},
		{`whether it is traced`, `它是否被跟踪`},
		{`a chance of (.+)`, `概率 $1`},
		{`a number thrown for each packet`, `每个报文的随机数`},
		{`the kernel's hash`, `内核的哈希`},
		{`when the connection expires`, `连接何时过期`},
		{`the connection`, `连接`},
		{`the connection's mark`, `连接的 mark`},
		{`the connection's counters`, `连接的计数`},
		{`the connection's labels`, `连接的标签`},
		{`the connection's status`, `连接的 status`},
		{`the connection's addresses`, `连接的地址`},
		{`the connection's ports`, `连接的端口`},
		{`the connection's helper`, `连接的 helper`},
		{`the connection's (\S+)`, `连接的 $1`},
		{`the key`, `键`},
		{`the direction`, `方向`},
		{`the address`, `地址`},
		{`the interface`, `接口`},
		{`the interface's (\S+)`, `接口的 $1`},
		{`the packet was cut short`, `报文被截断`},
		{`the packet's content`, `报文的内容`},
		{`the packet's bytes`, `报文的字节`},
		{`the packet's route`, `报文的路由`},
		{`the packet's length`, `报文的长度`},
		{`the packet's family`, `报文的协议族`},
		{`the packet's priority`, `报文的优先级`},
		{`the packet's security mark`, `报文的安全标记`},
		{`the packet's IPsec path`, `报文的 IPsec 路径`},
		{`the packet's (\S+)`, `报文的 $1`},
		{`the header's options`, `报文头的选项`},
		{`the header's extensions`, `扩展报文头`},
		{`the header's other fields`, `报文头的其他字段`},
		{`the TCP header`, `TCP 报文头`},
		{`the frame's type`, `帧的类型`},
		{`the link layer's address`, `链路层地址`},
		{`the sender's socket`, `发送者的 socket`},
		{`the sender's system`, `发送者的系统`},
		{`the sender's cgroup`, `发送者的 cgroup`},
		{`the host's sockets`, `本机的 socket`},
		{`the host's routes`, `本机的路由`},
		{`the host's addresses and routes`, `本机的地址与路由`},
		{`the host's IPsec policies`, `本机的 IPsec 策略`},
		{`the bridge's ports`, `网桥的端口`},
		{`nfscope does not ask this of a packet`, `nfscope 不检查报文的这一项`},
		{`a later fragment's data is read as its header`, `后面分片的数据被当成报文头来读`},
		{`legacy says never, iptables-nft always`, `legacy 认为总不匹配，iptables-nft 认为总匹配`},
		{`iptables-nft before 1\.8\.10 means both ports together`, `1.8.10 之前的 iptables-nft 把两个端口合在一起`},
		{`some versions of nft mean both conditions together`, `有些版本的 nft 把两个条件合在一起`},
	}
}
