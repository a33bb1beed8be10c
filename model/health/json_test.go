package health

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestJSON: rates of the last interval, totals since the first reading, each CPU's own counters
// and the warnings; what is not known is absent.
func TestJSON(t *testing.T) {
	t.Parallel()
	var f Follower
	at := func(s int, r *Reading) *Reading {
		r.Time, r.Expected = time.Unix(int64(s), 0).UTC(), -1
		return r
	}
	for i, want := range []string{
		`{"schema":"nfscope/conntrack-stats/1","time":"1970-01-01T00:00:00.000000000Z","count":10,"max":100,"buckets":64,"expectations_max":4,"interval_ns":0,"cpus":[{"cpu":0,"insert_failed":7},{"cpu":1,"insert_failed":2}],"warnings":[]}`,
		`{"schema":"nfscope/conntrack-stats/1","time":"1970-01-01T00:00:02.000000000Z","count":10,"max":100,"buckets":64,"expectations_max":4,"interval_ns":2000000000,"rates":{"insert_failed":3},"total":{"insert_failed":6},"cpus":[{"cpu":0,"insert_failed":11},{"cpu":1,"insert_failed":4}],` +
			`"warnings":[{"bad":true,"words":"new connections could not be entered, and their packets were dropped: 3.0/s; their reply tuple was another's already","do":"look at the pools of NAT ports: one may be full. Two packets of one new UDP connection at the same time do it too"}]}`,
		`{"schema":"nfscope/conntrack-stats/1","time":"1970-01-01T00:00:04.000000000Z","interval_ns":2000000000,"rates":{"insert_failed":0},"total":{"insert_failed":6},"cpus":[{"cpu":0,"insert_failed":11},{"cpu":1,"insert_failed":4}],"warnings":[]}`,
	} {
		failed := [][2]uint32{{7, 2}, {11, 4}, {11, 4}}[i]
		r := reading(0, 10, cpu(0, failed[0]), cpu(1, failed[1]))
		if r.MaxExpected = 4; i == 2 { // the sysctls are not there
			r.Count, r.Max, r.Buckets, r.MaxExpected = -1, -1, -1, -1
		}
		v := f.Next(at(2*i, r))
		b, err := v.MarshalJSON()
		if err != nil || string(b) != want {
			t.Errorf("%s %v\nexpected\n%s", b, err, want)
		}
		if v.Since.Unix() != 0 {
			t.Errorf("since %v", v.Since)
		}
	}
}

// TestFull: from which share of the table a warning is given, how bad it is, and what is said of
// a maximum that cannot be set here, or is none.
func TestFull(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		count, max int
		shared     bool
		want       string
	}{
		{79, 100, false, "[]"},
		{80, 100, false, "[{false the connection table is 80 % full (80 of 100) net.netfilter.nf_conntrack_max is 100}]"},
		{94, 100, true, "[{false the connection table is 94 % full (94 of 100) net.netfilter.nf_conntrack_max is 100; it is set in the first namespace and holds for each namespace}]"},
		{95, 100, false, "[{true the connection table is 95 % full (95 of 100): when it is full the kernel drops new connections net.netfilter.nf_conntrack_max is 100; shorter net.netfilter.nf_conntrack_*_timeout* let go of entries sooner}]"},
		{95, 0, false, "[]"},
		{-1, 100, false, "[]"},
		{5, -1, false, "[]"},
	} {
		r := reading(0, c.count)
		r.Max, r.Shared = c.max, c.shared
		v := (&Follower{}).Next(r)
		if got := fmt.Sprint(v.Warnings()); got != c.want || v.Full() < 0 {
			t.Errorf("%d of %d: %v, %s, expected %s", c.count, c.max, v.Full(), got, c.want)
		}
	}
	// Nothing in the table is known, and not the same as not known.
	if b, err := (&Follower{}).Next(reading(0, 0)).MarshalJSON(); err != nil || !strings.Contains(string(b), `"count":0,`) {
		t.Errorf("%s %v", b, err)
	}
	// Packets whose entry clashes, or finds too long a chain, count as dropped too: they are told once.
	var f Follower
	c := CPU{Has: 1<<Drop | 1<<InsertFailed | 1<<ChainTooLong}
	f.Next(reading(0, 1, c))
	c.Counts[Drop], c.Counts[InsertFailed], c.Counts[ChainTooLong] = 5, 3, 2
	if w := f.Next(reading(1, 1, c)).Warnings(); len(w) != 2 || strings.Contains(w[0].Words, "no entries") {
		t.Errorf("%v", w)
	}
}
