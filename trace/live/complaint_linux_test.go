package live

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"nfscope/model/feed"
	"nfscope/model/health"
)

// TestStatisticsComeBack: statistics that the kernel refuses are asked for again; each reason
// is said once, however often, and is gone with the first reading.
func TestStatisticsComeBack(t *testing.T) {
	t.Parallel()
	var said []string
	s := &Session{again: time.Nanosecond, put: func(it feed.Item) {
		switch {
		case it.Problem != "":
			said = append(said, "problem: "+it.Problem)
		case it.Solved != "":
			said = append(said, "solved: "+it.Solved)
		case it.Health != nil:
			said = append(said, "reading")
		}
	}}
	none, room := errors.New("no such thing"), errors.New("no room")
	refused := []error{none, none, none, room, nil, room}
	ctx, stop := context.WithCancel(t.Context())
	asked := 0
	s.statistics(ctx, &complaint{put: s.put}, func(_ context.Context, _ time.Duration, emit func(feed.Item)) error {
		if asked++; asked > len(refused) {
			emit(feed.Item{Health: &health.Reading{}})
			stop()
			return nil
		}
		if refused[asked-1] == nil {
			emit(feed.Item{Health: &health.Reading{}})
			return room
		}
		return refused[asked-1]
	})
	const is = "conntrack's statistics are not followed, and will be when that changes: "
	want := []string{"problem: " + is + "no such thing", "solved: " + is + "no such thing", "problem: " + is + "no room", "solved: " + is + "no room", "reading",
		"problem: " + is + "no room", "solved: " + is + "no room", "reading"}
	if !slices.Equal(said, want) {
		t.Errorf("it said %q, want %q", said, want)
	}
}
