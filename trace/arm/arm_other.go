//go:build !linux

package arm

import (
	"context"

	"nfscope/model/snapshot"
	"nfscope/trace/guard"
	"nfscope/trace/netns"
)

// Prefix begins the name of every table and chain of ours.
const Prefix = "nfscope_"

// Armed is a trace that is running. There is none on this system.
type Armed struct{}

// Arm fails with ErrUnsupported, after the options have been checked.
func Arm(_ context.Context, _ *netns.Handle, o Options) (*Armed, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if _, err := newPlan(o.Filter, o.Both); err != nil {
		return nil, err
	}
	return nil, ErrUnsupported
}

// Done is nil.
func (*Armed) Done() <-chan struct{} { return nil }

// Close does nothing.
func (*Armed) Close() error { return nil }

// Held fails with ErrUnsupported.
func (*Armed) Held(context.Context) (traced, held uint64, err error) { return 0, 0, ErrUnsupported }

// State is that of no trace.
func (*Armed) State() snapshot.Trace { return snapshot.Trace{} }

// Log is the setting of net.netfilter.nf_log. There is none on this system.
type Log struct{}

// EnableLog fails with ErrUnsupported.
func EnableLog(*netns.Handle, *guard.Guard) (*Log, error) { return nil, ErrUnsupported }

// Close does nothing.
func (*Log) Close() error { return nil }

// Sweep finds nothing.
func Sweep(*netns.Handle) ([]string, error) { return nil, nil }
