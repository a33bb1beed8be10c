//go:build !linux

package nftrace

import (
	"context"

	"nfscope/model/journey"
	"nfscope/trace/netns"
)

// Reader needs Linux.
type Reader struct{}

// Open fails with netns.ErrUnsupported.
func Open(*netns.Handle, Options) (*Reader, error) { return nil, netns.ErrUnsupported }

// Run fails with netns.ErrUnsupported.
func (*Reader) Run(context.Context, func([]journey.Event)) error { return netns.ErrUnsupported }

// Lost is 0.
func (*Reader) Lost() uint64 { return 0 }

// Stats are empty.
func (*Reader) Stats() Stats { return Stats{} }

// Close does nothing.
func (*Reader) Close() error { return nil }
