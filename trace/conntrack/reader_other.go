//go:build !linux

package conntrack

import (
	"context"
	"net/netip"

	"nfscope/model/feed"
	"nfscope/trace/netns"
)

// Reader reads the conntrack table of one namespace. There is none on this system.
type Reader struct{}

// Open fails with netns.ErrUnsupported.
func Open(*netns.Handle) (*Reader, error) { return nil, netns.ErrUnsupported }

// Close does nothing.
func (*Reader) Close() error { return nil }

// List fails with netns.ErrUnsupported.
func (*Reader) List(context.Context, func(feed.Item)) error { return netns.ErrUnsupported }

// Watch fails with netns.ErrUnsupported.
func (*Reader) Watch(context.Context, Options, func(feed.Item)) error { return netns.ErrUnsupported }

// LocalAddrs fails with netns.ErrUnsupported.
func LocalAddrs(*netns.Handle) ([]netip.Prefix, error) { return nil, netns.ErrUnsupported }
