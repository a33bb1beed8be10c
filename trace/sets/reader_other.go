//go:build !linux

package sets

import (
	"context"

	"nfscope/model/set"
	"nfscope/trace/netns"
)

// Reader reads the sets of one network namespace. There are none on this system.
type Reader struct{}

// Open fails with netns.ErrUnsupported.
func Open(*netns.Handle) (*Reader, error) { return nil, netns.ErrUnsupported }

// Close does nothing.
func (*Reader) Close() error { return nil }

// List fails with netns.ErrUnsupported.
func (*Reader) List(context.Context) ([]set.Set, error) { return nil, netns.ErrUnsupported }

// Header fails with netns.ErrUnsupported.
func (*Reader) Header(context.Context, set.Key) (set.Set, error) {
	return set.Set{}, netns.ErrUnsupported
}

// Members fails with netns.ErrUnsupported.
func (*Reader) Members(context.Context, set.Set, int, int) (set.Page, error) {
	return set.Page{}, netns.ErrUnsupported
}

// Walk fails with netns.ErrUnsupported.
func (*Reader) Walk(context.Context, set.Set, int, func(set.Member) error) (bool, error) {
	return false, netns.ErrUnsupported
}

// Count fails with netns.ErrUnsupported.
func (*Reader) Count(context.Context, set.Set) (uint64, error) { return 0, netns.ErrUnsupported }

// Contains fails with netns.ErrUnsupported.
func (*Reader) Contains(context.Context, set.Set, string) (bool, error) {
	return false, netns.ErrUnsupported
}
