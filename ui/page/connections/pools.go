package connections

import (
	"fmt"
	"strings"
	"time"

	"nfscope/model"
	"nfscope/model/health"
	"nfscope/model/nat"
	"nfscope/ui/component/gauge"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/line"
	"nfscope/ui/component/list"
	"nfscope/ui/component/table"
	"nfscope/ui/component/units"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// pools is the view of NAT's ports, and of how conntrack itself is doing.
type pools struct {
	open, busy bool
	list       []nat.Pool
	at         time.Time // when they were counted
	took       time.Duration
	version    int
	growth     nat.Growth
	cursor     list.Cursor[string]
	of         *model.Ruleset
	height     int
}

// poolsEvery is how often the ports are counted while the view is open; of many connections
// they are counted more seldom, as long lists are made.
const poolsEvery = 2 * time.Second

// mostPools is how many are listed.
const mostPools = 200

type poolsCounted struct {
	list []nat.Pool
	at   time.Time
	took time.Duration
	of   *model.Ruleset
}

func (p *pools) work(f *page.Frame) func() any {
	if !p.open || p.busy || f.Snap.Rules == nil || p.of == f.Snap.Rules && f.Snap.Time.Sub(p.at) < max(poolsEvery, seldom*p.took) && !f.Snap.Time.Before(p.at) {
		return nil
	}
	p.busy = true
	snap := f.Snap
	return func() any {
		began := time.Now()
		s := nat.NewSources(snap.Names(snap.Rules), nat.Host{Local: snap.Local, Routes: snap.Routes})
		l := s.Pools(allFlows(snap), mostPools)
		return poolsCounted{l, snap.Time, time.Since(began), snap.Rules}
	}
}

func (p *pools) done(answer any) bool {
	a, ok := answer.(poolsCounted)
	if !ok {
		return false
	}
	p.busy = false
	if a.of != p.of { // other rules: nothing to compare with
		p.growth = nat.Growth{}
	}
	p.growth.Add(a.list, a.at)
	p.list, p.at, p.took, p.of = a.list, a.at, a.took, a.of
	p.version++
	p.cursor.Sync(p.version, len(p.list), p.key)
	return true
}

func (p *pools) key(i int) string {
	x := &p.list[i]
	return fmt.Sprint(x.Addr, x.Proto, x.To, x.ToPort, x.Ports)
}

func (p *pools) selected() *nat.Pool {
	if i := p.cursor.Index(); i < len(p.list) {
		return &p.list[i]
	}
	return nil
}

// filter is a filter for the connections that use a pool.
func (p *pools) filter() string {
	x := p.selected()
	if x == nil || !x.To.IsValid() {
		return ""
	}
	s := fmt.Sprintf("%s and src host %s and dst host %s", x.Proto, x.Addr, x.To)
	if x.Proto.Ports() {
		s += fmt.Sprintf(" and dst port %d", x.ToPort)
	}
	return s
}

func (p *pools) view(f *page.Frame, say ladder.Say) string {
	th, w := f.Theme, f.Width
	out := healthLines(th, say, f.Snap.Health, w, f.Height/2)
	out = append(out, "", th.Strong.Render(say.Of("NAT ports"))+"  "+th.Dim.Render(say.Of("an address has its range for each destination anew")))
	foot := p.foot(th, say, w)
	if len(foot) > f.Height/3 || w < 40 {
		foot = nil
	}
	p.height = max(1, f.Height-len(out)-1-len(foot))
	bar := 12
	if w < 100 { // growth and the time until it is full are worth more
		bar = 6
	}
	cols := []table.Column{{Title: "proto", Min: 5, Drop: 4}, {Title: "leaves as", Min: p.width("leaves as", func(x *nat.Pool) string { return x.Addr.String() })},
		{Title: "towards", Min: p.width("towards", (*nat.Pool).Destination)}, {Title: "use", Min: bar, Drop: 1}, {Title: "used", Min: 5, Right: true},
		{Title: "of", Min: 5, Right: true}, {Title: "ports", Min: 11, Drop: 5}, {Title: "growth", Min: 7, Right: true, Drop: 3}, {Title: "full in", Min: 9, Right: true, Drop: 2}}
	lay := table.Fit(cols, w)
	out = append(out, lay.Head(th))
	from, to := p.cursor.Window(p.height)
	for i := from; i < to; i++ {
		out = append(out, lay.Row(th, p.row(th, &p.list[i], bar, i == p.cursor.Index())))
	}
	switch {
	case len(p.list) > 0:
	case p.at.IsZero():
		out = append(out, "", th.Dim.Render("  "+say.Of("counting ports")+th.Glyphs.Dots))
	default:
		out = append(out, "", th.Dim.Render("  "+say.Of("no rule names an address for sources, and no connection's source is translated")))
	}
	out = line.Block(out, w, max(0, f.Height-len(foot)), th.Glyphs.Dots)
	return strings.Join(line.Block(append(out, foot...), w, f.Height, th.Glyphs.Dots), "\n")
}

func (p *pools) width(title string, of func(*nat.Pool) string) int {
	n := len(title)
	for i := range p.list {
		n = max(n, len(of(&p.list[i])))
	}
	return min(n, 45)
}

func (p *pools) row(th *theme.Theme, x *nat.Pool, bar int, selected bool) table.Row {
	proto := x.Proto.String()
	if x.Proto == 0 {
		proto = "any"
	}
	growth, full := "", ""
	if x.Growth > 0.05 || x.Growth < -0.05 {
		growth = fmt.Sprintf("%+.1f/s", x.Growth)
	}
	switch {
	case x.Share() >= 1:
		full = "full"
	case x.Full > 0:
		full = units.Span(x.Full)
	}
	style := th.Text
	switch {
	case x.Share() >= nat.PoolFull:
		style = th.Bad
	case x.Share() >= nat.PoolFilling:
		style = th.Warn
	}
	r := table.Row{}
	if selected {
		r.Over = th.Selected
	}
	r.Cells = []table.Cell{{Text: proto, Style: th.Text}, {Text: x.Addr.String(), Style: th.Text}, {Text: x.Destination(), Style: th.Text},
		{Text: gauge.Text(th, x.Share(), bar), Style: style}, {Text: fmt.Sprint(x.Used), Style: style}, {Text: fmt.Sprint(x.Ports.Size()), Style: th.Text},
		{Text: x.Ports.String(), Style: th.Text}, {Text: growth, Style: th.Text}, {Text: full, Style: style}}
	return r
}

// foot says of the chosen pool where its range comes from.
func (p *pools) foot(th *theme.Theme, say ladder.Say, width int) []string {
	x := p.selected()
	if x == nil {
		return nil
	}
	var text []string
	if x.Given {
		text = append(text, "the range is the rule's")
	} else if x.Proto.ICMP() {
		text = append(text, "identifiers of echo requests")
	} else {
		text = append(text, "no rule names a range: the kernel stays with the client's own port in one of 1-511, 600-1023 and 1024-65535; ip_local_port_range has no part in it")
	}
	if x.Ports.Size() > 128 && x.Share() >= nat.PoolFilling {
		text = append(text, "of a large range the kernel tries 240 ports and then drops the packet: new connections fail before the last port is taken")
	}
	if x.Closing > 0 {
		text = append(text, fmt.Sprintf("%d of them are closing, and newer kernels take those back", x.Closing))
	}
	out := []string{th.Border.Render(strings.Repeat(th.Glyphs.H, width))}
	for i := range text {
		text[i] = say.Of(text[i])
	}
	for _, s := range line.Wrap(strings.Join(text, say.Of("; ")), width) {
		out = append(out, th.Dim.Render(s))
	}
	for i, r := range x.Rules {
		if i == 2 {
			out = append(out, th.Dim.Render(say.Of(fmt.Sprintf("and %d rules more", len(x.Rules)-2))))
			break
		}
		out = append(out, th.Text.Render(line.Cut(line.Clean(say.Of(fmt.Sprintf("rule %d of %s %s", r.Rule.Index, r.Table.Name, r.Chain.Name))+say.Of(": ")+r.Rule.Text), width, th.Glyphs.Dots)))
	}
	return out
}

// healthLines say how conntrack is doing, in at most so many lines.
func healthLines(th *theme.Theme, say ladder.Say, v *health.View, width, most int) []string {
	if v == nil {
		return []string{th.Strong.Render("conntrack") + "  " + th.Dim.Render(say.Of("its statistics are not known here"))}
	}
	out := []string{th.Strong.Render("conntrack") + "  " + healthGauge(th, say, v) + th.Dim.Render("  "+say.Of(buckets(v)))}
	var rates []string
	for _, k := range []health.Kind{health.InsertFailed, health.Drop, health.EarlyDrop, health.SearchRestart, health.ClashResolve, health.ChainTooLong, health.Invalid, health.Error} {
		if v.Knows(k) {
			rates = append(rates, k.String()+" "+units.Rate(v.Rates[k])+" ("+units.Count(v.Ever[k], 6)+")")
		}
	}
	for _, l := range line.Wrap(say.Of("a second, and ever: "+strings.Join(rates, ", ")), width) {
		out = append(out, th.Dim.Render(l))
	}
	for _, w := range v.Warnings() {
		style := th.Warn
		if w.Bad {
			style = th.Bad
		}
		for _, l := range line.Wrap("! "+say.Of(w.Words), width) {
			out = append(out, style.Render(l))
		}
		if w.Do != "" {
			for _, l := range line.Wrap("  "+say.Of(w.Do), width) {
				out = append(out, th.Dim.Render(l))
			}
		}
	}
	if most = max(most, 2); len(out) > most {
		out = append(out[:most-1], th.Dim.Render(th.Glyphs.Dots))
	}
	return out
}

func buckets(v *health.View) string {
	if v.Buckets <= 0 {
		return ""
	}
	return units.Count(uint64(v.Buckets), 7) + " buckets"
}

// healthGauge is the table's gauge with its numbers.
func healthGauge(th *theme.Theme, say ladder.Say, v *health.View) string {
	if v.Count < 0 {
		return th.Dim.Render(say.Of("the number of entries is not known"))
	}
	n := units.Count(uint64(v.Count), 7)
	if v.Max <= 0 {
		return th.Dim.Render(say.Of(n + " entries, no maximum known"))
	}
	style := th.Dim
	switch {
	case v.Full() >= health.Full:
		style = th.Bad
	case v.Full() >= health.Filling:
		style = th.Warn
	}
	return gauge.View(th, v.Full(), 12, health.Filling, health.Full) + " " + style.Render(say.Of(fmt.Sprintf("%s of %s entries, %.0f %%", n, units.Count(uint64(v.Max), 7), 100*v.Full())))
}

// alarm is the worst that is wrong with conntrack now, "" where nothing is.
func alarm(v *health.View) (text string, bad bool) {
	if v == nil {
		return "", false
	}
	for _, w := range v.Warnings() {
		if w.Bad {
			return w.Words, true
		}
		if text == "" && v.Full() >= health.Filling {
			text = w.Words
		}
	}
	return text, false
}
