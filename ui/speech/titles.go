package speech

import (
	"fmt"

	"nfscope/ui/component/units"
)

// What stands above lists: how many are listed, of how many, and by what.

// Listed counts the packets of a list, of how many.
func (s Speech) Listed(n, of int) string {
	text := s.pick(units.Plural(uint64(n), 9, "packet"), units.Count(uint64(n), 9)+" 个报文")
	if n != of {
		text += fmt.Sprintf(s.pick(" of %d", "，共 %d 个"), of)
	}
	return text
}

// Exchanged counts the packets of a connection, by their direction.
func (s Speech) Exchanged(connection uint32, sent, back int) string {
	return fmt.Sprintf(s.pick("connection %d: %s sent, %d came back", "连接 %d：发出 %s，回来 %d 个"), connection,
		s.pick(units.Plural(uint64(sent), 9, "packet"), units.Count(uint64(sent), 9)+" 个报文"), back)
}

// Older counts the packets before those listed that are forgotten.
func (s Speech) Older(n uint64) string {
	return fmt.Sprintf(s.pick(", %s older are forgotten", "，更早的 %s 个已删去"), units.Count(n, 5))
}

// Searched counts the packets that a filter was not asked about yet.
func (s Speech) Searched(n int) string {
	return fmt.Sprintf(s.pick(", %d older are still looked at", "，更早的 %d 个还在查看"), n)
}

// Narrowed names the filter of a list, or what is wrong with it.
func (s Speech) Narrowed(filter string) string {
	return s.pick(", filter: ", "，过滤器：") + filter
}

// Only names the filter of a page.
func (s Speech) Only(filter string) string { return s.pick("only: ", "只看：") + filter }

// Connections counts a list of connections: n, of how many where that is not "", or at least n.
func (s Speech) Connections(n, of string, least bool) string {
	noun := " connections"
	if n == "1" && of == "" {
		noun = " connection"
	}
	if of != "" {
		n, of = s.pick(n+" of "+of, n), "，共 "+of+" 个"
	}
	if least {
		n = s.pick("at least ", "至少 ") + n
	}
	return n + s.pick(noun, " 个连接"+of)
}

// Groups counts a list of groups of a kind; where first is not 0 only so many are listed.
func (s Speech) Groups(n, first uint64, kind string) string {
	text := s.pick(units.Plural(n, 7, "group")+" by "+kind, fmt.Sprintf("%s 组，按 %s 分组", units.Count(n, 7), kind))
	if first > 0 {
		text += fmt.Sprintf(s.pick(", the first %s", "，列出前 %s 组"), units.Count(first, 7))
	}
	return text
}

// OrderedToo says behind Groups what groups are ordered by.
func (s Speech) OrderedToo(column string, highest bool) string {
	text := s.pick(", "+column, "，按 "+column+" 排序")
	if highest {
		text += s.pick(", highest first", "，最高的在前")
	}
	return text
}

// Used says how full the table of connections is.
func (s Speech) Used(n, of uint64) string {
	return fmt.Sprintf(s.pick("table %s of %s", "表 %s，上限 %s"), units.Count(n, 7), units.Count(of, 7))
}

// Counted says how many of a thing there are: flow, rule or chain; in at most so many cells
// for the number.
func (s Speech) Counted(n uint64, width int, thing string) string {
	return s.pick(units.Plural(n, width, thing), units.Count(n, width)+map[string]string{"flow": " 个连接", "rule": " 条规则", "chain": " 条链"}[thing])
}

// Reading says of rules that they are being read: how many, below 0 that it is not known.
func (s Speech) Reading(rules int) string {
	switch {
	case rules < 0:
		return s.pick("reading its rules", "正在读取它的规则")
	case rules == 1:
		return s.pick("reading 1 rule", "正在读取 1 条规则")
	}
	return fmt.Sprintf(s.pick("reading %d rules", "正在读取 %d 条规则"), rules)
}

// ReadingSome is Reading in few cells.
func (s Speech) ReadingSome(rules int) string {
	return s.pick("reading ", "正在读取 ") + s.Counted(uint64(max(rules, 0)), 5, "rule")
}

// UserChain is what a chain is that no hook calls.
func (s Speech) UserChain() string { return s.pick("user chain", "用户链") }

// AtHook is where the kernel calls a chain, in its own words.
func (s Speech) AtHook(hook, priority string) string {
	return s.pick("hook "+hook+", priority "+priority, "hook "+hook+"，priority "+priority)
}

// Behind puts what is said behind a name.
func (s Speech) Behind(text string) string { return s.pick(", ", "，") + text }

// MadeBy names who made a chain, and what for.
func (s Speech) MadeBy(name, about string) string {
	text := s.pick("by ", "由 ") + name
	if about != "" {
		text = about + s.pick(", ", "，") + text
	}
	return text
}

// Never stands where a rule that never hit has its count.
func (s Speech) Never() string { return s.pick("never", "从未") }

// Sign is what a sign of the map stands for. Names of backends stay.
func (s Speech) Sign(word string) string {
	zh, ok := map[string]string{"order unsure": "次序不定", "packet": "报文", "hit": "命中", "died here": "终止于此", "passed": "通过"}[word]
	if !ok {
		return word
	}
	return s.pick(word, zh)
}

// Mode is how a list of rules is not as usual.
func (s Speech) Mode(word string) string {
	return s.pick(word, map[string]string{"hottest first": "命中最快的在前", "never hit": "从未命中"}[word])
}

// Since says from when on is counted; whole is since when what was not in sight is, "" where that is
// the same.
func (s Speech) Since(at, whole string) string {
	text := s.pick("since "+at, "从 "+at+" 起")
	if whole != "" {
		text += s.pick(" (what was not in sight: "+whole+")", "（当时未显示的："+whole+"）")
	}
	return text
}

// CountersOf says of when the oldest counters in sight are.
func (s Speech) CountersOf(at string) string { return s.pick("counters of ", "计数时间 ") + at }

// CameFrom names where a jump was followed from; "" is a list.
func (s Speech) CameFrom(name string) string {
	if name == "" {
		return s.pick("from a list, esc goes back; ", "来自列表，esc 返回；")
	}
	return s.pick("from "+name+", esc goes back; ", "来自 "+name+"，esc 返回；")
}

// Lesson says that a lab has one.
func (s Speech) Lesson(title string) string {
	return title + s.pick(" (L: lesson)", "（L：课文）")
}

// Problems counts what does not work.
func (s Speech) Problems(n int) string {
	return s.pick(units.Plural(uint64(n), 3, "problem"), units.Count(uint64(n), 3)+" 个问题")
}

// Small says that a screen is too small for a page.
func (s Speech) Small(minWidth, minHeight, width, height int) string {
	return fmt.Sprintf(s.pick("nfscope needs %dx%d cells; this is %dx%d", "nfscope 需要 %dx%d 格；现在是 %dx%d"), minWidth, minHeight, width, height)
}

// Smaller is Small where even that does not fit.
func (s Speech) Smaller(minWidth, minHeight int) string {
	return fmt.Sprintf(s.pick("needs %dx%d", "需要 %dx%d"), minWidth, minHeight)
}

// WhyTitle is the name of the box that says what becomes of packets like the one selected.
func (s Speech) WhyTitle() string { return s.pick("why", "why：结局与原因") }
