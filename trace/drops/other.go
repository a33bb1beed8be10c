//go:build !linux

package drops

import (
	"context"
	"net/netip"
	"time"

	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/trace/netns"
)

// NoEcho is known on Linux alone.
func NoEcho(*netns.Handle, netip.Addr) string { return "" }

// NextHop is not known.
func NextHop(*netns.Handle, netip.Addr, string) *drop.Neighbour { return nil }

// XDP is not known.
func XDP(*netns.Handle) string { return "" }

// Hidden is not known.
func Hidden(*netns.Handle, bool, bool) string { return "" }

// Reader tells what the kernel drops in one namespace.
type Reader struct{}

// Open fails.
func Open(*netns.Handle, Options) (*Reader, error) { return nil, ErrUnsupported }

// Watch tells how drops are being found out.
func (*Reader) Watch() drop.Watch { return drop.Watch{} }

// Run fails.
func (*Reader) Run(context.Context, func(feed.Item)) error { return ErrUnsupported }

// Heard is the zero time.
func (*Reader) Heard() time.Time { return time.Time{} }

// Close does nothing.
func (*Reader) Close() error { return nil }
