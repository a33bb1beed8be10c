package lab

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"nfscope/model/snapshot"
)

// watch looks at what the kernel counts while a lab is played, for labs that are about
// that: those that state such a counter, and those with a program behind NFQUEUE.
type watch struct {
	n      *Network
	before Counted
	on     bool
}

// watching begins to count.
func (n *Network) watching() *watch {
	w := &watch{n: n, on: len(n.lab.Kernel) > 0 || slices.ContainsFunc(n.lab.Hosts, func(h Host) bool {
		return slices.ContainsFunc(h.Services, func(s Service) bool { return s.Do == "nfqueue" })
	})}
	if w.on {
		var err error
		w.before, err = n.Counted()
		w.on = err == nil
	}
	return w
}

// tell writes into a view what was counted since.
func (w *watch) tell(v *snapshot.Lab) {
	if !w.on {
		return
	}
	now, err := w.n.Counted()
	if err != nil {
		return // the lab goes on without
	}
	rose := now.Since(w.before)
	for _, k := range w.n.lab.Kernel {
		if strings.HasPrefix(k.Counter, queueCounter) {
			continue // told queue by queue
		}
		host := cmp.Or(k.Host, w.n.lab.Observed)
		n, _ := rose.of(host, k.Counter)
		v.Counts = append(v.Counts, snapshot.LabCount{Host: host, Name: k.Counter, Rose: n})
	}
	for _, h := range w.n.lab.Hosts {
		v.Queues = append(v.Queues, queuesOf(h.Name, now, rose)...)
	}
}

// queuesOf lists the queues of a host that a program reads, by number.
func queuesOf(host string, now, rose Counted) (list []snapshot.LabQueue) {
	for name := range now[host] {
		number, err := strconv.Atoi(strings.TrimPrefix(name, queueCounter))
		if err != nil || !strings.HasPrefix(name, queueCounter) {
			continue
		}
		list = append(list, snapshot.LabQueue{Host: host, Number: number, Given: rose[host][name],
			Waiting: now[host][name+queueWaiting], Full: rose[host][name+queueFull], Deaf: rose[host][name+queueDeaf]})
	}
	slices.SortFunc(list, func(a, b snapshot.LabQueue) int { return cmp.Compare(a.Number, b.Number) })
	return list
}
