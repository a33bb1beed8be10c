package speech

import (
	"fmt"
	"strings"

	"nfscope/model/drop"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/units"
)

// What the page of drops says besides, of the list and of how drops are found out.

// Culprit says who dropped a packet, and whether that is usual.
func (s Speech) Culprit(by drop.By, grade drop.Grade) string {
	who := map[drop.By]string{
		drop.ByKernel:    s.pick("no rule did it: the kernel", "不是规则丢的：是内核"),
		drop.ByNetfilter: "netfilter",
		drop.ByConntrack: "conntrack",
		drop.ByUnknown:   s.pick("netfilter or the kernel", "netfilter 或内核"),
	}[by]
	if grade == drop.Usual {
		who += s.pick(", as on every healthy host", "，正常的主机上都有")
	}
	return who
}

// Heads are the names of what this host says, of what is to be done, and of what is not seen.
func (s Speech) Heads() (here, do, unseen string) {
	return s.pick("here", "本机"), s.pick("to do", "处理"), s.pick("not seen", "看不到")
}

// Like says what became of another packet of the same flow, number and time told.
func (s Speech) Like(number int, at, became string) string {
	return fmt.Sprintf(s.pick("one like it, #%d at %s, was %s", "同类的 #%d（%s）：%s"), number, at, became)
}

// Unpacked stands for the flow of what is told without packets.
func (s Speech) Unpacked(step drop.Step) string {
	switch step {
	case drop.StepProc:
		return s.pick("(a counter)", "（计数器）")
	case drop.StepPerf:
		return s.pick("(whole host)", "（整个主机）")
	}
	return s.pick("(counted)", "（只计数）")
}

// Unfound says that a filter finds no drop.
func (s Speech) Unfound(filter string) string {
	return fmt.Sprintf(s.pick("nothing dropped is found by %q (esc clears the filter)", "被丢弃的报文里找不到 %q（esc 清除过滤器）"), filter)
}

// OnlyUsual says that nothing is listed but what is left out.
func (s Speech) OnlyUsual(rows int) string {
	return s.pick(fmt.Sprintf("nothing but what happens on every healthy host: * shows %s of that", units.Plural(uint64(rows), 5, "row")),
		fmt.Sprintf("只有正常的主机上都有的丢弃：按 * 显示这 %d 行", rows))
}

// Usual says whether what happens on every host is listed.
func (s Speech) Usual(listed bool) string {
	if listed {
		return s.pick("also what happens on every healthy host", "也列出正常的主机上都有的")
	}
	return s.pick("without what happens on every healthy host", "不列出正常的主机上都有的")
}

// NoDrops says why nothing was dropped so far: nobody looks, or nothing was seen. live tells
// whether somebody will look. say is the language's Drop.
func (s Speech) NoDrops(step drop.Step, live bool, dots string, say ladder.Say) string {
	switch {
	case step != "":
		return s.pick("nothing was thrown away yet; watching ", "还没有丢弃任何报文；正在观察") + say.Of(step.Words())
	case live:
		return s.pick("looking at what the kernel throws away", "正在查看内核丢弃了什么") + dots
	}
	return s.pick("nobody watched what the kernel threw away", "没有观察内核丢弃了什么")
}

// Lift says why a step is not at work, and what would make it. say is the language's Drop.
func (s Speech) Lift(l drop.Lift, say ladder.Say) string {
	text := s.pick("no ", "没有 ") + map[drop.Step]string{drop.StepBPF: "eBPF", drop.StepPerf: "perf"}[l.Step] + s.pick(": ", "：") + say.Of(l.Why)
	if l.Fix != "" {
		text += s.pick("; ", "；") + say.Of(l.Fix)
	}
	return text
}

// Untold says in a few words what the list lacks, "" where it has all.
func (s Speech) Untold(d drop.Watch, forgotten uint64) string {
	count := func(n uint64) string { return units.Count(n, 7) }
	var parts []string
	add := func(en, zh string) { parts = append(parts, s.pick(en, zh)) }
	switch {
	case d.Step == drop.StepProc:
		add("counters only: no eBPF", "只有计数器：没有 eBPF")
	case d.Step == drop.StepPerf:
		add("reasons of the whole host: no eBPF", "整个主机的原因：没有 eBPF")
		if n := count(d.Merged); d.Merged > 0 {
			add("lost "+n, "丢失 "+n)
		}
	case d.Merged > 0:
		add("lost "+count(d.Merged), "丢失 "+count(d.Merged))
	case d.Untold() > 0:
		add(count(d.Untold())+" counted without headers", count(d.Untold())+" 个只计数，没有报文头")
	default: // of the host, and perhaps of this namespace
		if n := count(d.Homeless); d.Homeless > 0 {
			add(n+" of an unknown namespace", n+" 个不知属于哪个命名空间")
		}
		if n := count(d.Missed); d.Missed > 0 {
			add(n+" told to nobody", n+" 个没有告知任何程序")
		}
	}
	text := strings.Join(parts, s.pick(", ", "，"))
	if n := count(forgotten); forgotten > 0 {
		text = strings.TrimSpace(text + s.pick("  "+n+" in rows that made room", "  "+n+" 个在已让位的行里"))
	}
	return text
}

// NothingTo says that no packet is known to be traced, or to be looked for.
func (s Speech) NothingTo(trace bool) string {
	if trace {
		return s.pick("no packet of this is known, so there is nothing to trace", "不知道这是哪些报文，所以无从跟踪")
	}
	return s.pick("no packet of this is known, so there is nothing to look for", "不知道这是哪些报文，所以无从查找")
}

// NextOne says what a trace of a dropped packet's flow is for.
func (s Speech) NextOne() string {
	return s.pick("it is gone: this catches the next one", "它已经没了：这样能抓到下一个")
}

// lifts are how package drop names what is watched, and why package trace/drops watches no
// more, as patterns, and their Chinese. What the kernel answered, at the end, stays.
func lifts() [][2]string {
	return [][2]string{
		{`each packet with its reason, by eBPF`, `每个报文及其原因（eBPF）`},
		{`reasons and places of the whole host, by perf, without packets`, `整个主机的原因与位置，没有报文（perf）`},
		{`the kernel's counters alone`, `内核的计数器，仅此而已`},
		// Who forbade it.
		{`the kernel is locked down \((\S+)\), so that nobody may read its memory`, `内核已锁定（$1），谁都不许读它的内存`},
		{`boot with (\S+), or without Secure Boot`, `以 $1 启动，或关闭 Secure Boot`},
		{`in a user namespace the kernel refuses it to everybody`, `在用户命名空间里，内核对谁都拒绝`},
		{`run nfscope on the host: (.+)`, `在主机上运行：$1`},
		{`it needs (\S+) and (\S+) \(or (\S+)\)`, `需要 $1 和 $2（或 $3）`},
		{`it needs (\S+) \(or (\S+)\)`, `需要 $1（或 $2）`},
		{`sudo nfscope \.\.\., or give the container (\S+) and (\S+)`, `用 sudo 运行 nfscope，或给容器 $1 和 $2`},
		{`sudo nfscope \.\.\., or give the container (\S+)`, `用 sudo 运行 nfscope，或给容器 $1`},
		{`perf is refused: (.+)`, `perf 被拒绝：@$1@`},
		{`(sysctl \S+), or a seccomp profile that allows (\S+)`, `$1，或换用允许 $2 的 seccomp 配置`},
		{`the kernel refuses it though the capabilities are there: (.+)`, `有了权能，内核仍然拒绝：@$1@`},
		{`a seccomp or LSM profile forbids bpf\(2\): run the container with another one \(docker: (.+)\)`, "seccomp 或 LSM 的配置禁止 `bpf(2)`：换一个配置运行容器（docker：$1）"},
		// What the kernel lacks.
		{`a kernel with (CONFIG_\w+)`, `换用带 $1 的内核`},
		{`a kernel with (CONFIG_\w+), (\S+) or later`, `换用带 $1 的内核，$2 或更新`},
		{`tracefs is not mounted, so that the number of the tracepoint is not known`, `没有挂载 tracefs，所以不知道 tracepoint 的编号`},
		{`the tracepoint kfree_skb of this kernel has no (\S+) of (\d+) bytes \(Linux 5\.17 has\)`, `这个内核的 tracepoint kfree_skb 没有 $2 字节的 $1（Linux 5.17 有）`},
		{`this kernel has no tracepoint kfree_skb: (.+)`, `这个内核没有 tracepoint kfree_skb：$1`},
		{`this kernel's tracepoint kfree_skb hands over no reason \(Linux 5\.17 does\)`, `这个内核的 tracepoint kfree_skb 不带原因（Linux 5.17 带）`},
		{`this kernel gives no reason with a drop \(no enum skb_drop_reason; Linux 5\.17 has it\): (.+)`, `这个内核丢弃时不给原因（没有 enum skb_drop_reason，Linux 5.17 有）：$1`},
		{`this kernel's (\S+) has (\d+) bytes, the program has room for (\d+)`, `这个内核的 $1 有 $2 字节，程序只放得下 $3 字节`},
		{`read the kernel's BTF \((\S+), (\S+)\): (.+)`, `读不到内核的 BTF（$1，$2）：$3`},
		{`BTF: a part of (\S+) lies outside of it`, `BTF：$1 的一部分在它之外`},
		{`BTF: btf_trace_kfree_skb is no pointer but (.+)`, `BTF：btf_trace_kfree_skb 不是指针，而是 $1`},
		// What failed.
		{`open the tracepoint kfree_skb by perf: (.+)`, `perf 打不开 tracepoint kfree_skb：$1`},
		{`set the filter of the tracepoint: (.+)`, `设不了 tracepoint 的过滤器：$1`},
		{`map the ring of CPU (\d+): (.+)`, `映射不了 CPU $1 的环形缓冲区：$2`},
		{`list the CPUs: (.+)`, `列不出 CPU：$1`},
	}
}
