package flow

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// TopSchema names the JSON form of a Group.
const TopSchema = "nfscope/top/1"

// Top gives the n groups with the most: by rate where rates are known, then by bytes, then by flows.
// Flows that are not translated are no address's. of is how many groups there would be. It puts groups
// in another order.
func Top(groups []*Group, n int) (top []*Group, of int) {
	groups = slices.DeleteFunc(groups, func(g *Group) bool { return g.Key.Rest() })
	slices.SortFunc(groups, func(a, b *Group) int {
		return cmp.Or(cmp.Compare(b.Rate, a.Rate), cmp.Compare(b.Bytes(), a.Bytes()), cmp.Compare(b.Flows, a.Flows), a.Compare(b))
	})
	return groups[:min(n, len(groups))], len(groups)
}

// JSON gives the group as nfscope/top/1. Counters are absent where none of its flows is counted, the rate
// where none is known.
func (g *Group) JSON(at time.Time, rank int) ([]byte, error) {
	j := struct {
		Schema    string    `json:"schema"`
		Time      time.Time `json:"time"`
		By        string    `json:"by"`
		Rank      int       `json:"rank"`
		Name      string    `json:"name"`
		Flows     int       `json:"flows"`
		Unreplied int       `json:"unreplied"`
		Packets   *uint64   `json:"packets,omitempty"`
		Bytes     *uint64   `json:"bytes,omitempty"`
		Rate      *float64  `json:"bytes_per_second,omitempty"`
	}{Schema: TopSchema, Time: at, By: g.Key.Kind.Word(), Rank: rank, Name: g.Key.String(), Flows: g.Flows, Unreplied: g.Unreplied}
	if g.Counted > 0 {
		packets, bytes := g.Packets(), g.Bytes()
		j.Packets, j.Bytes = &packets, &bytes
	}
	if g.Rated > 0 {
		j.Rate = &g.Rate
	}
	return json.Marshal(j)
}
