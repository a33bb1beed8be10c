package speech

// incomplete are what keeps a running session from seeing all, of packages trace/live, trace/arm,
// trace/conntrack and trace/rcvbuf, as patterns, and their Chinese. What the kernel answered, at
// the end, stays.
func incomplete() [][2]string {
	// A semicolon within quotes is a comment's own.
	const place, named = `(x|(?:\S+ )?\S+ \([^()]*\))`, `((?:rule|and) \d+ (?:[^"]|"(?:[^"\\]|\\.)*")*?)`
	return [][2]string{
		{`the lab's steps ended: (.+)`, `实验的步骤中断了：@$1@`},
		{`the rules could not be read: (.+)`, `读不到规则：@$1@`},
		// Connections.
		{`connections are not followed, and will be when that changes: (.+)`, `没有跟踪连接的变化，情况改变后会再跟踪：@$1@`},
		{`conntrack's statistics are not followed, and will be when that changes: (.+)`, `没有读取 conntrack 的统计，情况改变后会再读取：@$1@`},
		{"the kernel sends no conntrack events here, so connections are only read from time to time: (\\S+) is 0; `(.+)` sends them to whoever listens", "这里的内核不发送 conntrack 事件，所以只能不时读取连接：$1 是 0；运行 `$2` 即会发送给监听者"},
		{`this kernel sends no conntrack events, so connections are only read from time to time: it was built without (\S+)`, `这个内核不发送 conntrack 事件，所以只能不时读取连接：编译时没有 $1`},
		{`namespace (\S+) was deleted: nfscope keeps it alive, and shows the connections that are left in it until it is quit`, `命名空间 $1 已被删除：nfscope 让它继续存在，并显示其中剩下的连接，直到退出`},
		{`a conntrack message could not be read and counts as lost: (.+)`, `有一条 conntrack 消息读不懂，算作丢失：$1`},
		{`conntrack events: (.+)`, `conntrack 事件：@$1@`},
		// What is lost.
		{`events of the (.+?) were lost: (.+)`, `$1 丢失了事件：@$2@`},
		{`a message of the (.+?) could not be read and counts as lost: (.+)`, `$1 有一条消息读不懂，算作丢失：$2`},
		{`the (.+?) ended early: (.+)`, `$1 提前结束了：$2`},
		{"the receive buffer is (\\d+) kB and not (\\d+) kB, so bursts may be lost: SO_RCVBUFFORCE was refused; `(.+)` as the host's root allows it", "接收缓冲区是 $1 kB 而不是 $2 kB，突发的事件可能丢失：SO_RCVBUFFORCE 被拒绝；以主机的 root 运行 `$3` 即可允许"},
		{`the receive buffer is (\d+) kB and not (\d+) kB, so bursts may be lost`, `接收缓冲区是 $1 kB 而不是 $2 kB，突发的事件可能丢失`},
		// What is not seen.
		{`addresses or routes are unknown, so masquerade and redirect are not told apart, and rules with -o are not held against connections: (.+)`, `地址或路由不得而知，所以分不出 masquerade 与 redirect，也不拿带 -o 的规则与连接对照：$1`},
		{`addresses and routes are those of the beginning: (.+)`, `地址与路由是开始时的：$1`},
		{`what the kernel drops is not followed: (.+)`, `没有跟踪内核丢弃了什么：@$1@`},
		{`after (\S+) the kernel does not yet tell of what it drops: until it does, a packet that it dropped may pass for delivered or sent`, `过了 $1，内核还没有报告它丢弃了什么：在那之前，被它丢弃的报文可能会被当成已送达或已发出`},
		{`packets are not seen between the chains any more: (.+)`, `不再能看到链与链之间的报文：@$1@`},
		{`packets are not seen between the chains: (.+)`, `看不到链与链之间的报文：@$1@`},
		{`the rules in force could not be read, so connections are not looked at: packets that come back are known by their addresses and ports: (.+)`, `读不到现行的规则，所以不查看连接：回来的报文按地址和端口识别：$1`},
		{`nf_tables is not traced: (.+)`, `没有跟踪 nf_tables：@$1@`},
		{`legacy tables are not traced: (.+); until then it gets a line for each rule of theirs that a traced packet meets, since net\.netfilter\.nf_log is nfnetlink_log`, `没有跟踪 legacy 表：@$1@；在那之前，被跟踪的报文每遇到这些表的一条规则，它就得到一行，因为 net.netfilter.nf_log 是 nfnetlink_log`},
		{`legacy tables are not traced: (.+)`, `没有跟踪 legacy 表：@$1@`},
		{`which packet a legacy table's event is of is told by headers and order: (.+)`, `legacy 表的事件属于哪个报文，按报文头和次序判断：@$1@`},
		{`the trace ends early, so that it cannot outlive a killed nfscope: (.+)`, `跟踪提前结束，以免 nfscope 被杀之后它还留着：@$1@`},
		{`the trace is over: (.+), and what came since was not traced`, `跟踪已经结束：@$1@，此后到来的报文没有被跟踪`},
		{`another program has set (\S+) to (\S+): legacy tables tell of no packet of that family any more`, `另一个程序把 $1 设成了 $2：legacy 表不再报告那个协议族的报文`},
		{`what a killed nfscope left here is not all put back: (.+)`, `被杀掉的 nfscope 留在这里的东西没有全部复原：$1`},
		{`who changes the rules is not known: (.+)`, `不知道是谁改了规则：$1`},
		// How the trace is armed.
		{`nf_tables cannot hold the trace \((.+)\), so it stands in the raw table`, `nf_tables 放不下跟踪（$1），所以放在 raw 表里`},
		{`-j TRACE knows what comes back by its addresses and ports alone: translated packets and ICMP errors of routers are not among it`, `-j TRACE 只按地址和端口认出回来的报文：被转换的报文和路由器的 ICMP 错误不在其中`},
		{`-j TRACE stands in the raw table; where there was no raw table it now exists, and stays, empty, until the namespace ends`, `-j TRACE 放在 raw 表里；原来没有 raw 表的，现在有了，并会空着留到命名空间结束`},
		{`iptables can limit to (\d+) packets a second at most, and that is the limit`, `iptables 最多限到每秒 $1 个报文，就以此为限`},
		{`of what nf_tables' chains do nothing may be told: (.+)`, `nf_tables 各链所做的可能什么也不报告：$1`},
		{`one iptables rule cannot say all that the filter says, so more is traced and filtered afterwards`, `一条 iptables 规则说不全过滤器的条件，所以多跟踪一些，之后再过滤`},
		{`what comes back translated, and ICMP errors of routers, are not traced for (\S+): (.+)`, `对 $1 没有跟踪转换后回来的报文和路由器的 ICMP 错误：$2`},
		{`no rule is known that has conntrack at work here, so what comes back is known by its addresses and ports alone`, `不知道有哪条规则让 conntrack 在这里工作，所以回来的报文只按地址和端口识别`},
		{`IPv4 and IPv6 are limited each for itself`, `IPv4 与 IPv6 各有各的上限`},
		{`what is known by its connection alone has a limit of its own, as high`, `只按连接认出的报文另有一个同样高的上限`},
		{`the kernel cannot match these where a packet begins, so more is traced and filtered afterwards: (.+)`, `内核在报文开始处不能匹配这些条件，所以多跟踪一些，之后再过滤：$1`},
		{`mark is the mark a packet comes with: packets that only a rule marks are not traced`, `mark 是报文来时的 mark：由规则才打上 mark 的报文不被跟踪`},
		{`packets that (.+) drops are not seen: (?:it runs|they run) before the trace is armed`, `看不到被 @$1@ 丢弃的报文：它们在跟踪的起点之前`},
		{`the raw table's trace ends with nfscope, also when that is killed; but (.+), so the kernel of a stopped nfscope traces on until (.+)`, `raw 表里的跟踪随 nfscope 结束，nfscope 被杀时也是；但@$1@，所以 nfscope 若被暂停，内核会一直跟踪到@$2@`},
		{"iptables has no match `time` here \\(xt_time\\)", "这里的 iptables 没有 match `time`（xt_time）"},
		{"iptables has neither of the matches `time` and `quota` here \\(xt_time, xt_quota\\)", "这里的 iptables 既没有 match `time`，也没有 `quota`（xt_time、xt_quota）"},
		{`(\d+) MB have passed`, `通过了 $1 MB`},
		{`that is ended`, ` nfscope 结束`},
		{`the chains that run before priority (\S+) could not be listed \((.+)\): packets that they drop are not seen`, `列不出优先级 $1 之前的链（$2）：看不到它们丢弃的报文`},
		{`the trace is armed at priority (\S+), before (.+): IP fragments are not put together there, so each counts for itself, only the first has ports, and the packet that they become is a journey of its own`, `跟踪设在优先级 $1，在 @$2@ 之前：IP 分片在那里还没有重组，所以每片单独计数，只有首片有端口，重组后的报文另算一次旅程`},
		{named + `; (rule \d+ of .+|and \d+ more)`, `@$1@；@$2@`},
		{`rule (\d+) of ` + place + `: (.+)`, `$2 的规则 $1：$3`},
		{`and (\d+) more`, `另有 $1 条`},
		{`rules that are not nfscope's trace too, and are left as they are \(what they trace is shown where the filter asks for it\): (.+)`, `还有不属于 nfscope 的规则也在跟踪，它们保持原样（它们跟踪的，过滤器要时才显示）：@$1@`},
		// Names.
		{`(.+ \((?:ingress|priority \S+)\)) (?:and|or) (.+)`, `$1、@$2@`},
	}
}
