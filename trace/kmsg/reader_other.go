//go:build !linux

package kmsg

// Reader needs Linux.
type Reader struct{}

// Open fails with ErrRefused.
func Open() (*Reader, error) { return nil, ErrRefused }

// Run fails with ErrRefused.
func (*Reader) Run(func(Record)) error { return ErrRefused }

// Lost is 0.
func (*Reader) Lost() uint64 { return 0 }

// Close does nothing.
func (*Reader) Close() error { return nil }
