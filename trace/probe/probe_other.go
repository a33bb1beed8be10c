//go:build !linux

package probe

import (
	"context"

	"nfscope/trace/netns"
)

// Run finds that netfilter needs Linux.
func Run(context.Context, *netns.Handle) []Finding {
	return []Finding{{Feature: "netfilter", State: Missing, Says: "netfilter needs Linux; recordings can be replayed here"}}
}
