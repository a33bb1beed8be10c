package speech

import (
	"slices"

	"nfscope/ui/component/ladder"
)

// Notices says what the screen tells of itself, in the language that was asked for last: what
// came of an action, what an empty page waits for, what a list of rules hides or lacks, and what
// does not work. It keeps what it said and is not safe for concurrent use.
type Notices struct{ sayer }

// In gives a language's.
func (n *Notices) In(s Speech) ladder.Say { return n.of(s, Speech.Notice) }

// Notice says what Notices does; nil in English. It keeps what it said and is not safe for
// concurrent use.
func (s Speech) Notice() ladder.Say {
	if s != "zh" {
		return nil
	}
	return kept(translator(slices.Concat(actions(), waits(), problems(), sources(), listings(), typing())))
}

// actions are what came of an action, or why nothing did, as patterns, and their Chinese.
func actions() [][2]string {
	return [][2]string{
		// What was written elsewhere, and stays: before all that fits any beginning.
		{`copied: (.+)`, `已复制：$1`},
		{`moved: (.+)`, `已移动：$1`},
		// Arming.
		{`nothing can be (traced|looked for|deleted) here: this is (.+?)(; run .+)?`, `这里不能@$1@：这是@$2@@$3@`},
		{"; run `nfscope` on the host", "；请在主机上运行 `nfscope`"},
		{`traced`, `跟踪`},
		{`looked for`, `查找`},
		{`deleted`, `删除`},
		{`a trace needs a filter`, `跟踪需要过滤器`},
		{`this can't be traced: (.+)`, `不能这样跟踪：@$1@`},
		{`no trace is armed`, `没有正在进行的跟踪`},
		{`the trace could not be armed: (.+)`, `无法开始跟踪：@$1@`},
		{`the trace could not be ended: (.+)`, `无法结束跟踪：@$1@`},
		{`the trace has ended`, `跟踪已结束`},
		{`tracing (.+): (.+)`, `正在跟踪 @$1@：@$2@`},
		{`(\S+ \S+) at (\d+) packets/s(.*)`, `$1，每秒最多 $2 个报文$3`},
		{`(.+), both directions`, `$1（两个方向）`},
		{`packets of (\S+) tables cannot be traced`, `不能跟踪 $1 表的报文`},
		{`what hits this rule is listed`, `列出命中这条规则的报文`},
		{`what hits this rule is listed; traced at first, too, is what does not fit (.+)`, `列出命中这条规则的报文；起初也会跟踪不符合 $1 的`},
		{`this rule translates nothing: t traces what it hits`, `这条规则不作转换：按 t 跟踪它命中的报文`},
		{`it is over: this catches new ones`, `它已结束：这会抓到新的`},
		// Moving, and what is shown.
		{`this is (.+): only a recording can be moved through \(nfscope replay\)`, `这是@$1@：只有录像可以前后移动（nfscope replay）`},
		{`mouse on; hold shift to select text`, `鼠标已打开；按住 shift 选择文本`},
		{`mouse off`, `鼠标已关闭`},
		{`filter cleared`, `过滤器已清除`},
		{`no lab is running: a lesson belongs to a lab \(nfscope demo\)`, `没有正在进行的实验：课文属于实验（nfscope demo）`},
		{`nothing is known not to work`, `没有发现不能工作的`},
		{`ordered by (.+?)(, highest first)?`, `按 $1 排序@$2@`},
		{`grouped by (\S+), (.+?)(, highest first)?`, `按 $1 分组，按 $2 排序@$3@`},
		{`(\S+ .+), ordered by (.+?)(, highest first)?`, `$1，按 $2 排序@$3@`},
		{`, highest first`, `，最高的在前`},
		// Deleting.
		{`this is read-only: nfscope --readonly=false lets you delete connections`, `现在是只读的：用 nfscope --readonly=false 才能删除连接`},
		{`it is gone already`, `它已经没了`},
		{`Its entry is taken out of conntrack's table\. .+`, `它的表项将从 conntrack 的表中删除。它的下一个报文就属于新连接：规则重新决定，转换可能不同；若正在 TCP 连接中途，报文可能成为 INVALID 而被丢弃。`},
		{`delete this connection\?`, `删除这个连接？`},
		{`delete it`, `删除`},
		{`not deleted: (.+)`, `没有删除：@$1@`},
		{`deleted: (.+)`, `已删除：$1`},
		// Writing, comparing, logs.
		{`nothing can be written from here`, `这里不能写文件`},
		{`nothing was written: (.+)`, `没有写入：$1`},
		{`(.+) is there already and was left as it is: choose another name`, `$1 已经存在，没有动它：换一个名字`},
		{`(.+): expected a name that ends in (\.txt), (\.json) or (\.pcapng)`, `$1：文件名应以 $2、$3 或 $4 结尾`},
		{`(.+): expected a name that ends in (\.txt) or (\.json)`, `$1：文件名应以 $2 或 $3 结尾`},
		{`(".*"): expected numbers of NFLOG groups, 0 to 65535, or kernel`, `$1 不对，应为 NFLOG 组的编号（0 到 65535）或 kernel`},
		{`wrote (.+) to (.+)`, `已写入 $2：@$1@`},
		{`(\S+) packets?`, `$1 个报文`},
		{`(\S+) connections?`, `$1 个连接`},
		{`there is no (?:packet|connection) to write`, `没有可写的`},
		{`text \(\.txt\), JSON \(\.json\) or packets for Wireshark \(\.pcapng\), by the name's end`, `按文件名后缀：文本（.txt）、JSON（.json）或 Wireshark 的报文（.pcapng）`},
		{`text \(\.txt\) or JSON \(\.json\), by the name's end`, `按文件名后缀：文本（.txt）或 JSON（.json）`},
		{`the mark is gone`, `标记已取消`},
		{`(#\S+) is marked: c compares another packet with it`, `已标记 $1：在另一个报文上按 c 与它比较`},
		{`nothing to compare with: mark another packet with M first`, `没有可比较的：先用 M 标记另一个报文`},
		{`conntrack knows no connection of (#\S+)`, `conntrack 不知道 $1 的连接`},
		{`no log can be read here: nfscope must run on the host`, `这里不能读日志：nfscope 须在主机上运行`},
		{`no log is read any more`, `不再读日志`},
		{`the rules here log to these; reading a group binds it, as ulogd would`, `这里的规则记录到这些组；读一个组会占用它，与 ulogd 一样`},
		{`no rule here logs; a group that is read is bound, as ulogd would`, `这里没有规则记录日志；被读的组会被占用，与 ulogd 一样`},
		{`read logs of `, `读取日志：`},
		{`NFLOG groups by number, kernel for LOG lines`, `NFLOG 组的编号；kernel 表示 LOG 行`},
		{`write to `, `写入：`},
		{`is in (\S+):`, `在 $1 里查找：`},
		// Connections.
		{`no connection uses it`, `没有连接用它`},
		{`no rule is known to translate to this address`, `不知道有哪条规则转换成这个地址`},
		{`none of its packets was traced; t traces it`, `没有跟踪过它的报文；按 t 跟踪`},
		{`its rules are being looked for`, `正在查找它的规则`},
		{`no rule of now made its translation`, `它的转换不是现在的规则做的`},
		{`the rule that translates it \((.+)\)`, `转换它的规则（@$1@）`},
		{`rule (\d+) of (\d+) that translate it, or may \((.+)\)`, `转换它或可能转换它的 $2 条规则中的第 $1 条（@$3@）`},
		{`inferred`, `推断`},
		{`connections that this rule translates, or may \(inferred from today's rules\)`, `这条规则转换或可能转换的连接（由现在的规则推断）`},
	}
}

// sources are what a session looks at where that is no host, as patterns, and their Chinese. They fit
// the beginning of problems, which come first.
func sources() [][2]string {
	return [][2]string{
		{`a recording`, `录像`},
		{`a recording: (.+)`, `录像：$1`},
		{`the recording (.+)`, `录像 $1`},
		{`the file (.+)`, `文件 $1`},
		{`the lab (.+)`, `实验 $1`},
	}
}

// waits are what a page says while there is nothing to show.
func waits() [][2]string {
	return [][2]string{
		{`waiting for a packet that matches: (.+)`, `等待匹配的报文：@$1@`},
		{`the source has ended; no packet was traced`, `来源已结束；没有跟踪到报文`},
		{`no packet was traced yet`, `还没有跟踪到报文`},
		{`no packet was traced yet: press a to arm a trace`, `还没有跟踪到报文：按 a 开始跟踪`},
		{`no trace armed: press a, type a filter, e\.g\. (.+)`, `没有在跟踪：按 a，输入过滤器，例如 $1`},
		{`no trace armed`, `没有在跟踪`},
		{`press a, type a filter, e\.g\. (.+)`, `按 a，输入过滤器，例如 $1`},
		{`the kernel then tells of each packet which rules it hit`, `内核就会告知每个报文命中了哪些规则`},
		{`trace: (.+), waiting for a packet`, `跟踪：$1，等待报文`},
		{`trace: (.+)`, `跟踪：$1`},
		{`waiting for a packet, (.+) left, at most (\S+) packets? a second`, `等待报文，还剩 $1，每秒最多 $2 个`},
		{`following the newest`, `跟随最新的`},
		{`pinned, f follows`, `已固定，按 f 跟随`},
		{`paused`, `已暂停`},
		{`paused, (\d+) waiting`, `已暂停，$1 个在等待`},
		{`(\d+) waiting`, `$1 个在等待`},
		{`(\d+) counted, not drawn`, `$1 个只计数，没有画出`},
		{`no rules here`, `这里没有规则`},
		{`no packet here`, `这里没有报文`},
		{"`nfscope` on the host traces packets, `nfscope trace -w FILE` keeps them", "在主机上用 `nfscope` 跟踪报文，用 `nfscope trace -w FILE` 保存"},
		{`N reads what your own rules log \(NFLOG, LOG\)`, `按 N 读你自己的规则记录的日志（NFLOG、LOG）`},
		{`not on this map: (.+) \(see Rules\)`, `不在这张图上：@$1@（见 Rules）`},
		{`(.+ base chains? of family \S+), (.+)`, `@$1@，@$2@`},
		{`(\S+) base chains? of family (\S+)`, `$2 族的 base chain $1 条`},
		{`arming (.+)`, `正在开始跟踪 @$1@`},
		{`disarming`, `正在结束跟踪`},
		{`what does not work here`, `这里不能工作的`},
		{`What happens`, `步骤`},
	}
}
