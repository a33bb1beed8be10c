package lab

import (
	"strconv"
	"strings"
)

// Counted is what the kernel has counted, by host and name:
//   - conntrack.NAME: a column of /proc/net/stat/nf_conntrack over all CPUs, such as
//     insert_failed, drop, invalid.
//   - PROTO.NAME: a value of /proc/net/snmp and /proc/net/netstat, such as
//     Ip.OutNoRoutes, TcpExt.IPReversePathFilter.
//   - queue.N: packets that were given to user space by queue N; queue.N.waiting those that
//     have no verdict yet, queue.N.dropped those that found it full, and
//     queue.N.user_dropped those that the program's socket had no room for. A queue that
//     nobody listens to is not there.
type Counted map[string]map[string]uint64

// The names of a queue's counters: queue.N, and what stands behind it.
const (
	queueCounter = "queue."
	queueWaiting = ".waiting"
	queueFull    = ".dropped"
	queueDeaf    = ".user_dropped"
)

// of is a counter, or the sum of a range of queues; ok is false where the kernel has none
// of that name. A queue that is not there has counted nothing.
func (c Counted) of(host, name string) (sum uint64, ok bool) {
	queues, isQueue := strings.CutPrefix(name, queueCounter)
	from, to, isRange := splitRange(queues)
	if !isQueue || !isRange {
		sum, ok = c[host][name]
		return sum, ok
	}
	for q := int(from); q <= int(to); q++ {
		sum += c[host][queueCounter+strconv.Itoa(q)]
	}
	return sum, true
}

// Since gives what was counted since before.
func (c Counted) Since(before Counted) Counted {
	d := Counted{}
	for host, names := range c {
		d[host] = map[string]uint64{}
		for name, v := range names {
			if old := before[host][name]; old <= v {
				d[host][name] = v - old
			}
		}
	}
	return d
}
