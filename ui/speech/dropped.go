package speech

import (
	"fmt"
	"strings"
	"time"

	"nfscope/model/drop"
	"nfscope/ui/component/units"
)

// What stands above the list of drops, and beside what is known of one.

// Thrown counts the packets and the counters of the list.
func (s Speech) Thrown(packets, counters uint64) string {
	var told []string
	if packets > 0 || counters == 0 {
		told = append(told, s.pick(units.Plural(packets, 7, "packet")+" dropped", "丢弃 "+units.Count(packets, 7)+" 个报文"))
	}
	if counters > 0 {
		told = append(told, s.pick(units.Plural(counters, 5, "counter")+" rose", units.Count(counters, 5)+" 个计数器增加"))
	}
	return strings.Join(told, s.pick(", ", "，"))
}

// InSight says which rows are in sight, of how many.
func (s Speech) InSight(from, to, of int) string {
	return fmt.Sprintf(s.pick("%d-%d of %d", "%d-%d，共 %d"), from, to, of)
}

// By says what a list is ordered by; in Chinese by the name that stands above the column.
func (s Speech) By(column string, highest bool) string {
	column = s.pick(column, strings.NewReplacer("packets", "count", "last seen", "last").Replace(column))
	if highest {
		return fmt.Sprintf(s.pick("by %s, highest first", "按 %s 排序，最高的在前"), column)
	}
	return fmt.Sprintf(s.pick("by %s", "按 %s 排序"), column)
}

// Ordered says that it is now ordered by that column.
func (s Speech) Ordered(column string, highest bool) string {
	return s.pick("ordered ", "") + s.By(column, highest)
}

// LeftOut counts the rows that are not listed, since they are of every healthy host; the key
// lists them.
func (s Speech) LeftOut(rows int) string {
	return fmt.Sprintf(s.pick("%d usual (*)", "另有 %d 行常见的（*）"), rows)
}

// Known is the name of what is known of a drop.
func (s Speech) Known(name string) string {
	return s.pick(name, map[string]string{"rule": "规则", "packet": "报文", "traced": "跟踪", "header": "报文头", "connection": "连接", "place": "位置", "callers": "调用者", "seen": "时间"}[name])
}

// Header is what of a packet's headers helps.
func (s Speech) Header(d *drop.Drop) string {
	text := fmt.Sprintf(s.pick("%d bytes, TTL %d", "%d 字节，TTL %d"), d.Packet.Length, d.Packet.TTL)
	if d.Packet.Mark != 0 {
		text += fmt.Sprintf(s.pick(", mark %#x", "，mark %#x"), d.Packet.Mark)
	}
	if d.SrcMAC != "" {
		text += fmt.Sprintf(s.pick(", from %s to %s", "，从 %s 到 %s"), d.SrcMAC, d.DstMAC)
	}
	return text
}

// Tracked is the connection that a dropped packet was of, "" where none is known.
func (s Speech) Tracked(d *drop.Drop) string {
	state := strings.ToLower(d.State)
	if !d.Tracked() {
		return state
	}
	text := fmt.Sprintf(s.pick("%s, reply %s", "%s，应答 %s"), d.Orig, d.Reply)
	if state != "" {
		text += s.pick(", ", "，") + state
	}
	if d.Zone != 0 {
		text += fmt.Sprintf(s.pick(", zone %d", "，zone %d"), d.Zone)
	}
	return text
}

// DroppedAt is where a packet was dropped, in the kernel's words, and by which interfaces it went.
func (s Speech) DroppedAt(d *drop.Drop) string {
	var parts []string
	if where := d.Where(); where != "" {
		parts = append(parts, where)
	}
	if d.In != "" {
		parts = append(parts, fmt.Sprintf(s.pick("in %s", "从 %s 进入"), d.In))
	}
	if d.Out != "" {
		parts = append(parts, fmt.Sprintf(s.pick("out %s", "从 %s 发出"), d.Out))
	}
	return strings.Join(parts, s.pick(", ", "，"))
}

// Seen counts the packets of a row, and says when the first and the last came.
func (s Speech) Seen(packets uint64, first, last time.Time) string {
	return fmt.Sprintf(s.pick("%s, first %s, last %s", "%s，最早 %s，最近 %s"), s.pick(units.Plural(packets, 9, "packet"), units.Count(packets, 9)+" 个报文"),
		first.Format("15:04:05"), last.Format("15:04:05.000"))
}
