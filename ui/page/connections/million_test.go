package connections

import (
	"strings"
	"testing"
	"time"

	"nfscope/model/flow"
	"nfscope/model/flow/flowtest"
	"nfscope/ui/theme"
)

// BenchmarkMillion is how long a list of a million connections takes to be made anew beside
// the screen: found by the filter language, by what it asks of the rules, by a text that is
// no filter, and in groups of each kind. 150 ms are allowed.
//
//	go test -run '^$' -bench Million -benchtime 3x ./ui/page/connections
func BenchmarkMillion(b *testing.B) {
	f := frame(theme.Options{}, 160, 40)
	s := *f.Snap
	s.Flows.Table = flowtest.Gateway(1_000_000, false)
	f.Snap = &s
	spare := &flow.Finder{} // as a page keeps it from one list to the next
	list := func(b *testing.B, set func(w *spec)) {
		for b.Loop() {
			p := New()
			p.sync(f)
			p.order.spare = spare
			set(&p.order.want)
			j := p.order.begin(f)
			for !j.done {
				j.run()
			}
			if j.view.Len()+len(j.groups.List) == 0 && f.Filter != "stale" && f.Filter != "no such text" {
				b.Fatal("nothing was found")
			}
		}
		if each := b.Elapsed() / time.Duration(b.N); each > 150*time.Millisecond {
			b.Errorf("it took %v", each)
		}
	}
	for _, text := range []string{"tcp", "tcp and dst port 443 and mark 1", "src net 10.0.16.0/20", "host 198.0.7.7 or port 80", "masquerade and state established", "not (mark 1 or mark 2)", "zone 0 and portrange 1024-2048",
		"stale", "table nat and chain POSTROUTING or nat", "198.0.7", "established", "7", "198.0.7.1:443 > 203", "no such text"} {
		b.Run("filter/"+strings.ReplaceAll(text, " ", "_"), func(b *testing.B) {
			f.Filter = text
			defer func() { f.Filter = "" }()
			list(b, func(*spec) {})
		})
	}
	for k := flow.OfSource; k < flow.Kinds; k++ {
		b.Run("group/"+strings.ReplaceAll(k.String(), " ", "_"), func(b *testing.B) {
			list(b, func(w *spec) { w.group(k) })
		})
	}
}
