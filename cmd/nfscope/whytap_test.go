package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"nfscope/model/snapshot"
)

// TestDisarmed: what a screen says of a search waits for the end of its trace to be told, however
// long a machine without a processor to spare takes, but not for ever.
func TestDisarmed(t *testing.T) {
	for _, after := range []time.Duration{0, 8 * time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			tap := newWhyTap()
			tap.snapshot(&snapshot.Snapshot{Trace: snapshot.Trace{Armed: true}})
			told := time.AfterFunc(after, func() { tap.snapshot(&snapshot.Snapshot{}) })
			begin := time.Now()
			s := tap.disarmed(context.Background())
			if took := time.Since(begin); s.Trace.Armed != (after > whyReady) || took != min(after, whyReady) {
				t.Errorf("after %v, armed %v, the end told after %v", took, s.Trace.Armed, after)
			}
			told.Stop()
		})
	}
}
