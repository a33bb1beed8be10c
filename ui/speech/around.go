package speech

import (
	"fmt"

	"nfscope/model/drop"
	"nfscope/model/guess"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/units"
)

// Begin, ToEnd, Next and Again say what the key does next.
func (s Speech) Begin() string { return s.pick("space begins", "空格键开始") }

// Choose says how a choice is made.
func (s Speech) Choose() string {
	return s.pick("j k choose, space goes on", "j k 选择，空格键继续")
}

// ToEnd is said while a packet moves.
func (s Speech) ToEnd() string { return s.pick("space: to its end", "空格键：直接到终点") }

// Paused is said while it stands.
func (s Speech) Paused() string {
	return s.pick("paused: . and , step, p goes on", "暂停：. 与 , 单步，p 继续")
}

// Rest is said where the keys scroll to what does not fit.
func (s Speech) Rest() string { return s.pick("j k: the rest", "j k：其余") }

// Drawing stands in a lesson where a drawing does not fit.
func (s Speech) Drawing() string {
	return s.pick("(a drawing: L shows it)", "（此处有图：按 L 查看）")
}

// SoFar is the head of the steps that are over.
func (s Speech) SoFar() string { return s.pick("so far", "至此") }

// Others is the head of the step's other packets, so many.
func (s Speech) Others(n int) string {
	return fmt.Sprintf(s.pick("the step's other packets: %d", "本步的其余报文：%d"), n)
}

// Next is said behind an explanation.
func (s Speech) Next() string { return s.pick("space: the next step", "空格键：下一步") }

// Finish is Next behind the last one.
func (s Speech) Finish() string { return s.pick("space: the end", "空格键：结束") }

// Again is said when all is over.
func (s Speech) Again() string {
	return s.pick("space: once more    esc: the other labs", "空格键：再来一遍    esc：其他实验")
}

// Watching is said while the steps run by themselves.
func (s Speech) Watching() string {
	return s.pick("the steps run by themselves; enter: step by step, with questions", "步骤自动进行；enter：逐步进行并提问")
}

// Over is said behind the last step: how many answers were right, of how many.
func (s Speech) Over(right, of int) string {
	if of == 0 {
		return s.pick("That was all.", "全部结束。")
	}
	return fmt.Sprintf(s.pick("That was all: %d of %d answers were right.", "全部结束：%[2]d 次回答，答对 %[1]d 次。"), right, of)
}

// Before is the head of what the step before taught.
func (s Speech) Before() string { return s.pick("before:", "上一步：") }

// NoEntries is said of an empty conntrack table: where it is not in use none will come.
func (s Speech) NoEntries(inUse bool) string {
	if !inUse {
		return s.pick("not in use: no rule needs it", "未启用：没有规则需要它")
	}
	return s.pick("no entry yet", "还没有表项")
}

// Rules is the head of a host's rules.
func (s Speech) Rules(host string) string {
	return fmt.Sprintf(s.pick("The rules of %s:", "%s 的规则："), host)
}

// More counts further packets of a step that were accepted.
func (s Speech) More(n int) string {
	was := "was"
	if n > 1 {
		was = "were"
	}
	return s.pick(fmt.Sprintf("and %s of it %s accepted", units.Plural(uint64(n), 20, "more packet"), was), fmt.Sprintf("另有 %d 个报文被放行", n))
}

// Unmet counts the packets of a step where none met a rule.
func (s Speech) Unmet(n int) string {
	return s.pick(fmt.Sprintf("%s of it seen: %s", units.Plural(uint64(n), 20, "packet"), s.Unasked("")), fmt.Sprintf("看到它的 %d 个报文：%s", n, s.Unasked("")))
}

// Sum counts what a story told.
func (s Speech) Sum(packets int, events, lost uint64) string {
	if s == "zh" {
		return fmt.Sprintf("%d 个报文，%d 个事件，丢失 %d", packets, events, lost)
	}
	return fmt.Sprintf("%s, %s, lost %d", units.Plural(uint64(packets), 20, "packet"), units.Plural(events, 20, "event"), lost)
}

// Dropped says of a packet that the kernel threw away what, for which of its reasons,
// where, and in nfscope's own words why. say is the language's Drop.
func (s Speech) Dropped(what, reason, where string, x drop.Explanation, say ladder.Say) string {
	return fmt.Sprintf(s.pick("the kernel dropped %s: %s, at %s: %s", "内核丢弃了 %s：%s，在 %s：%s"), what, reason, where, s.Explained(x, say))
}

// MoreDropped counts further ones.
func (s Speech) MoreDropped(n int) string {
	return s.pick(fmt.Sprintf("and %s more that the kernel dropped", units.Plural(uint64(n), 20, "packet")), fmt.Sprintf("另有 %d 个被内核丢弃", n))
}

// Enter is the prompt of the lesson as text.
func (s Speech) Enter() string { return s.pick("-- enter sends it", "-- 按 enter 发送") }

// Queue is the name of what is told of a queue: its number, what it was given, what waits in it and
// what was dropped.
func (s Speech) Queue(name string) string {
	return s.pick(name, map[string]string{"queue": "队列", "given": "已交付", "waiting": "等待中", "dropped": "已丢弃"}[name])
}

// Unread says of a queue of NFQUEUE that nobody reads what then becomes of a rule's packets.
func (s Speech) Unread(queue int, by guess.Place, bypass bool) string {
	then := s.pick("drops", "等于丢弃")
	if bypass {
		then = s.pick("lets by (bypass)", "放行（bypass）")
	}
	return fmt.Sprintf(s.pick("nobody reads queue %d: %s %s", "没有程序读 %d 号队列：%s %s"), queue, s.by(by), then)
}

// The list of labs.

// Pick is the head of the list.
func (s Speech) Pick() string { return s.pick("Choose a lab", "选择一个实验") }

// Runs says how a lab can be had here: live, as a recording, or not at all.
func (s Speech) Runs(live, recorded bool) string {
	switch {
	case live:
		return s.pick("live", "现场")
	case recorded:
		return s.pick("recorded", "录像")
	}
	return s.pick("not here", "不可用")
}

// OwnLab stands for the title of a lab of the user's own.
func (s Speech) OwnLab() string { return s.pick("a lab of your own", "你自己的实验") }

// Running marks the lab that is shown.
func (s Speech) Running() string { return s.pick("running", "进行中") }

// Building is said while a lab is built.
func (s Speech) Building(name string) string {
	return fmt.Sprintf(s.pick("building %s ...", "正在搭建 %s……"), name)
}

// NoLabs is said where none can be chosen.
func (s Speech) NoLabs() string {
	return s.pick("No lab is running: `nfscope lab` lists them, `nfscope lab run NAME` runs one.",
		"没有正在进行的实验：`nfscope lab` 列出实验，`nfscope lab run NAME` 运行一个。")
}
