package connections

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

type fakeFiles struct {
	name string
	list []*flow.Flow
	err  error
}

func (e *fakeFiles) ExportFlows(name string, list []*flow.Flow) (string, error) {
	e.name, e.list = name, list
	return "wrote it", e.err
}

// TestActions: the chosen connection is traced, looked for the likes of, asked about, copied
// and written; and all that are listed.
func TestActions(t *testing.T) {
	f, to := frame(theme.Options{}, 160, 40), &fakeFiles{}
	p := NewLive(to)
	f.Filter = "10.2.0.2:8443"
	p.sync(f)
	fl := p.Selected()
	o := fl.Orig.Tuple
	likes := o.Proto.String() + " and src host " + o.Src.String() + " and dst host " + o.Dst.String() + " and dst port 443"
	for a, want := range map[keys.Action]any{
		keys.TraceThis: page.TraceRequest{Filter: filter.ForFlow(fl)},
		keys.Likes:     page.FilterRequest{Page: p.Name(), Filter: likes},
		keys.Why:       page.WhyRequest{Filter: likes},
		keys.Copy:      page.CopyRequest{Text: o.Proto.String() + " " + fl.Line()},
	} {
		if got := p.Do(a, f)(); got != want {
			t.Errorf("%s: %+v, expected %+v", a, got, want)
		}
	}
	if r, _ := p.Do(keys.Export, f)().(page.TypeRequest); !strings.HasPrefix(r.Text, "nfscope-connection-") {
		t.Errorf("%+v", r)
	}
	if s, _ := p.Take(" a.json ", f)().(page.Say); s.Text != "wrote it" || s.Bad || to.name != "a.json" || len(to.list) != 1 || to.list[0].Key() != fl.Key() {
		t.Errorf("%+v %+v", s, to)
	}
	p.Do(keys.ExportAll, f)
	to.err = errors.New("there already")
	if s, _ := p.Take("b.txt", f)().(page.Say); s.Text != "there already" || !s.Bad || len(to.list) != 4 {
		t.Errorf("%+v %d connections", s, len(to.list))
	}
	p.Do(keys.Group, f)
	if got := p.Do(keys.Copy, f)(); got != (page.CopyRequest{Text: p.order.groups[p.groups.Index()].Key.String()}) {
		t.Errorf("a group is copied as %v", got)
	}
	if s, _ := New().Do(keys.Export, f)().(page.Say); !s.Bad {
		t.Error("nobody writes files, and a name is asked for")
	}
}

// TestMoreActions: d asks for the connection's end, and nothing is done to it here; a file's name
// that is empty, or asked for by nobody, writes nothing, and neither does an empty list.
func TestMoreActions(t *testing.T) {
	f, to := frame(theme.Options{}, 160, 40), &fakeFiles{}
	p := NewLive(to)
	p.sync(f)
	fl := p.Selected()
	if got := p.Do(keys.Delete, f)(); got != (page.DeleteRequest{Flow: fl}) {
		t.Errorf("d: %+v", got)
	}
	if r, _ := p.Do(keys.Export, f)().(page.TypeRequest); r.Text != fmt.Sprintf("nfscope-connection-%d.txt", fl.ID) {
		t.Errorf("its file is %q", r.Text)
	}
	if p.Take(" ", f) != nil || p.Take("a.txt", f) != nil {
		t.Error("a file is written without a name, or without a question")
	}
	p.Do(keys.ExportAll, f)
	p.Take("a.txt", f)
	if p.Take("b.txt", f) != nil {
		t.Error("a second file is written")
	}
	p.Do(keys.ExportAll, f)
	p.order.made.table.Apply(flow.Event{Type: flow.EventDumpBegin})
	p.order.made.table.Apply(flow.Event{Type: flow.EventDumpEnd, Time: f.Now})
	p.order.made.table.Expire(f.Now.Add(time.Hour))
	if s, _ := p.Take("c.txt", f)().(page.Say); s.Text != "there is no connection to write" || to.name == "c.txt" {
		t.Errorf("all left, and %q, %+v", s.Text, to)
	}
}

// TestClick: a click chooses the line under it, of the list and of groups; not a head, not what is
// below the list, and nothing behind the pools.
func TestClick(t *testing.T) {
	f := frame(theme.Options{}, 160, 40)
	f.Zoomed = true
	p := New()
	for _, groups := range []bool{false, true} {
		at := p.cursor.Index
		if groups {
			p.Do(keys.Group, f)
			at = p.groups.Index
		}
		lines := strings.Split(text(p, f), "\n")
		name := func(y int) string { return strings.Fields(lines[y])[1] }
		if !strings.Contains(lines[1], "rate") || strings.Contains(lines[2], "rate") {
			t.Fatalf("the heads are not where they were:\n%s\n%s", lines[1], lines[2])
		}
		for _, y := range []int{5, 3, 1, 0, len(lines) - 1} {
			before := at()
			p.Click(4, y, f)
			if want := map[bool]int{true: y - 2, false: before}[y >= 2 && y < 7]; at() != want {
				t.Errorf("a click on line %d, %s: row %d is chosen, expected %d", y, name(min(y, 3)), at(), want)
			}
		}
		p.Do(keys.Pools, f)
		p.View(f)
		before := at()
		p.Click(4, 3, f)
		p.Click(4, 4, f)
		if p.Do(keys.Pools, f); at() != before || p.pools.open {
			t.Errorf("a click on the pools chooses %d, or P does not close them", at())
		}
	}
}

// TestOut: esc and the left arrow lead out of the inspector, then of the group; out of the groups
// esc alone.
func TestOut(t *testing.T) {
	f := frame(theme.Options{}, 80, 40)
	p := New()
	p.Do(keys.Group, f)
	for _, leave := range []keys.Action{keys.Back, keys.Left} {
		p.Do(keys.Enter, f)
		p.Do(keys.Enter, f)
		if got := text(p, f); !p.detail || strings.Contains(got, "client to service") {
			t.Fatalf("enter does not lead to the inspector:\n%s", got)
		}
		if p.Do(leave, f); p.detail || p.order.made.groups() {
			t.Errorf("%s leads out of more than the inspector", leave)
		}
		if p.Do(leave, f); !p.order.made.groups() || !p.order.made.down {
			t.Errorf("%s leads to %s", leave, p.order.made.words())
		}
	}
	if p.Do(keys.Left, f); !p.order.made.groups() {
		t.Error("the left arrow leads out of the groups")
	}
	if p.Do(keys.Back, f); p.order.made.kind != flow.NoGroups || p.order.made.down {
		t.Errorf("esc leads to %s", p.order.made.words())
	}
	p.Do(keys.Enter, f)
	if p.Do(keys.Group, f); p.detail {
		t.Error("groups stand behind the inspector")
	}
}
