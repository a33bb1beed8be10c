// Package between sees packets between the base chains of netfilter, by eBPF programs in its
// hooks (BPF_PROG_TYPE_NETFILTER, Linux 6.4). They change nothing and pass everything on.
//
// Which packets are followed the arming of a trace says (package arm), whose bit in the
// sk_buff they look for; or, where no rule traces, a filter that they are compiled with. Once
// followed, a packet is known by the address of its sk_buff: through translation, and over a
// veth into another namespace where programs stand too.
package between

import (
	"errors"

	"nfscope/model/filter"
)

// ErrUnsupported is what Open returns where there is no Linux.
var ErrUnsupported = errors.New("netfilter programs need Linux")

// The bounds where Options say nothing.
const (
	DefaultRate  = 500
	DefaultBurst = 200
)

// Options say what a Reader follows, and bound it.
type Options struct {
	// Rate is how many packets a second are followed, Burst how many at once; 0 is the
	// default. Of a packet that is not followed no program tells.
	Rate, Burst int
	// Chosen are the packets to follow; nil for those that a trace has marked.
	Chosen *Chosen
	// Onward says that Sit will be called for other namespaces: what is sent may come in there.
	Onward bool
}

// Chosen are packets by their headers: those that any of the conjuncts of their hook matches.
// What a filter asks beyond that (filter.After) is for who reads.
type Chosen struct {
	Prerouting, Output []filter.Conjunct
}
