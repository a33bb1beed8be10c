package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/ti-mo/conntrack"

	"nfscope/trace/netns"
)

// Counted reads the kernel's counters of all hosts.
func (n *Network) Counted() (Counted, error) {
	all := Counted{}
	for host, h := range n.hosts {
		c := map[string]uint64{}
		err := h.Do(func() error {
			// The calling thread's namespace: /proc/net is that of the process.
			const dir = "/proc/thread-self/net/"
			for _, f := range []struct {
				name string
				read func(string, map[string]uint64)
			}{{"stat/nf_conntrack", readConntrackStat}, {"snmp", readSNMP}, {"netstat", readSNMP}, {"netfilter/nfnetlink_queue", readQueues}} {
				b, err := os.ReadFile(dir + f.name)
				if errors.Is(err, fs.ErrNotExist) {
					continue
				}
				if err != nil {
					return err
				}
				f.read(string(b), c)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("host %s: read the kernel's counters: %w", host, err)
		}
		all[host] = c
	}
	return all, nil
}

// readConntrackStat sums the lines of the CPUs; they are hexadecimal under a line of
// names.
func readConntrackStat(text string, c map[string]uint64) {
	var names []string
	for line := range strings.Lines(text) {
		if names == nil {
			names = strings.Fields(line)
			continue
		}
		for i, f := range strings.Fields(line) {
			// entries is the size of the table, told anew on each line.
			if v, err := strconv.ParseUint(f, 16, 64); err == nil && i < len(names) && names[i] != "entries" {
				c["conntrack."+names[i]] += v
			}
		}
	}
}

// readSNMP reads pairs of lines: "Ip: name name", "Ip: 1 2".
func readSNMP(text string, c map[string]uint64) {
	var names []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if names == nil || names[0] != f[0] {
			names = f
			continue
		}
		for i := 1; i < len(f) && i < len(names); i++ {
			if v, err := strconv.ParseUint(f[i], 10, 64); err == nil {
				c[strings.TrimSuffix(f[0], ":")+"."+names[i]] = v
			}
		}
		names = nil
	}
}

// readQueues reads the queues that someone listens to: the number first, the third column
// how many wait, the sixth and seventh what was dropped, and the one before the last how
// many packets it has given out (nfnetlink_queue.c, seq_show).
func readQueues(text string, c map[string]uint64) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 8 {
			continue
		}
		for at, name := range map[int]string{2: queueWaiting, 5: queueFull, 6: queueDeaf, 7: ""} {
			if v, err := strconv.ParseUint(f[at], 10, 64); err == nil {
				c[queueCounter+f[0]+name] = v
			}
		}
	}
}

// rewind has the hosts as they were before the first step: without connections, and all
// VMs in the groups that the lab begins with.
func (n *Network) rewind() error {
	for _, a := range n.agents {
		if err := a.reset(); err != nil {
			return fmt.Errorf("host %s: lead the VMs back into their groups: %w", a.host.Name(), err)
		}
	}
	for host, h := range n.hosts {
		c, err := netns.In(h, func() (*conntrack.Conn, error) { return conntrack.Dial(nil) })
		if err == nil {
			err = errors.Join(c.Flush(), c.Close())
		}
		if err != nil {
			return fmt.Errorf("host %s: forget its connections: %w", host, err)
		}
	}
	return nil
}
