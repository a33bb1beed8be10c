package speech

import (
	"strings"

	"nfscope/ui/component/ladder"
)

// Doubts is as Ladders is, of why a part of a rule is not understood.
type Doubts struct{ sayer }

// In gives a language's.
func (d *Doubts) In(s Speech) ladder.Say { return d.of(s, Speech.Doubt) }

// Doubt says why a part of a rule is not understood, which may stand before it, with a colon;
// nil in English. Texts of rules, and nft's words that were expected, stay.
func (s Speech) Doubt() ladder.Say {
	if s != "zh" {
		return nil
	}
	put := translator(doubts())
	return kept(func(why string) string {
		for at := 0; ; {
			if said := put(why[at:]); said != why[at:] {
				if text, cut := strings.CutSuffix(why[:at], ": "); cut {
					return text + "：" + said
				}
				return said
			}
			next := strings.Index(why[at:], ": ")
			if next < 0 {
				return why
			}
			at += next + len(": ")
		}
	})
}

// doubts are what packages match, nft and ruleset say of what they do not understand, as
// patterns, and their Chinese.
func doubts() [][2]string {
	return [][2]string{
		// Rules of iptables.
		{`a rule of arptables or ebtables, shown as it stands`, `arptables 或 ebtables 的规则，按原样显示`},
		{`a match that nfscope does not know`, `nfscope 不认识的匹配`},
		{`a target that nfscope does not know`, `nfscope 不认识的目标`},
		{`a value that nfscope does not understand`, `nfscope 读不懂的值`},
		{`an address of the other family, or a mask that is none`, `另一协议族的地址，或不成立的掩码`},
		{`a name that only its host can look up`, `只有它所在的主机才能解析的名字`},
		{`a mask that iptables loads as that of one address`, `iptables 会当成单个地址来装入的掩码`},
		{`a negation that iptables loses`, `iptables 会丢掉的取反`},
		{`a rule has one target, with a name`, `一条规则只有一个目标，且有名字`},
		{`iptables-save cannot print it: the rule was made by a newer program`, `iptables-save 打印不出来：规则是更新的程序建的`},
		{`it belongs to no option`, `它不属于任何选项`},
		{`it negates nothing`, `它没有取反的对象`},
		{`it cannot be negated`, `它不能取反`},
		{`it is given twice`, `它给了两次`},
		{`it lacks an argument`, `它缺少参数`},
		{`it lacks its name`, `它缺少名字`},
		{`it takes no argument`, `它不带参数`},
		{`(-\S+) lacks its target`, `$1 缺少目标`},
		{`a quote is not closed`, `引号没有闭合`},
		{`target (.+) is neither a chain of the table nor known`, `目标 $1 既不是本表的链，也不认识`},
		{`the text ends here, perhaps in the middle of the rule`, `文本到此为止，可能断在规则中间`},
		{`the text ends here, in the middle of the rule`, `文本到此为止，断在规则中间`},
		// Rules of nftables.
		{`the table has no chain (.+) in the text`, `文本里这张表没有链 $1`},
		{`nft cannot print xt (\S+) (.+), iptables-nft-save can`, `nft 打印不出 xt $1 $2，iptables-nft-save 可以`},
		{`nft knows the name of an extension of x_tables only, iptables-nft-save prints it in full`, `nft 只知道 x_tables 扩展的名字，iptables-nft-save 能完整打印`},
		{`the rules in braces stand in a chain without a name, they are not listed apart`, `花括号里的规则在一条没有名字的链中，不单独列出`},
		{`the braces of the rule do not match`, `规则的花括号不配对`},
		{`nft says: (.+)`, `nft 说：$1`},
		{`nft says besides: (.+)`, `nft 另外还说：$1`},
		{`the text ends, expected (.+)`, `文本到此为止，应有 $1`},
		{`"(.+)" is not understood, expected (.+)`, `读不懂 "$1"，应有 $2`},
		{`"(.+)" is not a rate, expected such as (.+)`, `"$1" 不是速率，应如 $2`},
		{`"(.+)" is not a time, expected (.+)`, `"$1" 不是时间单位，应有 $2`},
		{`"(.+)" is not a time such as (.+)`, `"$1" 不是如 $2 的时间`},
		{`"(.+)" is not a level of the log`, `"$1" 不是日志级别`},
		{`"(.+)" is not a flag of log`, `"$1" 不是 log 的标志`},
		{`"(.+)" is not an option of TCP`, `"$1" 不是 TCP 选项`},
		{`too many braces`, `花括号太多`},
		{`too many brackets`, `括号太多`},
		{`a set is compared with == or != only`, `集合只能比较相等或不等`},
		{`(.+) cannot be set`, `$1 不能设置`},
		{`(\d+) is more than 32 bits`, `$1 超过 32 位`},
		{`a prefix without its text in quotes`, `prefix 缺少带引号的文本`},
		{`the prefix has quotes of its own, its end cannot be told`, `prefix 里面有引号，看不出它在哪里结束`},
		{`a prefix without an address`, `prefix 缺少地址`},
		{`a number in the place of an address`, `地址的位置上是数字`},
		{`a comment without its text in quotes`, `comment 缺少带引号的文本`},
		{`a meter without a name`, `meter 缺少名字`},
	}
}
