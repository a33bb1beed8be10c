//go:build !linux

package live

import (
	"context"
	"errors"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/trace/guard"
	"nfscope/trace/netns"
)

// ErrUnsupported is what every call returns where there is no netfilter.
var ErrUnsupported = errors.New("netfilter needs Linux; a recording can be replayed here")

// Session watches one namespace. There are none on this system.
type Session struct{}

// Open fails with ErrUnsupported.
func Open(*netns.Handle, *guard.Guard, About, func(feed.Item)) (*Session, error) {
	return nil, ErrUnsupported
}

// Rules fails with ErrUnsupported.
func (*Session) Rules(context.Context) (*model.Ruleset, error) { return nil, ErrUnsupported }

// Watch does nothing.
func (*Session) Watch(context.Context) {}

// Focus does nothing.
func (*Session) Focus(*model.Ruleset, []int, []int) {}

// Arm fails with ErrUnsupported.
func (*Session) Arm(context.Context, Trace) error { return ErrUnsupported }

// Disarm does nothing.
func (*Session) Disarm() error { return nil }

// Delete fails with ErrUnsupported.
func (*Session) Delete(*flow.Flow) error { return ErrUnsupported }

// Heard is the zero time.
func (*Session) Heard() time.Time { return time.Time{} }

// Done is nil.
func (*Session) Done() <-chan struct{} { return nil }

// Close does nothing.
func (*Session) Close() error { return nil }
