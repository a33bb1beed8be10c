// Package model is the vocabulary of nfscope: families, hooks, tables, chains,
// rules, verdicts, packets and tuples, named as netfilter names them. It is pure:
// it imports the standard library only, reads no clock and does no I/O.
package model

import "fmt"

// Backend is the program family that owns a table.
type Backend uint8

// The three backends. A host may use all of them at once; a packet walks them all.
const (
	BackendUnknown     Backend = iota
	BackendLegacy              // x_tables, written by iptables-legacy
	BackendIptablesNFT         // nf_tables, written by iptables-nft
	BackendNFTables            // nf_tables, written by nft or a library
)

var backendNames = [...]string{"unknown", "iptables-legacy", "iptables-nft", "nftables"}

// String gives the name used in JSON and on the screen.
func (b Backend) String() string {
	if int(b) < len(backendNames) {
		return backendNames[b]
	}
	return fmt.Sprintf("backend-%d", uint8(b))
}

// Mark is the one-letter badge of the backend on the Path page: L, I or N.
func (b Backend) Mark() string {
	if int(b) < len(backendNames) {
		return "?LIN"[b : b+1]
	}
	return "?"
}

// MarshalText writes the name.
func (b Backend) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (b *Backend) UnmarshalText(t []byte) error {
	for i, n := range backendNames {
		if n == string(t) {
			*b = Backend(i)
			return nil
		}
	}
	if n, ok := numbered(string(t), "backend-"); ok {
		*b = Backend(n)
		return nil
	}
	return fmt.Errorf("unknown backend %q", t)
}
