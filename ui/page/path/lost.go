package path

import (
	"nfscope/model/drop"
	"nfscope/model/snapshot"
	"nfscope/ui/component/canvas"
	"nfscope/ui/component/units"
)

// losses count what the kernel threw away outside of netfilter, by where the map has
// room for it. What happens on every healthy host is not among them.
type losses struct {
	// in is before prerouting, routing at the routing decision and while it is sent on,
	// local at this host's sockets, out at the interface it should leave by.
	in, routing, local, out uint64
	// of is the snapshot they were counted in.
	of   *snapshot.Snapshot
	made bool
}

// lose counts anew where the snapshot is another one.
func (pg *Page) lose(s *snapshot.Snapshot) {
	if pg.lost.made && pg.lost.of == s {
		return
	}
	if pg.words == nil {
		pg.words = drop.Meanings()
	}
	pg.lost = losses{of: s, made: true}
	for _, r := range s.Drops.Rows {
		if r.Key.Source != drop.StepBPF || r.Last.Netfilter() {
			continue // of a counter nobody knows where, of perf nobody knows whose
		}
		to := pg.lost.at(r.Last.Station)
		if to == nil || pg.words.Explain(r.Last).Grade == drop.Usual {
			continue
		}
		*to += r.Count
	}
}

// at is the number of a station, nil where the map has none.
func (l *losses) at(s drop.Station) *uint64 {
	switch s {
	case drop.StationDeviceIn, drop.StationBridge:
		return &l.in
	case drop.StationRouting, drop.StationForward:
		return &l.routing
	case drop.StationSocket, drop.StationRouteOut:
		return &l.local
	case drop.StationDeviceOut:
		return &l.out
	}
	return nil
}

// lossText is the sign of death with a number, "" for none.
func (v *view) lossText(n uint64) string {
	if n == 0 {
		return ""
	}
	return v.p.Glyphs.Dead + units.Count(n, 4)
}

// lossBefore draws a mark that ends one cell before x, and gives where it begins: x
// where there is none, or no room from least on.
func (v *view) lossBefore(x, y, least int, n uint64) int {
	s := v.lossText(n)
	begin := x - canvas.Width(s) - 1
	if s == "" || begin < least {
		return x
	}
	v.c.Put(begin, y, s, v.p.Bad)
	return begin
}
