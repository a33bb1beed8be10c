//go:build !linux

package guard

import "nfscope/trace/netns"

// Guard is our end of the guard. There is none on this system.
type Guard struct{}

// Start fails with ErrUnsupported.
func Start(string) (*Guard, error) { return nil, ErrUnsupported }

// Main returns at once.
func Main() {}

// Sysctl fails with ErrUnsupported.
func (*Guard) Sysctl(*netns.Handle, string, string, string) (int, error) { return 0, ErrUnsupported }

// Iptables fails with ErrUnsupported.
func (*Guard) Iptables(*netns.Handle, ...string) (int, error) { return 0, ErrUnsupported }

// Netns fails with ErrUnsupported.
func (*Guard) Netns(string) (int, error) { return 0, ErrUnsupported }

// Remove fails with ErrUnsupported.
func (*Guard) Remove(string) (int, error) { return 0, ErrUnsupported }

// Undone does nothing.
func (*Guard) Undone(int) error { return nil }

// Lost is nil.
func (*Guard) Lost() <-chan struct{} { return nil }

// Err is nil.
func (*Guard) Err() error { return nil }

// PID is 0.
func (*Guard) PID() int { return 0 }

// Close does nothing.
func (*Guard) Close() error { return nil }

// Leftovers finds none.
func Leftovers() ([]Leftover, error) { return nil, nil }

// Sweep finds nothing to do.
func Sweep() ([]string, error) { return nil, nil }

// SweepIn finds nothing to do.
func SweepIn(*netns.Handle) ([]string, error) { return nil, nil }
