//go:build !linux

package netns

import (
	"context"
	"os/exec"
)

// Handle is an open network namespace. There are none on this system.
type Handle struct{}

// Current fails with ErrUnsupported.
func Current() (*Handle, error) { return nil, ErrUnsupported }

// Open fails with ErrUnsupported.
func Open(string) (*Handle, error) { return nil, ErrUnsupported }

// Create fails with ErrUnsupported.
func Create(string) (*Handle, error) { return nil, ErrUnsupported }

// Delete fails with ErrUnsupported.
func Delete(string) error { return ErrUnsupported }

// List finds none.
func List(string) ([]string, error) { return nil, nil }

// Remove fails with ErrUnsupported.
func (*Handle) Remove() error { return ErrUnsupported }

// Same is false.
func (*Handle) Same(*Handle) bool { return false }

// Name is "".
func (*Handle) Name() string { return "" }

// Fd is -1.
func (*Handle) Fd() int { return -1 }

// Close does nothing.
func (*Handle) Close() error { return nil }

// Do fails with ErrUnsupported.
func (*Handle) Do(func() error) error { return ErrUnsupported }

// Start fails with ErrUnsupported.
func (*Handle) Start(*exec.Cmd) error { return ErrUnsupported }

// Exec fails with ErrUnsupported.
func (*Handle) Exec(string, []string, []string) error { return ErrUnsupported }

// Output fails with ErrUnsupported.
func (*Handle) Output(context.Context, []byte, string, ...string) ([]byte, error) {
	return nil, ErrUnsupported
}
