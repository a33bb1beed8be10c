package journey

import (
	"strconv"
	"strings"

	"nfscope/model"
)

// armingPriority is where the chains of nfscope's table stand that switch the trace
// on: between defragmentation and raw. What a packet met before is not traced.
const armingPriority = -350

// armingPlace is where the trace of an event was switched on. The chain of our table
// that does it is called trace; where others run before armingPriority the table
// stands before them, and it is called trace_PREROUTING_OUTPUT, after the priorities
// below zero of its two base chains (trace/arm).
func armingPlace(e *Event) place {
	p := place{hookByDevices(e), armingPriority}
	if f := strings.Split(e.Chain, "_"); len(f) == 3 {
		n := f[1]
		if p.hook == model.HookOutput {
			n = f[2]
		}
		if below, err := strconv.ParseInt(n, 10, 64); err == nil && below > 0 && below <= 1<<31 {
			p.priority = model.Priority(-below)
		}
	}
	return p
}
