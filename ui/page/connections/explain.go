package connections

import (
	"fmt"
	"strings"

	"nfscope/model/flow"
	"nfscope/ui/component/inspector"
	"nfscope/ui/component/units"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// explain is the selected flow in words. What explains is in the user's language; what conntrack
// keeps of it has the kernel's words.
func (p *Page) explain(th *theme.Theme, f *page.Frame, fl *flow.Flow) []inspector.Item {
	say := p.say(f)
	k, ok := p.nature.known[fl.Key()]
	if ok {
		fl = k.judged(fl)
	}
	head := fl.Orig.Tuple.Proto.String() + " " + fl.Word()
	if c := fl.NAT.String(); c != "" {
		head += ", " + c
	}
	if !fl.Gone.IsZero() {
		head += fmt.Sprintf(", gone for %s", units.Span(f.Now.Sub(fl.Gone)))
	}
	items := []inspector.Item{{Value: say.Of(head), Style: th.Title}}
	if ok && k.stale.Kind != "" && fl.Gone.IsZero() {
		items = append(items, inspector.Item{Value: say.Of("stale: " + k.stale.Words), Style: th.Warn})
	}
	for _, s := range fl.Explain() {
		items = append(items, inspector.Item{Value: say.Of(s), Style: th.Text})
	}
	add := func(name, value string) {
		if value != "" {
			items = append(items, inspector.Item{Name: name, Value: value, Style: th.Text})
		}
	}
	if ok {
		for _, l := range k.lines(fl) {
			add(say.Of(l[0]), say.Of(l[1]))
		}
		if k.packets > 0 {
			add("packets", say.Of(units.Plural(uint64(k.packets), 6, "packet")+" of it traced (p shows them)"))
		}
	}
	add("original", fl.Orig.Tuple.String()+count(fl.Orig))
	add("reply", fl.Reply.Tuple.String()+count(fl.Reply))
	add("status", strings.ToLower(strings.Join(fl.Status.List(), " ")))
	more := fmt.Sprintf("id %d", fl.ID)
	if fl.Mark != 0 {
		more += fmt.Sprintf(", mark %#x", fl.Mark)
	}
	if fl.Zone != 0 {
		more += fmt.Sprintf(", zone %d", fl.Zone)
	}
	if fl.Helper != "" {
		more += ", helper " + fl.Helper
	}
	if !fl.Start.IsZero() {
		more += ", began " + fl.Start.Format("15:04:05")
		if fl.Gone.IsZero() {
			more += ", " + units.Span(f.Now.Sub(fl.Start)) + " ago"
		}
	}
	if !fl.Stop.IsZero() {
		more += ", ended " + fl.Stop.Format("15:04:05")
	}
	add("entry", more)
	for _, x := range rare(f, fl) {
		add(x[0], say.Of(x[1]))
	}
	if !f.Snap.Flows.Accounting {
		add("counters", say.Of("n/a: sysctl -w net.netfilter.nf_conntrack_acct=1 switches them on for new connections"))
	}
	return items
}

func count(s flow.Side) string {
	if !s.Count.Valid {
		return ""
	}
	return fmt.Sprintf(", %s, %s", units.Plural(s.Count.Packets, 9, "packet"), units.Bytes(s.Count.Bytes))
}

// total is the bytes of both directions.
func total(f *flow.Flow) uint64 { return f.Orig.Count.Bytes + f.Reply.Count.Bytes }
