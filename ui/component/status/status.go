// Package status draws the lines around a page: the header, the tabs, the sentence
// and the hints.
package status

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"nfscope/model"
	"nfscope/ui/component/line"
	"nfscope/ui/component/units"
	"nfscope/ui/keys"
	"nfscope/ui/theme"
)

// Header is what the first line tells.
type Header struct {
	Netns  string
	Source string // "" where it goes without saying
	// Replay tells that nothing of this happens now.
	Replay bool
	// Place tells where in a recording this is, "" where that is not known; Part how much
	// of it that is, 0 to 1.
	Place    string
	Part     float64
	Backends []model.Backend
	// Reading is a word for the reading of the rules that is under way; Stale tells that
	// what is shown is not what is in force.
	Reading string
	Stale   bool
	// CountedBy names what stands in for the kernel's own counters.
	CountedBy []string
	// Armed tells whether a trace runs; Filter, Left and Rate are its own.
	Armed  bool
	Filter string
	Left   time.Duration
	Rate   int
	Held   uint64

	Lost, Gaps uint64
	Events     float64
	Recording  bool
	Paused     bool
	Waiting    int
	Speed      float64
	Ended      bool
}

// readable is what stays of a long filter before other segments are dropped.
const readable = 24

// segment is a part of the header. The highest drop goes first where the line is
// too short; one with drop 0 stays. short is taken before anything is dropped.
type segment struct {
	text, short string
	style       lipgloss.Style
	drop        int
	right       bool
}

// View draws the header in exactly width cells.
func (h *Header) View(th *theme.Theme, width int) string {
	segs := h.segments(th)
	total := func() int {
		n := 1
		for _, s := range segs {
			n += line.Width(s.text) + 2
		}
		return n
	}
	if total() > width {
		for i := range segs {
			if segs[i].short != "" {
				segs[i].text = segs[i].short
			}
		}
	}
	squeeze := func(least int) { // the filter gives way, down to least cells
		over := total() - width
		for i, s := range segs {
			if over > 0 && strings.HasPrefix(s.text, "trace: ") {
				segs[i].text = line.Cut(s.text, min(max(least, line.Width(s.text)-over), line.Width(s.text)), th.Glyphs.Dots)
			}
		}
	}
	squeeze(readable)
	for total() > width {
		worst := -1
		for i, s := range segs {
			if s.drop > 0 && (worst < 0 || s.drop > segs[worst].drop) {
				worst = i
			}
		}
		if worst < 0 {
			break
		}
		segs = append(segs[:worst], segs[worst+1:]...)
	}
	squeeze(8)
	left, right := "", ""
	for _, s := range segs {
		t := s.style.Inherit(th.Bar).Render(s.text)
		if s.right {
			right += th.Bar.Render("  ") + t
		} else {
			left += th.Bar.Render(" ") + t + th.Bar.Render(" ")
		}
	}
	right += th.Bar.Render(" ")
	gap := width - line.Width(left) - line.Width(right)
	if gap < 0 { // what was lost stays to be seen
		return line.Fit(line.Fit(left, max(0, width-line.Width(right)), th.Glyphs.Dots)+right, width, "")
	}
	return left + th.Bar.Render(line.Space(gap)) + right
}

func (h *Header) segments(th *theme.Theme) []segment {
	segs := []segment{{text: "nfscope", style: th.Title, drop: 7}}
	if h.Replay {
		segs = append(segs, segment{text: "REPLAY", style: th.Warn.Bold(true)})
		if h.Place != "" {
			segs = append(segs, segment{text: track(th, h.Part) + " " + h.Place, short: h.Place, style: th.Warn, drop: 1})
		}
	}
	segs = append(segs, segment{text: line.Clean(h.Netns), style: th.Strong})
	if h.Source != "" {
		segs = append(segs, segment{text: line.Clean(h.Source), style: th.Dim, drop: 4})
	}
	names := map[model.Backend]string{model.BackendLegacy: "legacy", model.BackendIptablesNFT: "nft", model.BackendNFTables: "nftables"}
	for _, b := range h.Backends {
		segs = append(segs, segment{text: names[b], short: b.Mark(), style: th.Backend(b), drop: 3})
	}
	switch {
	case h.Stale:
		segs = append(segs, segment{text: h.Reading, style: th.Warn.Bold(true)})
	case h.Reading != "":
		segs = append(segs, segment{text: h.Reading, style: th.Moving, drop: 2})
	}
	if len(h.CountedBy) > 0 {
		segs = append(segs, segment{text: "counters: " + line.Clean(strings.Join(h.CountedBy, ", ")), short: "save -c", style: th.Warn})
	}
	dot := "·"
	if th.ASCII {
		dot = "-"
	}
	switch {
	case h.Armed:
		segs = append(segs,
			segment{text: "trace: " + line.Clean(h.Filter), style: th.Moving},
			segment{text: fmt.Sprintf("%s %s %s/s", units.Span(h.Left), dot, units.Rate(float64(h.Rate))), style: th.Moving})
		if h.Held > 0 {
			segs = append(segs, segment{text: "held back " + units.Count(h.Held, 5), style: th.Warn, drop: 2})
		}
	case h.Ended:
		segs = append(segs, segment{text: "ended", style: th.Warn})
	}
	if h.Paused {
		s := segment{text: "PAUSED", style: th.Warn.Bold(true), right: true}
		if h.Waiting > 0 {
			s.text = fmt.Sprintf("PAUSED, %s wait", units.Count(uint64(h.Waiting), 5))
		}
		segs = append(segs, s)
	}
	if h.Speed != 1 && h.Speed > 0 {
		segs = append(segs, segment{text: fmt.Sprintf("x%g", h.Speed), style: th.Dim, right: true, drop: 5})
	}
	lost := segment{text: "lost " + units.Count(h.Lost, 6), style: th.Dim, right: true}
	if h.Lost > 0 || h.Gaps > 0 {
		lost.style = th.Bad
	}
	if h.Gaps > 0 {
		lost.text += " +" + units.Plural(h.Gaps, 6, "gap")
	}
	segs = append(segs, lost, segment{text: units.Rate(h.Events) + " ev/s", style: th.Dim, right: true, drop: 4})
	if h.Recording {
		segs = append(segs, segment{text: "REC", style: th.Bad, right: true})
	}
	return append(segs, segment{text: "? help", style: th.Dim, right: true, drop: 6})
}

// trackWidth is the length of the line that a recording is.
const trackWidth = 12

// track draws how far a recording has come.
func track(th *theme.Theme, part float64) string {
	at := int(part * (trackWidth - 1))
	return strings.Repeat(th.Glyphs.H, at) + th.Glyphs.Packet + strings.Repeat(th.Glyphs.H, trackWidth-1-at)
}

// labels are the tabs' texts; where not all fit, only the active one has its name.
func labels(width int, names []string, active int) []string {
	out := make([]string, len(names))
	total := 1
	for i, n := range names {
		out[i] = fmt.Sprintf(" %d %s ", i+1, n)
		total += line.Width(out[i])
	}
	for i := range out {
		if total > width && i != active {
			out[i] = fmt.Sprintf(" %d ", i+1)
		}
	}
	return out
}

// Tabs draws the pages' names, the active one marked; right stands at the end.
func Tabs(th *theme.Theme, width int, names []string, active int, right string, rightStyle lipgloss.Style) string {
	out, used := " ", 1
	for i, l := range labels(width, names, active) {
		style := th.Tab
		if i == active {
			style = th.TabActive
		}
		out += style.Render(l)
		used += line.Width(l)
	}
	room := width - used - 2
	if right == "" || room < 6 {
		return line.Fit(out, width, th.Glyphs.Dots)
	}
	return line.Spread(out, rightStyle.Render(line.Cut(line.Clean(right), room, th.Glyphs.Dots))+" ", width, th.Glyphs.Dots)
}

// TabAt is the tab at column x, -1 where there is none.
func TabAt(width int, names []string, active, x int) int {
	at := 1
	for i, l := range labels(width, names, active) {
		if x >= at && x < at+line.Width(l) {
			return i
		}
		at += line.Width(l)
	}
	return -1
}

// Hints draws what can be done with which key, as far as there is room.
func Hints(th *theme.Theme, width int, page string, actions []keys.Action, right string, rightStyle lipgloss.Style) string {
	room := width - 1
	if right != "" {
		room -= line.Width(right) + 2
	}
	out, used := " ", 1
	first := keys.Keys(page, actions...)
	for i, a := range actions {
		k := first[i]
		if k == "" {
			continue
		}
		n := line.Width(k) + 1 + len(a) + 2
		if used+n > room {
			continue
		}
		out += th.Accent.Render(k) + " " + th.Dim.Render(string(a)) + "  "
		used += n
	}
	if right == "" {
		return line.Fit(out, width, th.Glyphs.Dots)
	}
	return line.Spread(out, rightStyle.Render(line.Cut(right, max(0, width-4), th.Glyphs.Dots))+" ", width, th.Glyphs.Dots)
}
