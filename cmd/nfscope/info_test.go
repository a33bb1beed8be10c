package main

import (
	"encoding/json"
	"net/netip"
	"testing"

	"nfscope/model"
	"nfscope/model/feed"
)

// TestNamespaceJSON: routes that were not read, that are none, and that may not be the ones that
// count are three things.
func TestNamespaceJSON(t *testing.T) {
	t.Parallel()
	const begin, end = `{"name":"h","source":"live","kernel":"6.18","local":[]`, `,"facts":[]}`
	for name, c := range map[string]struct {
		routes *model.Routes
		want   string
	}{
		"not read": {nil, begin + end},
		"none":     {&model.Routes{}, begin + `,"routes":[]` + end},
		"others choose": {&model.Routes{List: []model.Route{{To: netip.MustParsePrefix("10.0.0.0/8"), Device: "r0"}}, Policy: true},
			begin + `,"routes":[{"to":"10.0.0.0/8","device":"r0","metric":0}],"routes_policy":true` + end},
	} {
		got, err := json.Marshal(newNamespaceJSON(&feed.Host{Name: "h", Kernel: "6.18", Source: "live", Routes: c.routes}))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, c.want)
		}
	}
}
