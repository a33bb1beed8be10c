package flow

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"nfscope/model"
)

// TopSchema names the JSON form of a Group.
const TopSchema = "nfscope/top/1"

// Top gives the n groups with the most: by rate where rates are known, then by bytes, then by flows.
// Flows that are not translated are no address's. of is how many groups there are.
func (t *Table) Top(by Kind, want func() func(*Look) bool, n int) (top []*Group, of int) {
	g := t.GroupsOf(Totals{By: by, Want: want, Order: func(a, b *Group) int {
		return cmp.Or(cmp.Compare(rest(a), rest(b)), cmp.Compare(b.Rate, a.Rate), cmp.Compare(b.Bytes(), a.Bytes()), cmp.Compare(b.Flows, a.Flows), a.Compare(b))
	}})
	top = slices.DeleteFunc(g.List, func(x *Group) bool { return x.Key.Rest() })
	return top[:min(n, len(top))], len(top) + g.More
}

// rest is 0 for the group of what is not translated, which is always kept, 1 for others.
func rest(g *Group) int {
	if g.Key.Rest() {
		return 0
	}
	return 1
}

// JSON gives the group as nfscope/top/1. Counters are absent where none of its flows is counted, the rate
// where none is known.
func (g *Group) JSON(at time.Time, rank int) ([]byte, error) {
	j := struct {
		Schema    string       `json:"schema"`
		Time      model.Moment `json:"time"`
		By        string       `json:"by"`
		Rank      int          `json:"rank"`
		Name      string       `json:"name"`
		Flows     int          `json:"flows"`
		Unreplied int          `json:"unreplied"`
		Packets   *uint64      `json:"packets,omitempty"`
		Bytes     *uint64      `json:"bytes,omitempty"`
		Uncounted int          `json:"uncounted,omitempty"`
		Rate      *float64     `json:"bytes_per_second,omitempty"`
	}{Schema: TopSchema, Time: model.Moment{Time: at}, By: g.Key.Kind.Word(), Rank: rank, Name: g.Key.String(), Flows: g.Flows, Unreplied: g.Unreplied, Uncounted: g.Uncounted()}
	if g.Counted > 0 {
		packets, bytes := g.Packets(), g.Bytes()
		j.Packets, j.Bytes = &packets, &bytes
	}
	if g.Rated > 0 {
		j.Rate = &g.Rate
	}
	return json.Marshal(j)
}
