package speech

import "testing"

// TestNotices: what the screen tells of itself, where one pattern could stand in another's way.
func TestNotices(t *testing.T) {
	t.Parallel()
	say := In("zh").Notice()
	for en, zh := range map[string]string{
		"reading the rules of host…":                                             "正在读取 host 的规则…",
		"reading the rules of my net...":                                         "正在读取 my net 的规则...",
		"reading the rules…":                                                     "正在读取规则…",
		"looking for 10.0.0.1…":                                                  "正在查找 10.0.0.1…",
		"nft inet fw bad has 1.2k members":                                       "nft inet fw bad 的成员：1.2k 个成员",
		"nft inet fw bad has more than 1 member":                                 "nft inet fw bad 的成员：多于 1 个成员",
		"nft inet fw bad has 12 members when they were counted":                  "nft inet fw bad 的成员：计数时有 12 个成员",
		"nft inet fw bad has counting":                                           "nft inet fw bad 的成员：正在计数",
		"nft inet fw bad has number of members unknown":                          "nft inet fw bad 的成员：成员数不得而知",
		"counted: 12 members":                                                    "已计数：12 个成员",
		"by packet #14 tcp 10.0.0.1:9 > 10.0.0.2:80 SYN, drop":                   "由报文 #14 tcp 10.0.0.1:9 > 10.0.0.2:80 SYN，drop",
		"nothing was written: open /x/y.txt: no such file or directory":          "没有写入：open /x/y.txt: no such file or directory",
		"/tmp/x.txt is there already and was left as it is: choose another name": "/tmp/x.txt 已经存在，没有动它：换一个名字",
		"x.doc: expected a name that ends in .txt, .json or .pcapng":             "x.doc：文件名应以 .txt、.json 或 .pcapng 结尾",
		"x: expected a name that ends in .txt or .json":                          "x：文件名应以 .txt 或 .json 结尾",
		`"70000": expected numbers of NFLOG groups, 0 to 65535, or kernel`:       `"70000" 不对，应为 NFLOG 组的编号（0 到 65535）或 kernel`,
		"rule 2 of 3 that translate it, or may (inferred)":                       "转换它或可能转换它的 3 条规则中的第 2 条（推断）",
		"by nft (pid 7)":                               "由 nft (pid 7)",
		"and 1 more change":                            "另有 1 处",
		"somebody has what nobody knows":               "somebody has what nobody knows",
		`moved: accept comment "host has no agent"`:    `已移动：accept comment "host has no agent"`,
		`copied: accept comment "a, both directions"`:  `已复制：accept comment "a, both directions"`,
		"open x: this kernel has no netfilter logging": "open x：这个内核没有 netfilter 日志",
		"the rules could not be read: reading the rules of this network namespace needs CAP_NET_ADMIN there and CAP_SYS_ADMIN to enter it: run nfscope as root, or with sudo (operation not permitted)": "读不到规则：读取这个网络命名空间的规则需要那里的 CAP_NET_ADMIN，进入它还需要 CAP_SYS_ADMIN：请以 root 或用 sudo 运行 nfscope（operation not permitted）",
		"the rules could not be read: read the rules of network namespace nfs-x: no such file":                                                                                                          "读不到规则：读不到网络命名空间 nfs-x 的规则：no such file",
		"connections are not followed, and will be when that changes: read conntrack events in namespace \"nfs-x\": operation not permitted":                                                            "没有跟踪连接的变化，情况改变后会再跟踪：读不到命名空间 nfs-x 的 conntrack 事件：operation not permitted",
		"the rules could not be read: open network namespace \"nfs-x\" again: no such file":                                                                                                             "读不到规则：再次打开网络命名空间 nfs-x 失败：no such file",
		"the rules could not be read: network namespace \"nfs-x\" does not exist: no /run/netns/nfs-x; `ip netns list` names those there are":                                                           "读不到规则：网络命名空间 nfs-x 不存在：没有 /run/netns/nfs-x；用 `ip netns list` 列出现有的",
		"the recording is cut short; all that was whole has been read":                                                                                                                                  "录像不完整，到此中断；完好的都已读出",
		"nothing can be traced here: this is the recording my own.nfs; run `nfscope` on the host":                                                                                                       "这里不能跟踪：这是录像 my own.nfs；请在主机上运行 `nfscope`",
		"the kernel's log has the lines of all network namespaces, and does not say whose they are":                                                                                                     "内核日志里有所有网络命名空间的行，但不说明是谁的",
		"nothing can be deleted here: this is the lab gateway":                                                                                                                                          "这里不能删除：这是实验 gateway",
		"a message of the nflog was cut short: the header has 4 bytes":                                                                                                                                  "a message of the nflog was cut short: the header has 4 bytes",
	} {
		if got := say(en); got != zh {
			t.Errorf("%q is\n%q, want\n%q", en, got, zh)
		}
	}
	problem := In("zh").Problem
	for _, en := range []string{"the recording is cut short; all that was whole has been read",
		"the rules could not be read: reading the rules of network namespace x needs CAP_NET_ADMIN there and CAP_SYS_ADMIN to enter it: run nfscope as root, or with sudo (operation not permitted)"} {
		if got := say(en); got != problem(en) || got == en {
			t.Errorf("%q is %q as a notice, %q as a problem", en, got, problem(en))
		}
	}
}
