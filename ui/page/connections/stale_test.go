package connections

import (
	"testing"
	"time"

	"nfscope/model/flow"
	"nfscope/model/flow/flowtest"
)

// Where all connections were looked at while the table was still being read, they are soon
// looked at again; where the table has not grown since, after half a minute.
func TestStaleIsCountedAgainWhereTheTableGrew(t *testing.T) {
	t.Parallel()
	p, f, fl := translated(t, "")
	all := func(meanwhile func()) { // one look at all, and what happens before it is told
		t.Helper()
		for looked := false; !looked || p.nature.pass >= 0; {
			run := p.Work(f)
			if run == nil {
				t.Fatalf("no look at all of them began, %d of %d are stale", p.nature.stale, p.nature.looked)
			}
			answer := run()
			if _, ok := answer.(natureMany); ok {
				looked = true
				meanwhile()
			}
			p.Done(answer, f)
		}
	}
	rests := func(after time.Duration) {
		t.Helper()
		f.Now = f.Now.Add(after)
		for {
			run := p.Work(f)
			if run == nil {
				return
			}
			answer := run()
			if _, ok := answer.(natureMany); ok {
				t.Fatalf("they are looked at again within %v", after)
			}
			p.Done(answer, f)
		}
	}
	fill := func(n int) { // as a snapshot has them
		s := *f.Snap
		s.Version++
		var more []*flow.Flow
		for g := range flowtest.Gateway(n, false).All() {
			more = append(more, g)
		}
		host := flow.HostFrom(s.Rules, s.Local)
		s.Flows.Table = flow.TableOf(append(more, fl)...)
		s.Flows.Table.SetHost(host)
		f.Snap = &s
	}
	all(func() {})
	if p.nature.looked != 1 || p.nature.stale != 1 {
		t.Fatalf("%d looked at, %d stale", p.nature.looked, p.nature.stale)
	}
	rests(passAgain - time.Second)
	f.Now = f.Now.Add(time.Second)
	all(func() { fill(40) })
	rests(time.Second / 2)
	f.Now = f.Now.Add(time.Second / 2)
	all(func() {})
	if p.nature.looked != 41 || p.nature.stale < 1 {
		t.Errorf("%d of 41 looked at, %d stale", p.nature.looked, p.nature.stale)
	}
	rests(passAgain - time.Second)
}
