//go:build !linux

package rules

import (
	"context"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/trace/netns"
)

// Reader reads the rules of one network namespace. There are none on this system.
type Reader struct{}

// Open fails with netns.ErrUnsupported.
func Open(*netns.Handle) (*Reader, error) { return nil, netns.ErrUnsupported }

// Close does nothing.
func (*Reader) Close() error { return nil }

// Assume does nothing.
func (*Reader) Assume(model.Family, ...string) {}

// Elements does nothing.
func (*Reader) Elements() {}

// Snapshot fails with netns.ErrUnsupported.
func (*Reader) Snapshot(context.Context) (*model.Ruleset, error) { return nil, netns.ErrUnsupported }

// Generation fails with netns.ErrUnsupported.
func (*Reader) Generation(context.Context) (string, error) { return "", netns.ErrUnsupported }

// Counts fails with netns.ErrUnsupported.
func (*Reader) Counts(context.Context, *model.Ruleset) (*model.Counts, error) {
	return nil, netns.ErrUnsupported
}

// CountsOf fails with netns.ErrUnsupported.
func (*Reader) CountsOf(context.Context, *model.Ruleset, []int, []int) (*model.Partial, error) {
	return nil, netns.ErrUnsupported
}

// Focus does nothing.
func (*Reader) Focus(*model.Ruleset, []int, []int) {}

// Watch says once that it cannot.
func (*Reader) Watch(_ context.Context, _ time.Duration, emit func(feed.Item)) {
	emit(feed.Item{Problem: netns.ErrUnsupported.Error()})
}
