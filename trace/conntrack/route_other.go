//go:build !linux

package conntrack

import (
	"context"

	"nfscope/model"
	"nfscope/trace/netns"
)

// Routes fails with netns.ErrUnsupported.
func Routes(*netns.Handle) (*model.Routes, error) { return nil, netns.ErrUnsupported }

// ReadAround fails with netns.ErrUnsupported.
func ReadAround(*netns.Handle) (Around, error) { return Around{}, netns.ErrUnsupported }

// FollowAround fails with netns.ErrUnsupported.
func FollowAround(context.Context, *netns.Handle, Around, func(Around)) error {
	return netns.ErrUnsupported
}
