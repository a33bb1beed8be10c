package main

import (
	"bufio"
	"fmt"
	"time"

	"nfscope/model/filter"
	"nfscope/model/flow"
)

// mostRows is how many rows are printed.
const mostRows = 20

// connTop adds connections up and prints who has the most.
func (a *app) connTop(fl *filter.Filter, by flow.Kind, follow, asJSON bool) error {
	ns, r, err := a.connReader()
	if err != nil {
		return err
	}
	defer r.Close()
	say := a.sayer()
	h := a.connHost(ns, say)
	t, wanted := newConnTable(h), h.wanted(fl)
	out := bufio.NewWriter(a.objects(asJSON))
	err = a.eachReading(r, t, follow, a.anew(), func(at time.Time) error {
		rows, of := t.table.Top(by, func() func(*flow.Look) bool { return wanted }, mostRows)
		if !asJSON {
			if follow {
				fmt.Fprintf(out, "%s  ", at.Format("15:04:05"))
			}
			printTop(out, rows, of, by)
			return out.Flush()
		}
		for i := range rows {
			t.stats.events++
			b, err := rows[i].JSON(at, i+1)
			if err != nil {
				return err
			}
			_, _ = out.Write(append(b, '\n'))
		}
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

func printTop(w *bufio.Writer, rows []*flow.Group, of int, by flow.Kind) {
	width := len("connections")
	for _, r := range rows {
		width = max(width, len(r.Key.String()))
	}
	fmt.Fprintf(w, "by %s, %d of %d\n%-*s %11s %9s %12s %14s %12s\n", by.Word(), len(rows), of, width, by.Word(), "connections", "unreplied", "packets", "bytes", "bytes/s")
	missing := 0
	for _, r := range rows {
		packets, bytes, rate := "n/a", "n/a", "n/a"
		if r.Counted > 0 {
			packets, bytes = fmt.Sprint(r.Packets()), fmt.Sprint(r.Bytes())
			if n := r.Uncounted(); n > 0 {
				packets, bytes, missing = packets+"+", bytes+"+", missing+n
			}
		}
		if r.Rated > 0 {
			rate = fmt.Sprintf("%.0f", r.Rate)
		}
		fmt.Fprintf(w, "%-*s %11d %9d %12s %14s %12s\n", width, r.Key, r.Flows, r.Unreplied, packets, bytes, rate)
	}
	if missing > 0 {
		fmt.Fprintf(w, "+ and more: %s have no counters: they came after the last reading, or began before net.netfilter.nf_conntrack_acct was 1\n", plural(uint64(missing), "connection"))
	}
	if len(rows) > 0 && rows[0].Counted == 0 {
		fmt.Fprintln(w, uncounted)
	}
}
