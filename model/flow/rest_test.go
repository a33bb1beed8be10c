package flow_test

import (
	"reflect"
	"testing"
	"time"

	"nfscope/model/flow"
	"nfscope/model/flow/flowtest"
)

// TestRest: who puts a long list in order rests between, for each column, and nobody who
// changes the table waits for it; the list is the same.
func TestRest(t *testing.T) {
	t.Parallel()
	const n = 40_000 // three pieces
	for _, six := range []bool{false, true} {
		tab := flowtest.Gateway(n, six)
		rests := 0
		rest := func() {
			rests++
			set := make(chan bool)
			go func() {
				tab.SetTimeouts(flow.Timeouts{}) // waits for ever where the table is held
				close(set)
			}()
			select {
			case <-set:
			case <-time.After(time.Minute): // nettest.InVain
				t.Fatal("the table is held during a rest")
			}
		}
		for _, c := range []flow.Column{flow.ByAge, flow.ByClient, flow.ByTimeout} {
			rests = 0
			v := tab.ViewOf(flow.Query{By: c, Down: true, Rest: rest})
			if want := tab.ViewOf(flow.Query{By: c, Down: true}); !reflect.DeepEqual(v, want) {
				t.Errorf("by %v it is another list", c)
			}
			if rests < 9 { // to count, to place, to note the places
				t.Errorf("by %v: %d rests", c, rests)
			}
		}
		rests = 0
		most := flow.Totals{By: flow.OfService, Order: func(a, b *flow.Group) int { return a.Compare(b) }, Most: 3}
		want := tab.GroupsOf(most)
		most.Rest = rest
		if got := tab.GroupsOf(most); !reflect.DeepEqual(got, want) || want.More == 0 {
			t.Errorf("other groups, or all of them: %d more", want.More)
		}
		if rests < 6 {
			t.Errorf("in groups: %d rests", rests)
		}
	}
}
