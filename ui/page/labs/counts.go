package labs

import (
	"fmt"

	"nfscope/model"
	"nfscope/ui/component/gauge"
	"nfscope/ui/component/line"
	"nfscope/ui/page"
)

// counts are what else the lab is about: queues of NFQUEUE, pools of ports, counters of the
// kernel. What the step under way has changed is told when it was shown.
func (p *Page) counts(f *page.Frame, w int) []string {
	th, l := f.Theme, p.counted
	var out []string
	if len(l.Queues) > 0 {
		out = queues(th, p.speech(f), f.Snap.Rules, l.Queues, w)
	}
	if len(l.Pools) > 0 {
		var replies []model.Tuple
		for _, fl := range p.flows(f) {
			replies = append(replies, fl.Reply.Tuple)
		}
		for _, pool := range l.Pools {
			used, of := pool.Used(replies)
			if of == 0 {
				continue
			}
			bar := gauge.View(th, float64(used)/float64(of), 16, 0.8, 1)
			out = append(out, line.Cut(fmt.Sprintf(" %s %s  %s  %d / %d", th.Title.Render("pool"), line.Clean(pool.Address+":"+pool.Ports), bar, used, of), w, th.Glyphs.Dots))
		}
	}
	for _, c := range l.Counts {
		style := th.Dim
		if c.Rose > 0 {
			style = th.Warn
		}
		out = append(out, style.Render(line.Cut(fmt.Sprintf(" %s: %s +%d", line.Clean(c.Host), line.Clean(c.Name), c.Rose), w, th.Glyphs.Dots)))
	}
	return out
}
