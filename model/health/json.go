package health

import (
	"encoding/json"

	"nfscope/model"
)

// Schema names the JSON form of a View.
const Schema = "nfscope/conntrack-stats/1"

type viewJSON struct {
	Schema   string             `json:"schema"`
	Time     model.Moment       `json:"time"`
	Count    *int               `json:"count,omitempty"`
	Max      *int               `json:"max,omitempty"`
	Buckets  *int               `json:"buckets,omitempty"`
	Expected *int               `json:"expectations,omitempty"`
	MaxExp   *int               `json:"expectations_max,omitempty"`
	Interval int64              `json:"interval_ns"`
	Rates    map[string]float64 `json:"rates,omitempty"`
	Total    map[string]uint64  `json:"total,omitempty"`
	CPUs     []map[string]any   `json:"cpus"`
	Warnings []warningJSON      `json:"warnings"`
}

type warningJSON struct {
	Bad   bool   `json:"bad"`
	Words string `json:"words"`
	Do    string `json:"do,omitempty"`
}

// MarshalJSON writes the View as nfscope/conntrack-stats/1: rates a second, total since
// the first reading and each CPU's own counters. What the kernel does not tell is absent.
func (v *View) MarshalJSON() ([]byte, error) {
	known := func(n int) *int {
		if n < 0 {
			return nil
		}
		return &n
	}
	j := viewJSON{Schema: Schema, Time: model.Moment{Time: v.Time}, Count: known(v.Count), Max: known(v.Max), Buckets: known(v.Buckets),
		Expected: known(v.Expected), MaxExp: known(v.MaxExpected), Interval: int64(v.Interval), CPUs: []map[string]any{}, Warnings: []warningJSON{}}
	if v.Interval > 0 {
		j.Rates, j.Total = map[string]float64{}, map[string]uint64{}
		for k := range Kinds {
			if v.Knows(k) {
				j.Rates[k.String()], j.Total[k.String()] = v.Rates[k], v.Total[k]
			}
		}
	}
	for i := range v.CPUs {
		c := &v.CPUs[i]
		m := map[string]any{"cpu": c.ID}
		for k := range Kinds {
			if c.Has&(1<<k) != 0 {
				m[k.String()] = c.Counts[k]
			}
		}
		j.CPUs = append(j.CPUs, m)
	}
	for _, w := range v.Warnings() {
		j.Warnings = append(j.Warnings, warningJSON(w))
	}
	return json.Marshal(j)
}
