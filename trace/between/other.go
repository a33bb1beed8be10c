//go:build !linux

package between

import (
	"context"
	"time"

	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/trace/netns"
)

// Reader tells of nothing.
type Reader struct{}

// Open returns ErrUnsupported.
func Open(*netns.Handle, []journey.Seat, Options) (*Reader, error) { return nil, ErrUnsupported }

// Seats are none.
func (*Reader) Seats() []journey.Seat { return nil }

// Run returns ErrUnsupported.
func (*Reader) Run(context.Context, func(feed.Item)) error { return ErrUnsupported }

// Heard is the zero time.
func (*Reader) Heard() time.Time { return time.Time{} }

// Close does nothing.
func (*Reader) Close() error { return nil }
