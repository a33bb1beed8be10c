package connections

import (
	"errors"
	"strings"
	"testing"

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
