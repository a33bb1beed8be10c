//go:build !linux

package conntrack

import (
	"nfscope/model"
	"nfscope/trace/netns"
)

// Routes fails with netns.ErrUnsupported.
func Routes(*netns.Handle) (*model.Routes, error) { return nil, netns.ErrUnsupported }
