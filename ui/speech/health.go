package speech

// healths are what is told of conntrack's own state and of the pools of NAT ports, as patterns,
// and their Chinese. Names of sysctls and statistics stay.
func healths() [][2]string {
	return [][2]string{
		{`(! )(.+) \(P says more\)`, `$1@$2@（按 P 看详情）`},
		{`conntrack makes no entries for new connections and drops their packets: (\S+); the table has (\d+) of (\d+) entries`, `conntrack 不为新连接建立表项，并丢弃它们的报文：$1；表中有 $2 项，上限 $3`},
		{`the connection table is (\d+) % full \((\d+) of (\d+)\): when it is full the kernel drops new connections`, `连接表已用 $1 %（$2，上限 $3）：满了之后内核丢弃新连接`},
		{`the connection table is (\d+) % full \((\d+) of (\d+)\)`, `连接表已用 $1 %（$2，上限 $3）`},
		{`conntrack throws out entries to make room for new ones: (\S+)`, `conntrack 丢弃旧表项，给新的腾地方：$1`},
		{`new connections could not be entered, and their packets were dropped: (\S+); their reply tuple was another's already`, `新连接无法建立表项，报文被丢弃：$1；它们的应答 tuple 已属于别的连接`},
		{`new connections could not be entered, since a chain of the hash table is too long: (\S+)`, `新连接无法建立表项，因为哈希表的一条链太长：$1`},
		{`conntrack could not make sense of ICMP errors or had no memory: (\S+)`, `conntrack 无法理解 ICMP 错误，或没有内存：$1`},
		{`packets fit no connection and are INVALID: (\S+)`, `报文不属于任何连接，成为 INVALID：$1`},
		// What to do.
		{`net\.netfilter\.nf_conntrack_max is (\d+)`, `net.netfilter.nf_conntrack_max 为 $1`},
		{`(.+); it is set in the first namespace and holds for each namespace`, `@$1@；它在最初的命名空间里设置，对每个命名空间都有效`},
		{`(.+); shorter (\S+) let go of entries sooner`, `@$1@；缩短 $2 可以更快释放表项`},
		{`look at the pools of NAT ports: one may be full\. Two packets of one new UDP connection at the same time do it too`, `看 NAT 端口池：可能有一个满了。一个新 UDP 连接的两个报文同时到来也会这样`},
		{`net\.netfilter\.nf_conntrack_buckets is (\d+); a fourth of nf_conntrack_max or more is usual`, `net.netfilter.nf_conntrack_buckets 为 $1；通常不少于 nf_conntrack_max 的四分之一`},
		{`net\.netfilter\.nf_conntrack_log_invalid=255 logs why; where they are TCP out of window, net\.netfilter\.nf_conntrack_tcp_be_liberal lets them through`, `net.netfilter.nf_conntrack_log_invalid=255 记录原因；若是窗口之外的 TCP，net.netfilter.nf_conntrack_tcp_be_liberal 让它们通过`},
		// The gauge.
		{`(\S+) of (\S+) entries, (\d+) %`, `$1 项，上限 $2，$3 %`},
		{`(\S+) entries, no maximum known`, `$1 项，上限不得而知`},
		{`(\S+) buckets`, `$1 个桶`},
		{`the number of entries is not known`, `表项数不得而知`},
		{`its statistics are not known here`, `这里不知道它的统计`},
		{`a second, and ever: (.+)`, `每秒（累计）：$1`},
		// Pools.
		{`; `, `；`},
		{`: `, `：`},
		{`NAT ports`, `NAT 端口`},
		{`counting ports`, `正在清点端口`},
		{`an address has its range for each destination anew`, `一个地址对每个目的各有一整段端口`},
		{`no rule names an address for sources, and no connection's source is translated`, `没有规则写明源转换成的地址，也没有连接的源被转换`},
		{`the range is the rule's`, `范围由规则给出`},
		{`identifiers of echo requests`, `echo 请求的标识`},
		{`no rule names a range: the kernel stays with the client's own port in one of (.+) and (\S+); ip_local_port_range has no part in it`, `没有规则给出范围：内核留在客户端自己的端口所在的那一段（$1 或 $2）；与 ip_local_port_range 无关`},
		{`of a large range the kernel tries 240 ports and then drops the packet: new connections fail before the last port is taken`, `范围大时内核试 240 个端口，然后丢弃报文：端口还没用完，新连接就会失败`},
		{`(\d+) of them are closing, and newer kernels take those back`, `其中 $1 个正在关闭，较新的内核会收回它们`},
		{`and (\d+) rules more`, `另有 $1 条规则`},
		// The list.
		{`(! )sets were not asked about all of them: there may be more \(1000 questions a second are asked\)`, `$1还没有为全部连接查询集合：可能还有（每秒查询 1000 次）`},
		{`putting the connections in order(\S+)`, `正在给连接排序$1`},
		{`no connection is found by (.+) \(esc clears the filter\)`, `用 $1 没有找到连接（esc 清除过滤器）`},
		{`reading the connections(\S+)`, `正在读取连接$1`},
		{`conntrack is not in use here: no rule needs it, so the kernel tracks nothing`, `这里没有用 conntrack：没有规则需要它，所以内核什么也不跟踪`},
		{`no connections`, `没有连接`},
		{`no counters: (.+)`, `没有计数：$1`},
		{`no counters`, `没有计数`},
		{`( )\+ and more: (.+) have no counters: they came after the last reading, or began before net\.netfilter\.nf_conntrack_acct was 1`, `$1+ 还有更多：@$2@ 没有计数，它们在上次读表之后出现，或在 net.netfilter.nf_conntrack_acct 为 1 之前就已开始`},
		{`( )and (.+) with (.+), each behind these in this order`, `$1另有 @$2@，共 @$3@，按这个次序都在这些之后`},
		{`(\S+) groups?`, `$1 组`},
		{`(\S+) connections?`, `$1 个连接`},
		{`( )some of (\S+) may be (\S+): rules of both kinds fit, and the kernel keeps neither`, `$1有些 $2 可能是 $3：两种规则都符合，而内核都不记录`},
	}
}
