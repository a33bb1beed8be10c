package lab

import (
	"fmt"
	"strings"
)

// Stand is a lab that stands, of this process or another.
type Stand struct {
	Lab string
	PID int
	// Hosts are the names of its namespaces by host.
	Hosts map[string]string
	// Held is true where a process of `lab up` keeps it, which Release ends.
	Held bool
	inst instance
	// inner is the process that has the lab in a user namespace of its own, 0 where it is
	// in ours. PID is then its parent.
	inner int
}

// Apart reports whether the lab is in a user namespace of its own, so that the names of
// its namespaces mean nothing here: Exec leads there.
func (s Stand) Apart() bool { return s.inner != 0 }

// String says who keeps it.
func (s Stand) String() string {
	by := "by a running nfscope"
	if s.Held {
		by = "by lab up"
	}
	if s.Apart() {
		return fmt.Sprintf("%d hosts, kept %s (process %d), in a user namespace", len(s.Hosts), by, s.PID)
	}
	var any string
	for _, any = range s.Hosts {
		break
	}
	return fmt.Sprintf("%d hosts, kept %s (process %d), namespaces %s*", len(s.Hosts), by, s.PID, strings.TrimSuffix(any, any[strings.LastIndexByte(any, '-')+1:]))
}
