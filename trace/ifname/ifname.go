// Package ifname tells the names of a namespace's network interfaces by index, as
// the trace readers need them.
package ifname

import "strconv"

// unknown is how an index is shown whose interface is not there, or no more.
func unknown(index uint32) string { return "if" + strconv.FormatUint(uint64(index), 10) }
