package main

import (
	"bufio"
	"fmt"
	"strings"
	"time"

	"nfscope/model/health"
)

// connStats prints how conntrack itself is doing: after one second of watching, or with
// follow every second.
func (a *app) connStats(follow, asJSON bool) error {
	_, r, err := a.connReader()
	if err != nil {
		return err
	}
	defer r.Close()
	a.live = true
	out, say := bufio.NewWriter(a.objects(asJSON)), a.sayer()
	st := stats{start: time.Now()}
	var f health.Follower
	for n := 0; ; n++ {
		h, err := r.Health(a.ctx)
		if a.ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		if p := r.Gone(); p != "" {
			say(p)
		}
		v := f.Next(h)
		st.events++
		if n > 0 {
			if asJSON {
				b, err := v.MarshalJSON()
				if err != nil {
					return err
				}
				_, _ = out.Write(append(b, '\n'))
			} else {
				printHealth(out, v, follow)
			}
			if err := out.Flush(); err != nil {
				return err
			}
			if !follow {
				break
			}
		}
		if pause(a.ctx, time.Second) != nil {
			break
		}
	}
	if asJSON {
		if err := st.print(out); err != nil {
			return err
		}
	}
	return out.Flush()
}

func printHealth(w *bufio.Writer, v *health.View, follow bool) {
	if follow {
		fmt.Fprintf(w, "%s  ", v.Time.Format("15:04:05"))
	}
	share := ""
	if v.Max > 0 && v.Count >= 0 {
		share = fmt.Sprintf(" (%.1f %%)", 100*v.Full())
	}
	fmt.Fprintf(w, "%s of %s entries%s, %s buckets\n", orUnknown(v.Count), limit(v.Max), share, orUnknown(v.Buckets))
	if follow {
		var l []string
		for k := range health.Kinds {
			if v.Knows(k) && v.Rates[k] > 0 {
				l = append(l, fmt.Sprintf("%s %.1f/s", k, v.Rates[k]))
			}
		}
		if len(l) > 0 {
			fmt.Fprintf(w, "          %s\n", strings.Join(l, "  "))
		}
	} else {
		fmt.Fprintf(w, "\n%-15s %10s %14s", "statistic", "per second", "in all")
		for _, c := range v.CPUs {
			fmt.Fprintf(w, " %12s", fmt.Sprintf("cpu %d", c.ID))
		}
		fmt.Fprintln(w)
		for k := range health.Kinds {
			if !v.Knows(k) {
				continue
			}
			fmt.Fprintf(w, "%-15s %10.1f %14d", k, v.Rates[k], v.Ever[k])
			for i := range v.CPUs {
				fmt.Fprintf(w, " %12d", v.CPUs[i].Counts[k])
			}
			fmt.Fprintln(w)
		}
	}
	for _, x := range v.Warnings() {
		mark := "note: "
		if x.Bad {
			mark = "warning: "
		}
		fmt.Fprintf(w, "%s%s\n", mark, x.Words)
		if x.Do != "" {
			fmt.Fprintf(w, "    %s\n", x.Do)
		}
	}
}

func orUnknown(n int) string {
	if n < 0 {
		return "unknown"
	}
	return fmt.Sprint(n)
}

func limit(n int) string {
	if n == 0 {
		return "unlimited"
	}
	return orUnknown(n)
}
