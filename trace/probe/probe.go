// Package probe finds out what of nfscope works on this host and in a namespace, and
// what would make the rest work.
package probe

// State says how a feature stands.
type State string

// The states.
const (
	Works   State = "works"
	Off     State = "off"     // there, and switched off
	Missing State = "missing" // not there
	Unknown State = "unknown" // could not be tried
	Note    State = "note"    // worth knowing
)

// Finding is what was found out about one feature.
type Finding struct {
	Feature string `json:"feature"`
	State   State  `json:"state"`
	// Says is one sentence.
	Says string `json:"says"`
	// Fix is the command that gives what is missing, "" where there is nothing to do.
	Fix string `json:"fix,omitempty"`
}
