// Package between sees traced packets between the base chains of netfilter, by eBPF programs
// in its hooks (BPF_PROG_TYPE_NETFILTER, Linux 6.4). They change nothing and pass everything
// on: which packets are traced the arming of a trace says (package arm), and the programs
// look for its bit.
package between

import "errors"

// ErrUnsupported is what Open returns where there is no Linux.
var ErrUnsupported = errors.New("netfilter programs need Linux")

// The bounds where Options say nothing.
const (
	DefaultRate  = 500
	DefaultBurst = 200
)

// Options bound a Reader.
type Options struct {
	// Rate is how many packets a second are followed, Burst how many at once; 0 is the
	// default. Of a packet that is not followed no program tells.
	Rate, Burst int
}
