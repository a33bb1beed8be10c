package connections

import (
	"strings"
	"testing"

	"nfscope/model/flow"
	"nfscope/model/health"
	"nfscope/ui/theme"
)

// TestTimeouts: an offloaded connection has no timeout, one that is gone has none either, and is
// not called stale by rules that came after it.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	p, f, fl := translated(t, "") // without its rule it is stale
	for _, c := range []struct {
		name   string
		change func(*flow.Flow)
		want   []string
	}{
		{"alive", func(*flow.Flow) {}, []string{"stale! snat", "0 s"}},
		{"offloaded", func(x *flow.Flow) { x.Status |= flow.Offload }, []string{"stale! snat", "-"}},
		{"in hardware", func(x *flow.Flow) { x.Status |= flow.HWOffload }, []string{"stale! snat", "-"}},
		{"over", func(x *flow.Flow) { x.Gone = f.Now }, []string{"gone", "snat", ""}},
	} {
		x := *fl
		c.change(&x)
		s := *f.Snap
		s.Version++
		s.Flows.Table = flow.TableOf(&x)
		f.Snap = &s
		text(p, f)
		work(p, f)
		var cells []string
		for _, cell := range p.draw(f, &x, true, false).Cells {
			cells = append(cells, cell.Text)
		}
		if got := strings.Join(cells[2:], "|"); !strings.Contains(got, strings.Join(c.want, "|")+"|") {
			t.Errorf("%s: %s, expected %s", c.name, got, c.want)
		}
	}
}

// TestTitle: how many are listed of how many, how full the table is, and which order it is.
func TestTitle(t *testing.T) {
	f := frame(theme.Options{Color: true, Dark: true}, 160, 40)
	s := *f.Snap
	s.Health = nil
	f.Snap = &s
	p := New()
	for _, c := range []struct {
		filter     string
		count, max int
		want       string
		bad        bool
	}{
		{"", 12, 0, "12 connections  by age", false},
		{"", 12, 100, "12 connections  by age  table 12 of 100", false},
		{"", 89, 100, "table 89 of 100", false},
		{"", 90, 100, "table 90 of 100", true},
		{"hairpin", 12, 0, "1 of 12 connections", false},
	} {
		f.Filter, s.Flows.Count, s.Flows.Max = c.filter, c.count, c.max
		p.sync(f)
		got, title := text(p, f), p.title(f, 150)
		if !strings.Contains(got, c.want) {
			t.Errorf("%q is not there:\n%s", c.want, strings.SplitN(got, "\n", 2)[0])
		}
		use := "table 89 of 100"
		if c.bad {
			use = "table 90 of 100"
		}
		if strings.Contains(title, f.Theme.Bad.Render(use)) != c.bad {
			t.Errorf("%d of %d, bad is %v: %q", c.count, c.max, c.bad, title)
		}
	}
	s.Flows.Table = flow.TableOf(s.Flows.Table.List()[0])
	s.Version++
	f.Filter, s.Flows.Max = "", 0
	if got := text(p, f); !strings.Contains(got, "1 connection  by age") {
		t.Errorf("of one:\n%s", got)
	}
}

// TestAlarms: how far the look for stale ones is, as long as it is under way; a small screen has the
// worst line alone.
func TestAlarms(t *testing.T) {
	f := frame(theme.Options{}, 160, 40)
	s := *f.Snap
	s.Health = &health.View{Reading: health.Reading{Count: 97, Max: 100}}
	f.Snap = &s
	p := New()
	p.sync(f)
	n := &p.nature
	n.stale, n.looked, n.total, n.pass = 2, 5, 12, 1
	const stale = "! 2 connections stale: today's rules would drop or translate it otherwise"
	if got := text(p, f); !strings.Contains(got, stale+" (5 of 12 looked at)") || !strings.Contains(got, "the connection table is 97 % full") {
		t.Errorf("under way:\n%s", got)
	}
	n.pass = -1
	if got := text(p, f); !strings.Contains(got, stale) || strings.Contains(got, "looked at") {
		t.Errorf("done:\n%s", got)
	}
	for height, both := range map[int]bool{12: true, 11: false} {
		f.Height = height
		if got := text(p, f); !strings.Contains(got, "97 % full") || strings.Contains(got, stale) != both {
			t.Errorf("%d lines:\n%s", height, got)
		}
	}
}
