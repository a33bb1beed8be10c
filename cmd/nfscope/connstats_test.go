package main

import (
	"bufio"
	"bytes"
	"testing"
	"time"

	"nfscope/model/health"
)

// TestHealthText: the numbers of the last second, in all and of each processor, with follow
// only what rises; what is not known is not said, and a warning comes with what to do.
func TestHealthText(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 8, 9, 10, 0, time.UTC)
	cpu := func(id uint16, found, failed uint32) health.CPU {
		c := health.CPU{ID: id, Has: 1<<health.Found | 1<<health.InsertFailed}
		c.Counts[health.Found], c.Counts[health.InsertFailed] = found, failed
		return c
	}
	many := health.Reading{Count: 85, Max: 100, Buckets: 64}
	for _, c := range []struct {
		reading        health.Reading
		found, failed  uint32
		text, followed string
	}{
		{many, 20, 2,
			"85 of 100 entries (85.0 %), 64 buckets\n" + `
statistic       per second         in all        cpu 0        cpu 3
found                  7.5             35           20           15
insert_failed          0.0              3            2            1
note: the connection table is 85 % full (85 of 100)
    net.netfilter.nf_conntrack_max is 100
`,
			"08:09:10  85 of 100 entries (85.0 %), 64 buckets\n          found 7.5/s\nnote: the connection table is 85 % full (85 of 100)\n    net.netfilter.nf_conntrack_max is 100\n"},
		{health.Reading{Count: 85, Max: 0, Buckets: -1}, 5, 5,
			"85 of unlimited entries, unknown buckets\n" + `
statistic       per second         in all        cpu 0        cpu 3
found                  0.0             20            5           15
insert_failed          1.5              6            5            1
warning: new connections could not be entered, and their packets were dropped: 1.5/s; their reply tuple was another's already
    look at the pools of NAT ports: one may be full. Two packets of one new UDP connection at the same time do it too
`,
			"08:09:10  85 of unlimited entries, unknown buckets\n          insert_failed 1.5/s\nwarning: new connections could not be entered, and their packets were dropped: 1.5/s; their reply tuple was another's already\n    look at the pools of NAT ports: one may be full. Two packets of one new UDP connection at the same time do it too\n"},
		{health.Reading{Count: -1, Max: 100, Buckets: 64}, 5, 2,
			"unknown of 100 entries, 64 buckets\n" + `
statistic       per second         in all        cpu 0        cpu 3
found                  0.0             20            5           15
insert_failed          0.0              3            2            1
`,
			"08:09:10  unknown of 100 entries, 64 buckets\n"},
	} {
		for _, follow := range []bool{false, true} {
			var f health.Follower
			before, now := c.reading, c.reading
			before.Time, before.CPUs = at.Add(-2*time.Second), []health.CPU{cpu(0, 5, 2), cpu(3, 15, 1)}
			now.Time, now.CPUs = at, []health.CPU{cpu(0, c.found, c.failed), cpu(3, 15, 1)}
			f.Next(&before)
			var out bytes.Buffer
			w := bufio.NewWriter(&out)
			printHealth(w, f.Next(&now), follow)
			_ = w.Flush()
			want := c.text
			if follow {
				want = c.followed
			}
			if out.String() != want {
				t.Errorf("%s\nexpected\n%s", out.String(), want)
			}
		}
	}
}
