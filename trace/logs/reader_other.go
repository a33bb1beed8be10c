//go:build !linux

package logs

import (
	"context"

	"nfscope/model/logline"
	"nfscope/trace/netns"
)

// Reader needs Linux.
type Reader struct{}

// Open fails with netns.ErrUnsupported.
func Open(*netns.Handle, Options) (*Reader, error) { return nil, netns.ErrUnsupported }

// Missing is nil.
func (*Reader) Missing() []string { return nil }

// Groups is nil.
func (*Reader) Groups() []uint16 { return nil }

// Kernel is false.
func (*Reader) Kernel() bool { return false }

// Run fails with netns.ErrUnsupported.
func (*Reader) Run(context.Context, func(logline.Line)) error { return netns.ErrUnsupported }

// Lost is 0.
func (*Reader) Lost() uint64 { return 0 }

// Close does nothing.
func (*Reader) Close() error { return nil }
