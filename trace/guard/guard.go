// Package guard keeps a promise that a killed process cannot keep: whatever nfscope
// changed on the host is put back. A second process, in a session of its own, is told
// of every change before it is made; when the first one dies without having undone
// them, it undoes what is left, last first, and ends.
//
// The program's main must hand over to Main when it is started with Arg:
//
//	if len(os.Args) > 1 && os.Args[1] == guard.Arg {
//		guard.Main()
//	}
package guard

import (
	"errors"
	"fmt"
	"strings"
)

// Arg is the first argument of a process that is to be the guard.
const Arg = "__nfscope-guard"

// Dir is where a guard writes down what it holds, so that Sweep can finish the work
// when the guard was killed too.
const Dir = "/run/nfscope"

// ErrUnsupported is what every call returns where there is nothing to guard.
var ErrUnsupported = errors.New("nfscope changes nothing on this system, so there is nothing to guard")

// Kind is a kind of change.
type Kind string

// The kinds.
const (
	KindSysctl   Kind = "sysctl"   // Path under /proc/sys got Ours, had Old
	KindIptables Kind = "iptables" // Command takes the rule out again
	KindNetns    Kind = "netns"    // the named namespace Name was made
	KindRemove   Kind = "remove"   // the file or empty directory Path was made
)

// Entry is one change and how it is undone.
type Entry struct {
	ID   int  `json:"id"`
	Kind Kind `json:"kind"`
	// NS is the namespace of a sysctl or an iptables rule.
	NS        *Namespace `json:"ns,omitempty"`
	Path      string     `json:"path,omitempty"`
	Old, Ours string     `json:",omitempty"`
	Command   []string   `json:"command,omitempty"`
	Name      string     `json:"name,omitempty"`
}

// Namespace names a network namespace so that it is found again without a file
// descriptor: by what the user called it, and by its inode, which must agree.
type Namespace struct {
	Name string `json:"name,omitempty"`
	Dev  uint64 `json:"dev"`
	Ino  uint64 `json:"ino"`
}

// String says what was changed.
func (e Entry) String() string {
	in := ""
	if e.NS != nil && e.NS.Name != "" {
		in = " in namespace " + e.NS.Name
	}
	switch e.Kind {
	case KindSysctl:
		return fmt.Sprintf("sysctl %s%s back to %s", e.Path, in, e.Old)
	case KindIptables:
		return fmt.Sprintf("%s%s", strings.Join(e.Command, " "), in)
	case KindNetns:
		return "network namespace " + e.Name
	case KindRemove:
		return "file " + e.Path
	}
	return string(e.Kind)
}

// undone is the sentence that says what was done about what a dead process left.
func (e Entry) undone(pid int) string {
	in := ""
	if e.NS != nil && e.NS.Name != "" {
		in = " in namespace " + e.NS.Name
	}
	switch e.Kind {
	case KindSysctl:
		return fmt.Sprintf("set the sysctl %s%s back to %s, which the dead process %d had set to %s", strings.ReplaceAll(e.Path, "/", "."), in, e.Old, pid, e.Ours)
	case KindIptables:
		return fmt.Sprintf("undid a change of the dead process %d to the rules%s with `%s`", pid, in, strings.Join(e.Command, " "))
	case KindNetns:
		return fmt.Sprintf("removed the network namespace %s, which the dead process %d had made", e.Name, pid)
	}
	return fmt.Sprintf("removed the file %s, which the dead process %d had made", e.Path, pid)
}

// Leftover is what a killed process and its killed guard have left.
type Leftover struct {
	// File is the guard's note of it.
	File string
	// PID is the process that made the changes.
	PID     int
	Entries []Entry
}

// message is what goes over the socket, one to a packet.
type message struct {
	Op    string `json:"op"` // hold, undone, hello
	Entry Entry  `json:"entry"`
}

type reply struct {
	ID    int    `json:"id"`
	Error string `json:"error,omitempty"`
}
