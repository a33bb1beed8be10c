// Package sets reads ipsets and the named sets and maps of nf_tables of one network
// namespace: their headers, whatever their size, and their members by the page. It asks
// the kernel over netlink and runs no program.
//
// An ipset cannot be destroyed or renamed while it is dumped (net/netfilter/ipset), so a
// page is read in one go and its socket closed before anyone looks at it.
package sets

import "errors"

// ErrGone says that a set is not there, or not any more.
var ErrGone = errors.New("the set does not exist (any more)")

// MemberError says why a text cannot be a member of a set.
type MemberError struct{ Err error }

// Error is the sentence.
func (e MemberError) Error() string { return e.Err.Error() }

// Unwrap gives what is wrong.
func (e MemberError) Unwrap() error { return e.Err }
