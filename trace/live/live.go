// Package live is the source that looks at a namespace of this host: it runs the
// readers of rules, conntrack and traces, and arms a trace when asked.
package live

import (
	"log/slog"
	"time"

	"nfscope/model/filter"
	"nfscope/trace/netns"
)

// About says what a session shall be called.
type About struct {
	// Name is the namespace's, "" for the one we run in.
	Name string
	// Source is what Snapshot.Source shows: "live", "lab gateway".
	Source string
	// Facts has the Host item say what a recording should tell of the host: sysctls and
	// the versions of programs, which are run for it.
	Facts bool
	// Log takes what the session notes; nil for nowhere.
	Log *slog.Logger
}

// Trace says what to trace and within which bounds.
type Trace struct {
	Filter *filter.Filter
	// Both traces both directions: what comes back, and what belongs to it.
	Both bool
	// For is how long, arm.DefaultFor if 0.
	For time.Duration
	// Rate is the kernel's limit in packets a second, arm.DefaultRate if 0.
	Rate int
	// Most is how many packets the kernel traces in all, 0 for no such bound.
	Most int
	// Between has traced packets seen between the chains too, by programs in the hooks
	// (package between). It is done where legacy tables are there and cannot be traced, and
	// else only when asked for: each program costs every packet some 45 ns.
	Between bool
	// Misses has the kernel tell what conntrack made of each packet where rules of legacy
	// tables ask for it, so that it is known why they did not match. That costs every packet
	// some 45 ns.
	Misses bool
	// Programs has packets followed by programs in the hooks alone: no rule is armed, and
	// nothing tells which rule decided. Through are namespaces that they are followed into.
	Programs bool
	Through  []*netns.Handle
	// Method is "auto", "owner" or "raw"; "" is auto.
	Method string
}
