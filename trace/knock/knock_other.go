//go:build !linux

package knock

import (
	"context"

	"nfscope/trace/netns"
)

// Knock fails.
func Knock(context.Context, *netns.Handle, Door) (Back, error) { return Back{}, ErrUnsupported }
