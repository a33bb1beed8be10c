// Package arm tells the kernel which packets to trace, and makes sure that it stops:
// a trace is bounded in rate and in time, and nothing of it outlives the process.
//
// One bit of the packet (skb->nf_trace) makes both of the kernel's tracers speak, so
// one table arms legacy and nft rules alike. The table has the flag "owner": the
// kernel removes it when our socket closes, kill -9 included. Only where nf_tables
// is missing is -j TRACE put into the raw table instead.
package arm

import (
	"errors"
	"fmt"
	"time"

	"nfscope/model/filter"
	"nfscope/trace/guard"
)

// ErrUnsupported is what every call returns where there is no netfilter.
var ErrUnsupported = errors.New("tracing packets needs Linux")

// The bounds that hold where Options say nothing.
const (
	DefaultRate = 100
	DefaultFor  = 30 * time.Second
)

// maxConjuncts bounds the rules of a filter.
const maxConjuncts = 64

// The ways to arm, as Options.Method has them and snapshot.Trace.Method shows them.
const (
	MethodAuto  = "auto"
	MethodOwner = "owner"
	MethodRaw   = "raw"
)

// Options say what to trace, how much and how long.
type Options struct {
	// Filter chooses the packets; nil chooses all.
	Filter *filter.Filter
	// Both traces what comes back too: the filter's Mirror, and what belongs to the
	// filter's connections (translated, or an ICMP error) where conntrack is at work.
	Both bool
	// Tracked4 and Tracked6 say for which families conntrack is at work in the namespace
	// (ruleset.Tracks). Elsewhere no rule looks at connections, since that would switch
	// it on.
	Tracked4, Tracked6 bool
	// States has the kernel tell of each traced packet what conntrack made of it. It asks for
	// nothing, so it does not switch conntrack on. The raw method cannot.
	States bool
	// Rate is how many packets a second the kernel traces; DefaultRate where it is 0.
	Rate int
	// Burst is how many it traces at once before Rate holds; Rate where it is 0.
	Burst int
	// For is how long; DefaultFor where it is 0.
	For time.Duration
	// Most is how many packets the kernel traces in all, 0 for no such bound. It does not
	// hold where the kernel cannot match all that the filter says: then more than was
	// asked for is traced. Owner tables hold it to one packet an hour, -j TRACE by bytes.
	Most int
	// Method is auto (also ""), owner or raw.
	Method string
	// Guard is told of what the raw method changes. The owner table needs none.
	Guard *guard.Guard
}

func (o Options) complete() (Options, error) {
	if o.Filter == nil {
		o.Filter = &filter.Filter{}
	}
	if o.Rate == 0 {
		o.Rate = DefaultRate
	}
	if o.Burst == 0 {
		o.Burst = o.Rate
	}
	if o.For == 0 {
		o.For = DefaultFor
	}
	if o.Method == "" {
		o.Method = MethodAuto
	}
	switch {
	case o.Rate < 0 || o.Burst < 0 || o.Rate > 1<<30 || o.Burst > 1<<30:
		return o, fmt.Errorf("trace rate %d, burst %d: expected a number of packets a second above 0", o.Rate, o.Burst)
	case o.Most < 0:
		return o, fmt.Errorf("trace of %d packets in all: expected 0 or more", o.Most)
	case o.For < 0:
		return o, fmt.Errorf("trace for %s: expected a duration above 0", o.For)
	case o.Method != MethodAuto && o.Method != MethodOwner && o.Method != MethodRaw:
		return o, fmt.Errorf("trace method %q: expected auto, owner or raw", o.Method)
	}
	return o, nil
}
