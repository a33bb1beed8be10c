package speech

import (
	"slices"

	"nfscope/ui/component/ladder"
)

// Problem says why a lab cannot run here, or what does not work. What is not known in
// the language stays as it is.
func (s Speech) Problem(text string) string {
	if s != "zh" {
		return text
	}
	return translator(problems())(text)
}

// Problems says what does not work, in the language that was asked for last, and keeps what it
// said. It is not safe for concurrent use.
type Problems struct{ sayer }

// In gives a language's.
func (p *Problems) In(s Speech) ladder.Say {
	return p.of(s, func(s Speech) ladder.Say {
		if s != "zh" {
			return nil
		}
		return kept(translator(problems()))
	})
}

// problems are those of package trace/lab, and of the list of labs, as patterns, and their
// Chinese.
func problems() [][2]string {
	return slices.Concat(incomplete(), reading(), [][2]string{
		{`the program (\S+) is missing, which loads the sets of (\S+) into host (\S+); install the package (\S+)`, `缺少程序 $1，主机 $3 的 $2 的集合要由它装入；请安装软件包 $4`},
		{`the program (\S+) is missing, which loads the rules of (\S+) into host (\S+); install the package (\S+)`, `缺少程序 $1，主机 $3 的 $2 的规则要由它装入；请安装软件包 $4`},
		{`the program (\S+) is missing, which loads (.+) into host (\S+); install the package (\S+)`, `缺少程序 $1，主机 $3 的 $2 要由它装入；请安装软件包 $4`},
		{`the program (\S+) is missing: lab (\S+) runs with (\S+) instead`, `缺少程序 $1：实验 $2 改用 $3`},
		{`host (\S+): start service (\S+): the kernel has no NFQUEUE for user space: nfnetlink_queue is neither loaded nor among its modules`, `主机 $1 的服务 $2 无法启动：内核没有给用户态用的 NFQUEUE，nfnetlink_queue 既没有装入，也不在内核模块里`},
		{"bridged packets do not meet iptables on this host: the kernel has no sysctl (\\S+); `(.+)` as root loads what makes it", "本机经网桥的报文不经过 iptables：内核没有 sysctl $1；以 root 运行 `$2` 即可装入"},
		{"user namespaces are switched off \\((\\S+) is 0\\); `(.+)` as root allows them", "用户命名空间已关闭（$1 为 0）；以 root 运行 `$2` 即可允许"},
		{"network namespaces are switched off \\((\\S+) is 0\\); `(.+)` as root allows them", "网络命名空间已关闭（$1 为 0）；以 root 运行 `$2` 即可允许"},
		{"user namespaces are for root only here \\((\\S+) is 0\\); `(.+)` as root allows them", "这里只有 root 能用用户命名空间（$1 为 0）；以 root 运行 `$2` 即可允许"},
		{`this kernel has no user namespaces \(CONFIG_USER_NS\); run as root instead`, `内核没有用户命名空间（CONFIG_USER_NS）；请以 root 运行`},
		{"AppArmor keeps ordinary users from user namespaces \\((.+)\\); `(.+)` as root allows them", "AppArmor 不许普通用户使用用户命名空间（$1）；以 root 运行 `$2` 即可允许"},
		{"too many user or network namespaces \\((.+)\\); `(.+)` shows the limits", "用户或网络命名空间太多（$1）；`$2` 显示上限"},
		{`a user namespace cannot be made here \((.+)\); in a container start it with (.+), or run as root`, `这里不能建立用户命名空间（$1）；若在容器里，请用 $2 启动容器，或以 root 运行`},
		{"this nfscope was started to play a recording; `nfscope lab` runs labs live", "这个 nfscope 是为播放录像启动的；要现场运行实验，请用 `nfscope lab`"},
		{`playing the recording, because the live demo cannot run here: (.+)`, `改放录像，因为现场演示在这里不能运行：@$1@`},
		{`this is the recording, because the lab cannot run here: (.+)`, `这是录像，因为实验在这里不能运行：@$1@`},
		{`lab (\S+): (.+)`, `实验 $1：@$2@`},
	})
}
