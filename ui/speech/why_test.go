package speech

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// stays are the words that a Chinese answer keeps: names of the kernel's and of commands. What
// has a capital letter, a digit, a dash or a line in it is a name anyhow.
const stays = "tcp udp icmp netfilter conntrack prerouting input forward output postrouting hook socket accept perf traceroute tcpdump hop limit redirect code type raw mark blackhole prohibit unreachable forwarding in " +
	"ip rule route get show dev neigh ss sport sysctl nfscope rules all none tuple filter space and any datagram to connection refused network is echo request connected net backlog ms s m"

// own finds the words of a Chinese answer that are not a rule's, a filter's or a number's.
func own(said string) (words []string) {
	kept := map[string]bool{}
	for _, w := range strings.Fields(stays) {
		kept[w] = true
	}
	said = regexp.MustCompile("`[^`]*`").ReplaceAllString(said, "")
	said = regexp.MustCompile(`：-[^；（]*|报文：(?:udp|tcp|dst) [ -~]*|\S+ \S+ > \S+|(?:nf_conntrack|softnet|rt_cache) \w+`).ReplaceAllString(said, " ")
	for _, w := range regexp.MustCompile(`[\w./'-]+`).FindAllString(said, -1) {
		if w = strings.Trim(w, ".'"); w != "" && !regexp.MustCompile(`[A-Z\d/_.-]`).MatchString(w) && !kept[w] {
			words = append(words, w)
		}
	}
	return words
}

// TestAnswers: all that package model/why says in its own tests has its Chinese, without a word of
// English but for rules, filters, commands and names.
func TestAnswers(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../model/why/testdata/answers.txt")
	if err != nil {
		t.Fatal(err)
	}
	answer, ladder := In("zh").Why(), In("zh").Ladder()
	n := 0
	for l := range strings.Lines(string(data)) {
		n++
		l = strings.TrimSuffix(l, "\n")
		say := answer
		if rest, ok := strings.CutPrefix(l, "ladder: "); ok {
			l, say = rest, ladder
		}
		said := say(l)
		if command := regexp.MustCompile(`^(?:ip|ss|sysctl) [^;]*$`); command.MatchString(l) && said == l {
			continue
		}
		if left := own(said); left != nil || said == l {
			t.Errorf("%q is %q: %q", l, said, left)
		}
	}
	if n < 200 {
		t.Errorf("%d sentences", n)
	}
}

// TestWhy: how the parts of an answer are put together, those that the tests of model/why seldom
// have among them. What nobody knows stays.
func TestWhy(t *testing.T) {
	t.Parallel()
	say := In("zh").Why()
	const flow, rule = "tcp 10.1.0.2 > [fd02::2]:80", "rule 2 of inet fw/in (nftables): ip saddr @bad drop comment \"a; b (c)\""
	for en, zh := range map[string]string{
		flow + " was dropped by " + rule: flow + ` 被丢弃，由 inet fw/in (nftables) 的规则 2：ip saddr @bad drop comment "a; b (c)"`,
		flow + " (translated to 10.3.0.3:8080) works, but 2 of 9 packets of the reply were rejected by " + rule + " (3 more were dropped otherwise)": flow +
			`（转换为 10.3.0.3:8080）是通的，但应答的 9 个报文中有 2 个被拒绝，由 inet fw/in (nftables) 的规则 2：ip saddr @bad drop comment "a; b (c)"（另有 3 个以别的方式被丢弃）`,
		"the reply of " + flow + " (translated to 10.3.0.3:8080) was dropped by the policy of filter/INPUT (iptables-legacy, IPv6)":                     flow + "（转换为 10.3.0.3:8080）的应答被丢弃，由 filter/INPUT (iptables-legacy, IPv6) 的策略",
		"the reply of " + flow + " was last seen in the input hook; events were lost":                                                                   flow + " 的应答：最后看到它是在 input；丢失了事件",
		flow + " was dropped by " + rule + "; it comes in again over lo as #4":                                                                          flow + ` 被丢弃，由 inet fw/in (nftables) 的规则 2：ip saddr @bad drop comment "a; b (c)"；它又从 lo 进来，那是 #4`,
		flow + " was dropped by netfilter, likely by the policy of filter/INPUT (iptables-nft)":                                                         flow + " 被 netfilter 丢弃，很可能由 filter/INPUT (iptables-nft) 的策略",
		flow + " was not delivered, no rule did it: likely it waits for the next hop fd02::9 on r1, which does not answer neighbour discovery (FAILED)": flow + " 没有送达，不是规则丢的：很可能在等 r1 上的下一跳 fd02::9，它不应答邻居发现（FAILED）",
		flow + " was dropped by the kernel, no rule did it: the accept queue of tcp [::]:80 is full (1 connection waits, the limit is 0)":               flow + " 被内核丢弃，不是规则丢的：tcp [::]:80 的 accept 队列满了（1 个连接在等，上限 0）",
		flow + " was queued to user space, where no program reads, and so dropped by a rule":                                                            flow + " 被一条规则交给用户态，而没有程序在读，于是被丢弃",
		flow + ": the request was sent out of r1, and an error came back: connection refused":                                                           flow + "：请求从 r1 发出，回来的是错误：connection refused",
		flow + ": the request was seen, the reply was seen, and is still under way":                                                                     flow + "：看到了请求，应答：看到了，还在途中",
		"certain: the trace is whole; the flow went on after it":                                                                                        "确定：跟踪完整；此后这条流仍在继续",
		"likely: ": "很可能：",
		"7 other flows match the filter: 1 dropped by a rule, 2 dropped for want of a program on their queue, 1 answered, with packets lost, 2 answered, 1 not known": "另有 7 条流符合过滤器：1 条被规则丢弃，2 条因队列没有程序在读而被丢弃，1 条有应答但丢了报文，2 条有应答，1 条不得而知",
		"lost: 3 events lost, 1 losses of unknown size, 2 packets held back by the rate limit, 4 drops told only by reason and place":                                 "丢失：3 个事件，1 次数量不明的丢失，2 个报文被限速挡下，4 次丢弃只得知原因与位置",
		"looked for 2.5 s in namespace nfs-x: both directions traced from prerouting and output on; drops: nobody watched":                                            "在命名空间 nfs-x 观察了 2.5 s：两个方向都从 prerouting 和 output 起跟踪；丢弃情况：没有观察",
		"conntrack has 1 connection that the filter matches":                                                              "conntrack 有 1 个连接符合过滤器",
		"2 ICMP errors about it came from fd02::1: its source address is not allowed, and what became of it is not known": "fd02::1 为此发来 2 个 ICMP 错误：它的源地址不被允许；它们的结局不得而知",
		"meanwhile, of whatever flow: TcpExtListenDrops rose by 1; nf_conntrack drop rose by 2":                           "其间，不知属于哪条流：TcpExtListenDrops 增加了 1；nf_conntrack drop 增加了 2",
		// Halves of a connection.
		flow + ": the request was delivered (sent out of e0), and no reply came back in 2.5 s: hairpin without SNAT, 10.9.0.3 answers 10.9.0.2 on e0 directly, so that the reply comes from an address that was not asked": flow +
			"：请求已送达（从 e0 发出），而 2.5 s 内没有应答回来：hairpin 而没有 SNAT，10.9.0.3 在 e0 上直接应答 10.9.0.2，所以应答来自一个没有被请求过的地址",
		"masquerade it: have what comes from e0 and goes out there again, translated, leave with this host's address":                          "给它做 masquerade：从 e0 进来、转换后又从那里出去的，让它以本机的地址离开",
		"conntrack takes the reply for a new connection: it was told not to track the request (NOTRACK)":                                       "conntrack 把应答当成新连接：请求被要求不跟踪（NOTRACK）",
		"conntrack takes the reply for a new connection: it has the request in another entry, as where the zones of the two directions differ": "conntrack 把应答当成新连接：请求在另一个表项里，例如两个方向的 zone 不同",
		// Connections that stall.
		flow + ": nothing of it was lost here, but the server acknowledged what the client sent, and nothing of an answer came here in 9.5 s: its program sent none, or it was lost before here": flow + "：这里没有丢它的报文，但服务器确认收到客户端发的内容之后，9.5 s 内没有任何回答来到这里：它的程序没有发，或在到这里之前丢了",
		flow + ": nothing of it was lost here, but a TCP reset from fd02::2 ended the connection before an answer came: its program, or a firewall there, broke it off":                          flow + "：这里没有丢它的报文，但还没有回答，fd02::2 就用 TCP RST 结束了连接：是那里的程序或防火墙中断的",
		flow + ": the request was delivered (sent out of e0), and the reply came back; how the connection went on was not seen whole":                                                            flow + "：请求已送达（从 e0 发出），应答也回来了；连接此后怎样，没有看全",
		"3 other flows match the filter: 1 answered, and then silent, 1 answered, and not seen whole, 1 answered":                                                                                "另有 3 条流符合过滤器：1 条有应答，之后没有动静，1 条有应答，但没有看全，1 条有应答",
		flow + " (translated to 10.3.0.3:8080): nothing of it was lost here, but behind its opening neither end sent anything":                                                                   flow + "（转换为 10.3.0.3:8080）：这里没有丢它的报文，但连接建立之后两端什么也没有发送",
		flow + ": the connection was answered and then stalled: the client sent the same segment 6 times, which came through here, and fd02::2 was not heard to acknowledge it":                  flow + "：连接得到了应答，然后停住了：客户端把同一个报文段发了 6 次，都通过了这里，却没有看到 fd02::2 确认它",
		"look there and on the way: does the segment arrive (it is long: is the MTU of a link smaller?), and does the acknowledgement come back by this host?":                                   "请检查那里和途中：这个报文段到达了吗（它很长：是否有链路的 MTU 更小？），确认是否经本机返回？",
		"likely: request and reply were seen to the end of their way; whether an answer was due is not known":                                                                                    "很可能：请求和应答都看到了终点；是否本该有回答，不得而知",
		"2 other flows match the filter: 1 stalled, 1 answered":                                                                                                                                  "另有 2 条流符合过滤器：1 条停住了，1 条有应答",
		// Rules that nearly matched.
		"passed rule 3 of filter/INPUT (iptables-legacy) (miss: dport 81 is not 80): -A INPUT -p tcp --dport 80 -j DROP":                                     "filter/INPUT (iptables-legacy) 的规则 3 不匹配（dport 81 不是 80）：-A INPUT -p tcp --dport 80 -j DROP",
		"passed rule 3 of filter/INPUT (iptables-legacy) (miss: source 10.9.0.1 is not one of 10.0.0.1, 10.0.0.2, time 9 is not known: the time): -A x -j y": "filter/INPUT (iptables-legacy) 的规则 3 不匹配（source 10.9.0.1 不是 10.0.0.1, 10.0.0.2 之一，time 9 未知：时间）：-A x -j y",
		"passed rule 3 of inet fw/in (nftables) (miss): accept":                                                                                              "inet fw/in (nftables) 的规则 3 不匹配：accept",
		"passed rule 3 of inet fw/in (nftables) (miss: ct state (x) is not known): ct state (x): accept":                                                     "inet fw/in (nftables) 的规则 3 不匹配（ct state (x) 未知）：ct state (x): accept",
		"in the map of rule 3 of inet fw/in (nftables) it was the element 10.1.0.2 . 9 comment \"a (b): c\" : drop":                                          "inet fw/in (nftables) 的规则 3 的映射中，是元素 10.1.0.2 . 9 comment \"a (b): c\" : drop",
		"looking for tcp and dst port 80, both directions":                                                                                                   "正在寻找两个方向的报文：tcp and dst port 80",
		"arming; esc ends it":                          "正在开始跟踪；按 esc 结束",
		"still looking, 7 s left at most; esc ends it": "还在观察，最多还剩 7 s；按 esc 结束",
		"it could not be looked for: no way; none":     "无法观察：no way; none",
		"what nobody ever said; of anything":           "what nobody ever said; of anything",
	} {
		if got := say(en); got != zh {
			t.Errorf("%q is\n%q, want\n%q", en, got, zh)
		}
	}
	if In("en").Why() != nil {
		t.Error("English is put into English")
	}
}
