package network

import (
	"flag"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"nfscope/model/snapshot"
	"nfscope/ui/component/canvas"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

var _ = flag.Bool("update", false, "write the golden files anew")

func draw(m *Map, o theme.Options, l Look) string {
	c := canvas.New(m.W, m.H)
	m.Draw(c, 0, 0, l, canvas.NewPalette(theme.New(o)))
	return c.String()
}

func lab() (*snapshot.LabNet, []string) {
	l := uitest.Lab("en", 0).Lab
	var from []string
	for _, s := range l.Steps {
		from = append(from, s.From)
	}
	return &l.Net, from
}

func TestGolden(t *testing.T) {
	n, from := lab()
	for name, o := range map[string]theme.Options{"plain": {}, "ascii": {ASCII: true}} {
		uitest.Golden(t, "network-"+name, draw(New(n, from, nil, 120, 30), o, Look{Lit: "web", Cable: [2]string{"pc", "gateway"}}))
	}
}

// Who sends stands on the left of the watched host, who answers on its right, and no box
// stands on another.
func TestPlaces(t *testing.T) {
	n, from := lab()
	for _, size := range [][2]int{{30, 8}, {78, 12}, {120, 30}} {
		m := New(n, from, nil, size[0], size[1])
		x := func(h string) int { return m.At(h).X }
		if x("client") >= x("gateway") || x("pc") != x("client") || x("gateway") >= x("switch") || x("switch") >= x("web") {
			t.Errorf("%v:\n%s", size, draw(m, theme.Options{}, Look{}))
		}
		for i, a := range m.boxes {
			for _, b := range m.boxes[:i] {
				if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h {
					t.Errorf("%v: %s stands on %s:\n%s", size, a.name, b.name, draw(m, theme.Options{}, Look{}))
				}
			}
		}
	}
	if m := New(n, from, nil, 78, 12); m.W > 78 || m.H > 12 {
		t.Errorf("%dx%d does not fit", m.W, m.H)
	}
}

// A packet's way goes along the cables: from cell to cell, never through the air.
func TestWay(t *testing.T) {
	n, from := lab()
	m := New(n, from, nil, 120, 30)
	if got := m.Way("pc", "web"); !slices.Equal(got, []string{"pc", "gateway", "switch", "web"}) {
		t.Fatalf("way %q", got)
	}
	if m.Way("pc", "nowhere") != nil || !slices.Equal(m.Way("pc", "pc"), []string{"pc"}) {
		t.Error("ways that are none")
	}
	for _, pair := range [][2]string{{"pc", "web"}, {"web", "client"}} {
		stops := m.Stops(m.Way(pair[0], pair[1]))
		if stops[0].Host != pair[0] || stops[len(stops)-1].Host != pair[1] {
			t.Errorf("%v: from %q to %q", pair, stops[0].Host, stops[len(stops)-1].Host)
		}
		for i := 1; i < len(stops); i++ {
			a, b := stops[i-1], stops[i]
			if dx, dy := a.X-b.X, a.Y-b.Y; a.Host == "" && b.Host == "" && dx*dx+dy*dy > 1 {
				t.Errorf("%v: from %v to %v", pair, a, b)
			}
		}
	}
}

// Hosts without cables, cables to nowhere, circles and names of any length are drawn
// somehow.
func TestOddNets(t *testing.T) {
	end := func(h string) snapshot.LabEnd { return snapshot.LabEnd{Host: h, Dev: "eth0"} }
	link := func(a, b string) snapshot.LabLink { return snapshot.LabLink{Ends: [2]snapshot.LabEnd{end(a), end(b)}} }
	host := func(names ...string) (l []snapshot.LabHost) {
		for _, n := range names {
			l = append(l, snapshot.LabHost{Name: n})
		}
		return l
	}
	for name, n := range map[string]*snapshot.LabNet{
		"empty":   {},
		"alone":   {Observed: "a", Hosts: host("a")},
		"nowhere": {Observed: "x", Hosts: host("a", "b"), Links: []snapshot.LabLink{link("a", "c"), link("b", "b")}},
		"apart":   {Observed: "a", Hosts: host("a", "b", "c"), Links: []snapshot.LabLink{link("b", "c")}},
		"circle":  {Observed: "a", Hosts: host("a", "b", "c", "d"), Links: []snapshot.LabLink{link("a", "b"), link("b", "c"), link("c", "d"), link("d", "a"), link("a", "c")}},
		"long":    {Observed: "a", Hosts: host("a", strings.Repeat("long", 30)), Links: []snapshot.LabLink{link("a", strings.Repeat("long", 30))}},
	} {
		m := New(n, []string{"b"}, nil, 60, 10)
		if got := ansi.Strip(draw(m, theme.Options{}, Look{Lit: "b"})); name != "empty" && !strings.Contains(got, " a ") {
			t.Errorf("%s:\n%s", name, got)
		}
		m.Stops(m.Way("a", "c"))
	}
}

// What only makes the drawing larger takes no more than three quarters of the height: the
// packet's way stands below.
func TestLeavesRoom(t *testing.T) {
	n, from := lab()
	for height := 8; height < 40; height++ {
		if m := New(n, from, nil, 120, height); m.H > height*3/4 && m.root.air > 0 || m.H > 9 && m.H > height*3/4 {
			t.Errorf("of %d rows it takes %d:\n%s", height, m.H, draw(m, theme.Options{}, Look{}))
		}
	}
}
