//go:build !linux

package prove

import (
	"context"
	"log/slog"

	"nfscope/trace/guard"
	"nfscope/trace/lab"
	"nfscope/trace/netns"
)

// Run fails with netns.ErrUnsupported.
func Run(context.Context, *lab.Network, *guard.Guard, *slog.Logger) (*Seen, error) {
	return nil, netns.ErrUnsupported
}
