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

// Socket is a tracer's.
type Socket interface{ Attach(program int) error }

// Open returns ErrUnsupported.
func Open(Options) (*Reader, error) { return nil, ErrUnsupported }

// Sit returns ErrUnsupported.
func (*Reader) Sit(*netns.Handle, string, []journey.Seat) error { return ErrUnsupported }

// Tap returns ErrUnsupported.
func (*Reader) Tap(legacy, nft Socket) error { return ErrUnsupported }

// Name does nothing.
func (*Reader) Name([]journey.Event) error { return ErrUnsupported }

// Missed does nothing.
func (*Reader) Missed() {}

// Counts are 0.
func (*Reader) Counts() (followed, held uint64, err error) { return 0, 0, ErrUnsupported }

// Seats are none.
func (*Reader) Seats() []journey.Seat { return nil }

// Run returns ErrUnsupported.
func (*Reader) Run(context.Context, func(feed.Item)) error { return ErrUnsupported }

// Heard is the zero time.
func (*Reader) Heard() time.Time { return time.Time{} }

// Close does nothing.
func (*Reader) Close() error { return nil }
