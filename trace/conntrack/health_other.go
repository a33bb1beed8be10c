//go:build !linux

package conntrack

import (
	"context"
	"time"

	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/model/health"
	"nfscope/trace/netns"
)

// Health fails with netns.ErrUnsupported.
func (*Reader) Health(context.Context) (*health.Reading, error) { return nil, netns.ErrUnsupported }

// WatchHealth fails with netns.ErrUnsupported.
func (*Reader) WatchHealth(context.Context, time.Duration, func(feed.Item)) error {
	return netns.ErrUnsupported
}

// Gone says nothing.
func (*Reader) Gone() string { return "" }

// Delete fails with netns.ErrUnsupported.
func (*Reader) Delete(*flow.Flow) error { return netns.ErrUnsupported }
