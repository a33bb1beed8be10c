package speech

import "nfscope/ui/component/ladder"

// Overlays says what stands in the help, the palette, the bar where a filter is typed and the
// questions, in the language that was asked for last. It keeps what it said and is not safe for
// concurrent use.
type Overlays struct{ sayer }

// In gives a language's.
func (o *Overlays) In(s Speech) ladder.Say { return o.of(s, Speech.Overlay) }

// Overlay says what Overlays does; nil in English. Names of actions and what is typed in filters
// stay. It keeps what it said and is not safe for concurrent use.
func (s Speech) Overlay() ladder.Say {
	if s != "zh" {
		return nil
	}
	return kept(worded(helps(), typing()))
}

// typing are what is said while a filter is typed, and of one that cannot be read, as patterns, and
// their Chinese. Words of the filter language stay.
func typing() [][2]string {
	return [][2]string{
		// What is wrong with a filter.
		{`(?:filter, )?column (\d+): expected (.+), found the end of the filter`, `第 $1 列：过滤器到此为止，应有@$2@`},
		{`(?:filter, )?column (\d+): expected (.+), found (".*")`, `第 $1 列：$3 不对，此处应为@$2@`},
		{`(?:filter, )?column (\d+): (.+)`, `第 $1 列：@$2@`},
		{`(".+") does not apply to traced packets`, `$1 不适用于跟踪到的报文`},
		{`(".+") does not apply to dropped packets`, `$1 不适用于丢弃的报文`},
		{`(".+") does not apply to packets`, `$1 不适用于报文`},
		{`(".+") does not apply to connections`, `$1 不适用于连接`},
		{`(".+") does not apply to rules`, `$1 不适用于规则`},
		{`(".+") does not apply to (\S+)`, `$1 不适用于 $2`},
		{`the quote that begins here does not end: expected a closing "`, `从这里开始的引号没有结束：应有另一个 "`},
		{`too many parentheses: simplify the filter`, `括号太多：请简化过滤器`},
		{`the filter is too complex for the kernel: it becomes (\d+) alternatives, at most (\d+) are possible; simplify it, for example with src or dst before an address`, `过滤器对内核来说太复杂：它展开成 $1 种情况，最多只能 $2 种；请简化，例如在地址前加 src 或 dst`},
		{`and, or or the end`, ` and、or 或结尾`},
		{`and, or or "\)"`, ` and、or 或右括号`},
		{`or or "\)"`, ` or 或右括号`},
		{`the end`, `结尾`},
		{`host, net, port, portrange or an address`, ` host、net、port、portrange 或一个地址`},
		{`a condition such as tcp, host, port or in`, `一个条件，例如 tcp、host、port 或 in`},
		{`a port number or name \(a range is: portrange 8000-8100\)`, `一个端口号或端口名（范围写成 portrange 8000-8100）`},
		{`a port number or name`, `一个端口号或端口名`},
		{`a range of ports such as 8000-8100`, `一段端口，例如 8000-8100`},
		{`a network such as 10\.0\.0\.0/8`, `一个网段，例如 10.0.0.0/8`},
		{`a network without host bits, such as (\S+)`, `一个没有主机位的网段，例如 $1`},
		{`an address`, `一个地址`},
		{`an IPv4 or IPv6 address \(a network is: net 10\.0\.0\.0/8\)`, `一个 IPv4 或 IPv6 地址（网段写成 net 10.0.0.0/8）`},
		{`an IPv4 or IPv6 address`, `一个 IPv4 或 IPv6 地址`},
		{`a protocol's name or number`, `协议的名字或号码`},
		{`the name of an interface`, `接口的名字`},
		{`a mark such as 0x1 or 0x1/0xff`, `一个 mark，例如 0x1 或 0x1/0xff`},
		{`a zone's number`, ` zone 的号码`},
		{`a rule's number`, `规则的编号`},
		{`a conntrack state such as (.+)`, `一个 conntrack 状态，例如 $1`},
		{`a chain's name`, `链的名字`},
		{`a table's name`, `表的名字`},
		{`a drop reason such as (\S+)`, `一个丢弃原因，例如 $1`},
		{`((?:\S+, )*\S+) or (\S+)`, ` $1 或 $2`},
		// What the bar says.
		{`enter: narrow this page   empty: show all   esc: leave as it was`, `enter：过滤本页   留空：全部显示   esc：保持原样`},
		{`enter: trace for (.+)   ctrl\+b: both directions   esc: don't`, `enter：跟踪 @$1@   ctrl+b：双向跟踪   esc：放弃`},
		{`enter: trace both directions for (.+)   ctrl\+b: only what the filter says   esc: don't`, `enter：双向跟踪 @$1@   ctrl+b：只按过滤器   esc：放弃`},
		{`(\S+ \S+) at (\d+) packets/s(.*)`, `$1，每秒最多 $2 个报文$3`},
		{`; `, `；`},
		{`trace `, `跟踪 `},
		{`trace both ways `, `双向跟踪 `},
		{`a filter such as tcp and port 443, or any text`, `过滤器，例如 tcp and port 443，或任意文本`},
		{`a port, alone or in a range; and the number in the text`, `一个端口，单个或在范围内；以及文本中的这个数`},
		{`an address: rules that name it, or a network or a range that holds it`, `一个地址：写有它的规则，或写有包含它的网段、范围的规则`},
		{`a network: rules that name one which overlaps it`, `一个网段：写有与它重叠的网段的规则`},
		{`looked for as text \(no filter: (.+)\)`, `按文本查找（不是过滤器：@$1@）`},
		{`the kernel matches all of it`, `全部由内核匹配`},
		{`the kernel traces every packet; asked afterwards: (.+)`, `内核跟踪每个报文；之后再过滤：$1`},
		{`the kernel matches (.+), both directions; asked afterwards: (.+)`, `内核匹配 $1（两个方向）；之后再过滤：$2`},
		{`the kernel matches (.+); asked afterwards: (.+)`, `内核匹配 $1；之后再过滤：$2`},
		{`read as (.+): "and" binds tighter than "or" here, other than in tcpdump`, `读作 $1：这里 and 比 or 结合得更紧，与 tcpdump 不同`},
		// Of the overlays themselves.
		{`On the page (\S+)`, `在 $1 页`},
		{` or esc: leave it`, ` 或 esc：不动`},
	}
}

// helps are what the keymap says of its keys, and what the overlays say, and their Chinese.
func helps() map[string]string {
	return map[string]string{
		"the Path page": "Path 页", "the Rules page": "Rules 页", "the Connections page": "Connections 页", "the Trace page": "Trace 页", "the Drops page": "Drops 页", "the Labs page": "Labs 页",
		"next page": "下一页", "page before": "上一页", "down": "向下", "up": "向上", "left: to the tree, out of a chain": "向左：到树，或离开链", "right: to the rules, into a chain": "向右：到规则，或进入链",
		"first": "第一个", "last": "最后一个", "a screen up": "上翻一屏", "a screen down": "下翻一屏", "open, follow a jump": "打开，跟随跳转", "back, close": "返回，关闭",
		"filter this page": "过滤本页", "command palette": "命令面板", "this help": "本帮助", "pause or go on": "暂停或继续", "one step on": "前进一步", "one step back": "后退一步", "slower": "放慢", "faster": "加快",
		"in a recording: 10 s back": "录像：后退 10 s", "in a recording: 10 s on": "录像：前进 10 s", "in a recording: to where the packet before begins": "录像：到上一个报文开始处", "in a recording: to where the next packet begins": "录像：到下一个报文开始处",
		"in a recording: to its begin": "录像：到开头", "in a recording: to its end": "录像：到结尾", "follow the newest packet": "跟随最新的报文", "arm a trace (ctrl+b: both directions)": "开始跟踪（ctrl+b：双向跟踪）", "end the trace": "结束跟踪",
		"trace what is selected, both ways": "双向跟踪选中的", "copy what is selected (OSC 52)": "复制选中的（OSC 52）", "maximise the panel": "面板最大化", "mouse on or off": "打开或关闭鼠标", "the lab's lesson": "实验的课文", "what does not work here": "这里不能工作的", "quit and clean up": "退出并清理",
		"only rules that were never hit": "只看从未命中的规则", "count from now (the kernel's counters stay)": "从现在起计数（内核的计数不变）", "hottest first within a chain": "链内命中最快的在前", "who jumps to this chain, or names this set": "谁跳转到这条链，或引用这个集合",
		"what changed in the rules": "规则有哪些变化", "the set that this rule names": "这条规则引用的集合", "a rule in words; is something in this set?": "用文字解释规则；某物是否在集合里？", "count this set's members by reading them": "逐个读取，数出集合的成员",
		"why: what becomes of packets like it, in one sentence": "why：用一句话说同类报文的结局", "rules that did not match, one by one or folded": "不匹配的规则，逐条列出或折叠", "on along the timeline": "沿时间线前进", "back along the timeline": "沿时间线后退",
		"mark a packet to compare with": "标记一个报文，用来比较", "compare with the marked, or one of its kind": "与已标记的或同类的比较", "its connection: request beside reply": "它的连接：请求与应答并列", "write this packet to a file": "把这个报文写入文件", "write all that are listed to a file": "把列出的全部写入文件",
		"what your own rules log: NFLOG, LOG": "你自己的规则记录的日志：NFLOG、LOG", "the connections that this rule translates": "这条规则转换的连接", "why: what becomes of it, in one sentence": "why：用一句话说它的结局", "pools of NAT ports, and how conntrack is doing": "NAT 端口池，以及 conntrack 的状况",
		"the rule that made its translation; again: the other one": "作出它的转换的规则；再按：另一条", "its packets, where they were traced": "它的报文（若跟踪过）", "only connections like it: same client, same service": "只看同类连接：同一客户端，同一服务", "write this connection to a file": "把这个连接写入文件",
		"delete it, after asking (--readonly=false)": "确认后删除它（--readonly=false）", "sort by the next column": "按下一列排序", "turn the order round": "颠倒顺序", "group by source, service, NAT address, ...": "按源、服务、NAT 地址等分组", "group by the kind before, or not": "按上一种分组，或不分组",
		"why: look for packets like it, say who drops them": "why：寻找同类报文，说出谁丢弃它们", "also what happens on every healthy host": "也列出正常的主机上都有的", "go on: choose, send the packet, the next step": "继续：选择，发送报文，下一步", "pause the packet, or let it go on": "让报文暂停或继续",
		// The overlays.
		"Everywhere": "各页通用", "type to search; esc closes": "输入以查找；esc 关闭", "no key does that": "没有这样的键", "keys": "按键", "what to do": "要做什么", "nothing has these letters": "没有含这些字母的",
	}
}
