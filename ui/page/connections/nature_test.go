package connections

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/health"
	"nfscope/model/ruleset"
	"nfscope/ui/component/line"
	"nfscope/ui/keys"
	"nfscope/ui/theme"
)

// TestStaleAndPools: with other rules the connections of the test session are stale, and
// said to be; P shows the pools and conntrack's health at every size, esc comes back.
func TestStaleAndPools(t *testing.T) {
	f := frame(theme.Options{}, 120, 40)
	d, _ := ruleset.ParseSave("test", []byte("*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j SNAT --to-source 192.0.2.1:5000-5999\nCOMMIT\n"),
		ruleset.Options{Backend: model.BackendLegacy, Family: model.FamilyIPv4})
	s := *f.Snap
	s.Rules = &model.Ruleset{Tables: d.Tables()}
	s.Rules.Number()
	s.Index = ruleset.NewIndex(s.Rules)
	s.Local = []netip.Prefix{netip.MustParsePrefix("203.0.113.1/24"), netip.MustParsePrefix("10.1.0.1/24"), netip.MustParsePrefix("10.2.0.1/24")}
	var h health.Follower
	h.Next(&health.Reading{Time: s.Time, Count: 10, Max: 100, CPUs: []health.CPU{{Has: 1 << health.InsertFailed}}})
	c := health.CPU{Has: 1 << health.InsertFailed}
	c.Counts[health.InsertFailed] = 7
	s.Health = h.Next(&health.Reading{Time: s.Time.Add(time.Second), Count: 97, Max: 100, CPUs: []health.CPU{c}})
	f.Snap = &s
	p := New()
	for range 20 {
		if run := p.Work(f); run != nil {
			p.Done(run(), f)
		}
	}
	got := text(p, f)
	for _, want := range []string{"97 of 100 entries, 97 %", "the connection table is 97 % full", " connections stale: today's rules", "stale! ", "stale: its destination is 10.2.0.2:8443, and today no rule would translate it"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not there:\n%s", want, got)
		}
	}
	p.Do(keys.Pools, f)
	for range 5 {
		if run := p.Work(f); run != nil {
			p.Done(run(), f)
		}
	}
	got = text(p, f)
	for _, want := range []string{"insert_failed 7.0 (7)", "look at the pools of NAT ports", "203.0.113.1", "192.0.2.1", "5000-5999", "1024-65535"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not there:\n%s", want, got)
		}
	}
	for w := 1; w < 200; w += 13 {
		for hh := 1; hh < 60; hh += 7 {
			f.Width, f.Height = w, hh
			lines := strings.Split(p.View(f), "\n")
			if len(lines) != hh {
				t.Fatalf("%dx%d: %d lines", w, hh, len(lines))
			}
			for i, l := range lines {
				if line.Width(l) != w {
					t.Fatalf("%dx%d: line %d is %d wide", w, hh, i, line.Width(l))
				}
			}
		}
	}
	f.Width, f.Height = 120, 40
	if !p.Deep() {
		t.Error("esc would clear the filter")
	}
	if p.Do(keys.Back, f); !strings.Contains(text(p, f), "client") {
		t.Error("esc does not come back to the list")
	}
}
