package speech

// reading are what keeps the rules, and what was recorded, from being shown as they are, of
// packages trace/rules, trace/record and trace/guard, as patterns, and their Chinese. What the
// kernel, a program or a parser of rules answered, at the end, stays.
func reading() [][2]string {
	return [][2]string{
		// Rules.
		{`chain (\S+) of table (.+) has (\d+|x) rules, but (\S+) printed (\d+|x): they are shown without handles and counters`, `表 $2 的链 $1 有 $3 条规则，而 $4 打印了 $5 条：显示它们时没有 handle 和计数`},
		{`chain (\S+) of table (.+) was not printed by (\S+): its rules are shown without text`, `$3 没有打印表 $2 的链 $1：显示它的规则时没有文本`},
		{`chain (\S+) of table (.+) was not printed by nft`, `nft 没有打印表 $2 的链 $1`},
		{`chain (\S+) of table (.+) was printed, but the kernel does not have it`, `打印出了表 $2 的链 $1，内核里却没有它`},
		{`chain (\S+) of the legacy (\S+) table (\S+) is not the same in text and in the kernel: it is shown without counters`, `legacy 的 $2 表 $3 的链 $1，文本与内核不一致：显示它时没有计数`},
		{`table (.+) was not printed by nft: its rules are shown without text`, `nft 没有打印表 $1：显示它的规则时没有文本`},
		{`table (.+) holds rules of iptables-nft beside others that only nft can print; nft leaves out arguments of iptables' matches`, `表 $1 里除了 iptables-nft 的规则，还有只有 nft 能打印的；nft 会略去 iptables match 的参数`},
		{`the (\S+) tables (.+) of iptables-nft are shown as nft prints them, which leaves out arguments of matches: (.+)`, `iptables-nft 的 $1 表 $2 按 nft 打印的样子显示，其中略去了 match 的参数：@$3@`},
		{`the legacy (\S+) tables \((.+?)\) are shown without the text of their rules: (.+)`, `显示 legacy 的 $1 表（$2）时没有规则文本：@$3@`},
		{`the nftables tables \((.+?)\) are shown without the text of their rules: (.+)`, `显示 nftables 的表（$1）时没有规则文本：@$2@`},
		{`the legacy (\S+) tables cannot be listed \((.+)\), as in a namespace made together with its user namespace; asking for one by name would create it, so they are left out`, `列不出 legacy 的 $1 表（$2），与用户命名空间一同建立的命名空间就会这样；按名字查询会创建那张表，所以略去`},
		{`the legacy (\S+) tables cannot be read, neither from the kernel \((.+)\) nor with (\S+) \((.+)\)`, `读不到 legacy 的 $1 表：从内核读不到（$2），用 $3 也读不到（$4）`},
		{`the counters of nf_tables come from the text of the programs, which is slower: (.+)`, `nf_tables 的计数取自程序打印的文本，所以较慢：@$1@`},
		{`the counters of the legacy (\S+) tables come from (\S+) -c, which is slower: (.+)`, `legacy 的 $1 表的计数取自 $2 -c，所以较慢：@$3@`},
		{`the ruleset kept changing while it was read \((\d+) tries\): what is shown may mix old and new rules`, `读取期间规则集一直在变（试了 $1 次）：显示的可能混有新旧规则`},
		{`which chains map (\S+) of table (.+) calls is not known: (.+)`, `表 $2 的 map $1 调用哪些链，不得而知：@$3@`},
		{`not understood: (.+)`, `读不懂：$1`},
		{"(.+): one place could not be understood; `(.+)` says what", "$1：有一处读不懂；运行 `$2` 可知是什么"},
		{"(.+): (\\d+) places could not be understood; `(.+)` says what", "$1：有 $2 处读不懂；运行 `$3` 可知是什么"},
		{`reading the rules of (.+) needs (CAP_\w+) there and (CAP_\w+) to enter it: run nfscope as root, or with sudo \((.+)\)`, `读取@$1@的规则需要那里的 $2，进入它还需要 $3：请以 root 或用 sudo 运行 nfscope（$4）`},
		{`read the rules of (.+?): (.+)`, `读不到@$1@的规则：$2`},
		{`this network namespace`, `这个网络命名空间`},
		{`network namespace (\S+)`, `网络命名空间 $1 `},
		// Recordings.
		{`(.+): an item of a kind that this nfscope does not know was left out; the recording was made by nfscope (.+)`, `$1：略去了一项，这个 nfscope 不认识它的种类；录像是 nfscope $2 录的`},
		{`(.+): the file is damaged at byte (\d+): (\d+) bytes were left out`, `$1：文件在第 $2 字节处损坏：略去了 $3 字节`},
		{`(.+): the file is damaged at byte (\d+): its end cannot be read`, `$1：文件在第 $2 字节处损坏：读不到它的结尾`},
		{`(.+): the file is damaged at byte (\d+): (.+); (\d+) of (\d+) items were left out`, `$1：文件在第 $2 字节处损坏：@$3@；略去了 $5 项中的 $4 项`},
		{`(.+): at byte (\d+): (.+)`, `$1：在第 $2 字节处：@$3@`},
		{`the recording is cut short; all that was whole has been read`, `录像不完整，到此中断；完好的都已读出`},
		{`bytes were changed`, `有字节被改动`},
		{`(.+): it asks for more memory than a block may have`, `@$1@：它要的内存超过一块所能有的`},
		{`(.+): nothing more is recorded: (.+)`, `@$1@：不再录制：$2`},
		{`the recording`, `录像`},
		// What a killed run left is put back.
		{`set the sysctl (\S+) in namespace (\S+) back to (.+), which the dead process (\d+) had set to (.+)`, `把命名空间 $2 的 sysctl $1 改回 $3，已死的进程 $4 曾把它设为 $5`},
		{`set the sysctl (\S+) back to (.+), which the dead process (\d+) had set to (.+)`, `把 sysctl $1 改回 $2，已死的进程 $3 曾把它设为 $4`},
		{"undid a change of the dead process (\\d+) to the rules in namespace (\\S+) with `(.+)`", "用 `$3` 撤销了已死的进程 $1 对命名空间 $2 的规则的改动"},
		{"undid a change of the dead process (\\d+) to the rules with `(.+)`", "用 `$2` 撤销了已死的进程 $1 对规则的改动"},
		{`removed the network namespace (\S+), which the dead process (\d+) had made`, `删除了已死的进程 $2 建立的网络命名空间 $1`},
		{`removed the file (\S+), which the dead process (\d+) had made`, `删除了已死的进程 $2 建立的文件 $1`},
		// What is missing, and what gives it.
		{"(\\S+) is not installed: (.+) or (.+) brings it", "没有安装 $1：用 $2 或 $3 可以装上"},
		{`(\S+) is missing, so packets of its family are not traced; the package (\S+) has it`, `缺少程序 $1，所以没有跟踪它那个协议族的报文；它在软件包 $2 里`},
		{`(.+): group (\d+) in namespace (\S+) is read by another process; stop that one first`, `@$1@：命名空间 $3 的组 $2 正由另一个进程读取；请先停止那个进程`},
		{`(.+): group (\d+) in namespace (\S+) is read by (.+); stop that one first`, `@$1@：命名空间 $3 的组 $2 正由 $4 读取；请先停止它`},
		{`NFLOG group is taken`, `NFLOG 组被占用`},
		{"(.+) in namespace (\\S+): this kernel does not offer conntrack to programs; (`.+`) where it is a module \\(CONFIG_NF_CT_NETLINK\\): (.+)", "$1（命名空间 $2）：这个内核不把 conntrack 提供给程序；若是模块（CONFIG_NF_CT_NETLINK），请用 $3：$4"},
		{`(.+) in namespace (\S+) needs CAP_NET_ADMIN there; run nfscope as root: (.+)`, `$1（命名空间 $2）：需要那里的 CAP_NET_ADMIN，请以 root 运行 nfscope：$3`},
		{`(.+): this kernel has no netfilter logging`, `$1：这个内核没有 netfilter 日志`},
		{"(.+): the kernel module is not loaded; (`.+`) loads it", "$1：内核模块没有装入；用 $2 装入"},
		{`(.+): /proc/sys must be writable, so run nfscope as root and, in a container, with /proc/sys mounted rw`, `$1：/proc/sys 必须可写，请以 root 运行 nfscope；在容器里还要以 rw 挂载 /proc/sys`},
		{`the kernel's log has the lines of all network namespaces, and does not say whose they are`, `内核日志里有所有网络命名空间的行，但不说明是谁的`},
		{`this kernel has no netfilter programs \((.+)\)`, `这个内核没有 netfilter 程序（$1）`},
		{`this kernel gives no reason with a drop \((.+)\): (.+)`, `这个内核丢包时不给出原因（$1）：$2`},
		{`the guard, which cleans up where nfscope is killed, is gone and does not start again: (.+)`, `守护进程（nfscope 被杀时由它清理）不在了，也启动不了：$1`},
		{`(.+): it needs CAP_NET_ADMIN in the namespace, so run nfscope as root`, `$1：需要命名空间里的 CAP_NET_ADMIN，请以 root 运行 nfscope`},
		{`(.+); it needs root, or CAP_NET_ADMIN there`, `$1；需要 root，或那里的 CAP_NET_ADMIN`},
		{`(.+): it needs root, or CAP_NET_ADMIN there: (.+)`, `$1：需要 root，或那里的 CAP_NET_ADMIN：$2`},
	}
}
