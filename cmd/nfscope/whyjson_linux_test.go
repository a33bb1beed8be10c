package main

import (
	"bufio"
	"strings"
	"testing"
	"time"

	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/why"
	"nfscope/ui/uitest"
)

// TestWhyJSON: the evidence comes first, each packet, drop and connection an object, then the
// answer, and last what was lost and how many packets there were.
func TestWhyJSON(t *testing.T) {
	snap := uitest.Snapshot()
	asked, err := filter.Parse("udp")
	if err != nil {
		t.Fatal(err)
	}
	f := snap.Flows.Table.List()[0]
	a := &why.Answer{Kind: why.Rule, Side: why.Request, Sentence: "so it is", Confidence: why.Certain, Because: "seen", Journeys: snap.Journeys[:2],
		Drops: []*drop.Drop{snap.Drops.Rows[0].Last}, Flows: []*flow.Flow{f}}
	var out strings.Builder
	p := &whyPrinter{out: bufio.NewWriter(&out), words: drop.Meanings(), netns: "nfs-x"}
	if err := p.json(a, &why.Seen{Filter: asked}, &stats{lost: 3, start: time.Now()}); err != nil {
		t.Fatal(err)
	}
	var schemas []string
	list := objects(t, out.String())
	for _, o := range list {
		schemas = append(schemas, strings.TrimPrefix(o["schema"].(string), "nfscope/"))
	}
	if got, want := strings.Join(schemas, " "), "journey/1 journey/1 drop/1 flow/1 why/1 stats/1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if st := endsWithStats(t, list); st["journeys"] != 2.0 || st["lost"] != 3.0 {
		t.Errorf("%v", st)
	}
}
