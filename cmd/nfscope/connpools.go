package main

import (
	"bufio"
	"fmt"
	"strings"
	"time"

	"nfscope/model/filter"
	"nfscope/model/nat"
)

// mostPools is how many pools are printed.
const mostPools = 100

// connPools prints how full the pools of NAT ports are, fullest first.
func (a *app) connPools(fl *filter.Filter, follow, asJSON bool) error {
	ns, r, err := a.connReader()
	if err != nil {
		return err
	}
	defer r.Close()
	say := a.sayer()
	h := a.connHost(ns, say)
	t := newConnTable(h)
	wanted := h.wanted(fl)
	out := bufio.NewWriter(a.objects(asJSON))
	var growth nat.Growth
	first := true
	err = a.eachReading(r, t, follow, a.anew(), func(at time.Time) error {
		now := h.now.Load()
		pools := nat.NewSources(now.index, now.host).Pools(t.looks(wanted), mostPools)
		growth.Add(pools, at)
		if follow && !asJSON {
			fmt.Fprintf(out, "%s\n", at.Format("15:04:05"))
		}
		if !asJSON {
			printPools(out, pools, follow)
		}
		for i := range pools {
			t.stats.events++
			if asJSON {
				b, err := pools[i].JSON(at, !first)
				if err != nil {
					return err
				}
				_, _ = out.Write(append(b, '\n'))
			}
		}
		first = false
		return out.Flush()
	})
	if err != nil {
		return err
	}
	if asJSON {
		if err := t.stats.print(out); err != nil {
			return err
		}
	}
	return out.Flush()
}

func printPools(w *bufio.Writer, pools []nat.Pool, follow bool) {
	if len(pools) == 0 {
		fmt.Fprintln(w, "no rule names an address for sources, and no connection's source is translated")
		return
	}
	for i := range pools {
		p := &pools[i]
		proto := p.Proto.String()
		if p.Proto == 0 {
			proto = "any"
		}
		from := "kernel's range"
		if p.Given {
			from = "range of the rule"
		}
		fmt.Fprintf(w, "%s  %s %s to %s: %d of %d ports (%.1f %%), %s %s", gauge(p.Share(), 10), proto, p.Addr, p.Destination(), p.Used, p.Ports.Size(),
			100*p.Share(), p.Ports, from)
		if p.Closing > 0 {
			fmt.Fprintf(w, ", %d closing", p.Closing)
		}
		if follow && p.Growth != 0 {
			fmt.Fprintf(w, ", %+.1f/s", p.Growth)
			if p.Full > 0 {
				fmt.Fprintf(w, ", full in %s", p.Full.Round(time.Second))
			}
		}
		fmt.Fprintln(w)
		for _, r := range p.Rules {
			fmt.Fprintf(w, "            rule %d of %s %s: %s\n", r.Rule.Index, r.Table.Name, r.Chain.Name, r.Rule.Text)
		}
	}
}

// gauge draws a share of so many cells.
func gauge(share float64, width int) string {
	n := min(width, int(share*float64(width)+0.5))
	if share > 0 {
		n = max(1, n)
	}
	return "[" + strings.Repeat("#", n) + strings.Repeat(".", width-n) + "]"
}
