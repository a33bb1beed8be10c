package conntrack

import (
	"net/netip"
	"slices"

	"nfscope/model"
)

// Around is what stands around the connections of a namespace: what is its own, and where
// packets leave.
type Around struct {
	// Local are the addresses of its interfaces with their prefix lengths; nil where they
	// could not be read.
	Local []netip.Prefix
	// Routes are nil where they could not be read.
	Routes *model.Routes
}

// same reports whether nothing has changed.
func (a *Around) same(b *Around) bool {
	if (a.Routes == nil) != (b.Routes == nil) || !slices.Equal(a.Local, b.Local) {
		return false
	}
	return a.Routes == nil || a.Routes.Policy == b.Routes.Policy && slices.Equal(a.Routes.List, b.Routes.List)
}
