package speech

import (
	"slices"

	"nfscope/ui/component/ladder"
)

// Connection says what is told of connections: how a reply gets back, who translated it, why it
// is stale, and how conntrack itself is doing. nil in English. It keeps what it said and is not safe for concurrent use.
func (s Speech) Connection() ladder.Say {
	if s != "zh" {
		return nil
	}
	return kept(translator(slices.Concat(healths(), connections())))
}

// connections are the sentences of model/flow and model/nat that explain a connection, and those
// of its page, as patterns, and their Chinese. A rule's own text, always last, stays.
func connections() [][2]string {
	const rule, end = `rule (\d+) of ((?:\S+ )?\S+ \([^()]*\))`, `((?:its destination is|it leaves as) .+?)`
	return [][2]string{
		// Who translated it, and why it is stale: the rule's own text is before all that it could fit.
		{rule + `, traced: (.*)`, `$2 的规则 $1，跟踪得知：$3`},
		{rule + `, inferred: (.*)`, `$2 的规则 $1，推断得知：$3`},
		{`stale: (.+)`, `stale：@$1@`},
		{`today's rules would not track it, and so not translate it`, `现在的规则不会跟踪它，也就不会转换它`},
		{`today's rules of (.+) would drop it`, `现在 $1 的规则会丢弃它`},
		{`today the policy of (.+) would drop it`, `现在 $1 的策略会丢弃它`},
		{`today ` + rule + ` would drop it: (.*)`, `现在 $2 的规则 $1 会丢弃它：$3`},
		{end + `, and today no rule would translate it`, `@$1@，而现在没有规则会转换它`},
		{end + `, and today ` + rule + ` would make it ((?:what a map says|the address of the interface it leaves by|this host|its own address)(?:, port \S+)?): (.*)`, `@$1@，而现在 $3 的规则 $2 会让它成为@$4@：$5`},
		{end + `, and today ` + rule + ` would make it (.+?): (.*)`, `@$1@，而现在 $3 的规则 $2 会让它成为 $4：$5`},
		{end + `, and today's rules would not make it that, whichever of them it met: (.+)`, `@$1@，而现在的规则都不会让它成为这样，无论它遇到的是哪一条：@$2@`},
		{`its destination is (.+)`, `它的目的是 $1`},
		{`it leaves as (.+)`, `它以 $1 离开`},
		{`(what a map says|the address of the interface it leaves by|this host|its own address), port (\S+)`, `@$1@，端口 $2`},
		{`what a map says`, ` map 所指的`},
		{`the address of the interface it leaves by`, `它离开的接口的地址`},
		{`this host`, `本机`},
		{`its own address`, `它自己的地址`},
		{`(! .+) \((\S+) of (\S+) looked at\)`, `@$1@（已看 $3 个中的 $2 个）`},
		{`(! )at least (\S+) connections? stale: .+`, `$1至少 $2 个连接是 stale：现在的规则会丢弃它们，或作别的转换`},
		{`(! )(\S+) connections? stale: .+`, `$1$2 个连接是 stale：现在的规则会丢弃它们，或作别的转换`},
		// Who translated it.
		{`(rule .+) \(inferred; which of them depends on what is not known\)`, `@$1@（推断；是哪一条，取决于不得而知的情况）`},
		{`(rule .+) or none at all`, `@$1@，或一条也没有`},
		{`(rule \d+ of .+?) or (rule .+)`, `@$1@ 或 @$2@`},
		{`rule (\d+) of (.+)`, `$2 的规则 $1`},
		{`no rule: the kernel chose another port, since the one of the client was taken \(inferred\)`, `不是规则：客户端的端口已被占用，内核换了一个端口（推断）`},
		{`a rule that is not there any more, or that matches no more`, `一条已经不在，或不再匹配的规则`},
		{`the addresses of this host are not known`, `本机的地址不得而知`},
		{`it was expected by a helper, which gave it the mapping of the connection it belongs to; no rule was asked`, `它是 helper 预期的连接，helper 给了它所属连接的映射；没有问过规则`},
		{`it has no reply tuple`, `它没有应答 tuple`},
		{`it is of zone (\d+), which no rule sets: something else tracks here, such as Open vSwitch`, `它属于 zone $1，没有规则设置它：是别的程序在这里跟踪，例如 Open vSwitch`},
		{`(.+) packets? of it traced \(p shows them\)`, `跟踪了它的 $1 个报文（按 p 显示）`},
		// Heads.
		{`source by`, `源转换`},
		{`destination by`, `目的转换`},
		{`(.+), gone for (\d+ \S+(?: \d+ \S+)?)`, `$1，已结束 $2`},
		// How its packets go, and its reply.
		{`the client (.+?) speaks to (.+?); (REDIRECT|DNAT) (.+)`, `客户端 $1 与 $2 通信；@$3 $4@`},
		{`the client (.+?) speaks to (.+)`, `客户端 $1 与 $2 通信`},
		{`REDIRECT turns it to this host at (.+)`, `REDIRECT 把它转到本机的 $1`},
		{`DNAT sends it to (.+)`, `DNAT 把它送到 $1`},
		{`(.+ lets it leave as .+) \(port rewritten\)`, `@$1@（端口被改写）`},
		{`(.+ lets it leave as .+) \(echo identifier (\d+) rewritten to (\d+)\)`, `@$1@（echo 标识由 $2 改写为 $3）`},
		{`the kernel lets it leave as (.+)`, `内核让它以 $1 离开`},
		{`MASQUERADE lets it leave as (.+)`, `MASQUERADE 让它以 $1 离开`},
		{`SNAT lets it leave as (.+)`, `SNAT 让它以 $1 离开`},
		{`no rule did that: another connection had the same reply tuple, so the kernel chose another port`, `不是规则做的：另一个连接已有相同的应答 tuple，所以内核换了一个端口`},
		{`the reply comes as (.+?) > (.+?); conntrack knows it by this tuple and turns it back into (.+?) > (.+), which the client waits for`, `应答以 $1 > $2 到来；conntrack 按这个 tuple 认出它，把它变回客户端所等的 $3 > $4`},
		{`the reply comes from (.+?) to (.+?); no address is translated`, `应答从 $1 到 $2；没有转换地址`},
		{`client and backend are on the same side of this host: without the source translation the backend would answer the client directly, and the client would not know the answer for its own`, `客户端与后端在本机的同一侧：若不转换源地址，后端会直接应答客户端，而客户端认不出那是给自己的应答`},
		{`a network card forwards its packets past the rules and this host \(flowtable\); the kernel tells neither its state nor its timeout`, `网卡转发它的报文，绕过规则和本机（flowtable）；内核不告知它的状态和超时`},
		{`a flowtable forwards its packets past the chains behind ingress; the kernel tells neither its state nor its timeout`, `flowtable 转发它的报文，绕过 ingress 之后的链；内核不告知它的状态和超时`},
		{`no reply has been seen yet`, `还没有看到应答`},
		// What only some have.
		{`(\d+) s left of (\d+) s \(nf_conntrack_(\S+)\)`, `剩余 $1 s，共 $2 s（nf_conntrack_$3）`},
		{`type (\d+), code (\d+), identifier (\d+)`, `类型 $1，代码 $2，标识 $3`},
		{`call identifiers of PPTP: (\S+) of the client, (\S+) of the server`, `PPTP 的呼叫标识：客户端 $1，服务器 $2`},
		{`verification tags (\S+), back (\S+)`, `验证标签 $1，反方向 $2`},
		{`a helper expected it because of (.+)`, `helper 因 $1 而预期它`},
		{`(.+) \(perhaps that of a connection with these ends in another zone: which one was not told\)`, `@$1@（也可能属于另一个 zone 中两端相同的连接：没有告知是哪一个）`},
		{`(\S+) from (.+) to (.+), for (\d+) s, by helper (.*)`, `$1，从@$2@到@$3@，还等 $4 s，由 helper $5`},
		{`anyone`, `任何地址`},
		{`(\d+) in the original direction, (\d+) in the reply's`, `原方向 $1，应答方向 $2`},
		{`numbers are moved: (.+)`, `序号被移动：@$1@`},
		{`(original|reply) ([+-]\d+), (.+)`, `$1 $2，$3`},
		{`answered for the server, with sequence numbers from (\d+) and timestamps from (\d+)`, `替服务器应答，序号从 $1 起，时间戳从 $2 起`},
		{`attribute (\d+): (.*)`, `属性 $1：$2`},
		{`n/a: sysctl -w net.netfilter.nf_conntrack_acct=1 switches them on for new connections`, `n/a：sysctl -w net.netfilter.nf_conntrack_acct=1 为新连接打开计数`},
	}
}
