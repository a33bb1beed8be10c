package conntrack

import (
	"context"
	"testing"
	"time"

	"nfscope/model/feed"
	"nfscope/model/flow"
)

// TestHeldUp: a reading that was held up, here by who takes what it reads, is no dear one: the
// next comes soon. It is not parallel: what it measures is the time of the whole process.
func TestHeldUp(t *testing.T) {
	_, router := setUp(t)
	r := open(t, router)
	ctx, stop := context.WithTimeout(context.Background(), patience/4)
	defer stop()
	const held = time.Second
	readings := 0
	err := r.Watch(ctx, Options{Resync: time.Millisecond}, func(i feed.Item) {
		if i.Flow == nil || i.Flow.Type != flow.EventDumpBegin {
			return
		}
		if readings++; readings == 1 {
			<-time.After(held)
		} else {
			stop()
		}
	})
	if err != nil || readings != 2 {
		t.Errorf("%d readings: %v", readings, err)
	}
}
