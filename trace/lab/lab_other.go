//go:build !linux

package lab

import (
	"context"

	"nfscope/trace/netns"
)

// Registrar is told the name of each namespace before it is made.
type Registrar interface {
	Netns(name string) error
}

// Network is a lab that stands. There are none on this system.
type Network struct {
	// Lang is the language of what Play emits.
	Lang   string
	lab    *Lab
	played bool
}

// Up fails with netns.ErrUnsupported.
func Up(context.Context, *Lab, Registrar) (*Network, error) { return nil, netns.ErrUnsupported }

// Lab is nil.
func (n *Network) Lab() *Lab { return n.lab }

// Notes is empty.
func (*Network) Notes() []string { return nil }

// Lacks is netns.ErrUnsupported.
func Lacks(*Lab) error { return netns.ErrUnsupported }

// Host is nil.
func (*Network) Host(string) *netns.Handle { return nil }

// Observed is nil.
func (*Network) Observed() *netns.Handle { return nil }

// Down does nothing.
func (*Network) Down() error { return nil }

func (*Network) rewind() error { return nil }

// Counted fails with netns.ErrUnsupported.
func (*Network) Counted() (Counted, error) { return nil, netns.ErrUnsupported }

// Run fails.
func (*Network) Run(context.Context, Step) Result { return Result{Word: Failed} }

// Hold is the argument behind "lab" of a process that keeps a lab for `lab up`.
const Hold = "__hold"

// Standing finds none.
func Standing() ([]Stand, error) { return nil, nil }

// Release fails with netns.ErrUnsupported.
func Release(context.Context, Stand) error { return netns.ErrUnsupported }

// Exec fails with netns.ErrUnsupported.
func (Stand) Exec(host, path string, command, env []string) error { return netns.ErrUnsupported }

// Leftovers finds none.
func Leftovers() ([]string, error) { return nil, nil }

// Sweep finds none.
func Sweep() ([]string, error) { return nil, nil }

// EnterUserns fails with netns.ErrUnsupported.
func EnterUserns([]string) (ran bool, status int, err error) {
	return false, 0, netns.ErrUnsupported
}

// Privileged is false.
func Privileged() bool { return false }

// CanUserns fails with netns.ErrUnsupported.
func CanUserns() error { return netns.ErrUnsupported }
