package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/trace/drops"
)

// dropOptions are what `nfscope drops` was asked.
type dropOptions struct {
	filter *filter.Filter
	span   time.Duration
	count  int
	rate   int
	json   bool
	all    bool
}

func (a *app) dropsCommand() *cobra.Command {
	var o dropOptions
	c := &cobra.Command{
		Use: "drops [FILTER]", Short: "Print what the kernel throws away, and why",
		Long: "Print the packets that the kernel throws away in the namespace, with the kernel's reason\n" +
			"in plain words, the place, and what this host has to do with it: a sysctl, a route, a\n" +
			"neighbour, a listener. Drops by rules of netfilter are among them.\n" +
			"It needs CAP_BPF and CAP_PERFMON; where eBPF is refused it says so and what would lift\n" +
			"that, and goes on with perf or with the counters of /proc. What happens on every\n" +
			"healthy host is left out, unless --all is given.",
		Example: "  nfscope drops\n  nfscope drops --for 10s tcp and dst port 443\n  nfscope drops reason IP_RPFILTER --json | jq -r .reason_words",
		RunE: func(_ *cobra.Command, args []string) (err error) {
			if o.filter, err = a.parseFilter(args, filter.Drops); err != nil {
				return err
			}
			switch {
			case o.span < 0:
				return usagef("--for %v: expected 0 or more", o.span)
			case o.count < 0:
				return usagef("--count %d: expected 0 or more", o.count)
			case o.rate < 1 || o.rate > 1_000_000:
				return usagef("--rate %d: expected 1 to 1000000", o.rate)
			}
			return a.drops(&o)
		},
	}
	c.Flags().DurationVar(&o.span, "for", 0, "end after this time, 0 for no such end")
	c.Flags().IntVar(&o.count, "count", 0, "end after `N` drops, 0 for no such end")
	c.Flags().IntVar(&o.rate, "rate", drops.DefaultRate, "tell of at most `N` drops a second one by one; others are counted by reason and place")
	c.Flags().BoolVar(&o.json, "json", false, "print nfscope/drop/1 objects, one a line")
	c.Flags().BoolVar(&o.all, "all", false, "print also what happens on every healthy host")
	return c
}

// drops prints until the time is over, or it is interrupted.
func (a *app) drops(o *dropOptions) error {
	ns, err := a.open()
	if err != nil {
		return err
	}
	// What /proc tells anybody may read, but in another namespace only who may enter it.
	if err := ns.Do(func() error { return nil }); errors.Is(err, os.ErrPermission) {
		return lacking(fmt.Errorf("%w; it needs CAP_SYS_ADMIN: run it with sudo", err))
	}
	r, err := drops.Open(ns, drops.Options{Rate: o.rate, Burst: max(1, o.rate/4), Proto: uint8(o.filter.OnlyProto())})
	if err != nil {
		return err
	}
	a.live = true
	defer r.Close()
	w := r.Watch()
	for _, l := range w.Lift {
		fmt.Fprintln(a.err, "nfscope:", liftWords(l))
	}
	fmt.Fprintf(a.err, "watching drops: %s\n", w.Step.Words())
	ctx, stop := context.WithCancel(a.ctx)
	if o.span > 0 {
		ctx, stop = context.WithTimeout(a.ctx, o.span)
	}
	defer stop()
	p := &dropPrinter{out: bufio.NewWriter(a.objects(o.json)), o: o, words: drop.Meanings(), netns: a.netns, said: map[drop.Key]bool{}, stats: stats{start: time.Now()}, full: stop}
	err = r.Run(ctx, p.item)
	w = r.Watch()
	if err = errors.Join(err, p.err, r.Close()); errors.Is(err, os.ErrClosed) {
		err = nil
	}
	if err == nil {
		err = p.end(w)
	}
	if err == nil {
		fmt.Fprintln(a.err, p.summary(w))
	}
	if err == nil && a.ctx.Err() != nil {
		err = errInterrupted
	}
	return err
}

// liftWords say why a step is not at work and what would make it.
func liftWords(l drop.Lift) string {
	s := "no " + map[drop.Step]string{drop.StepBPF: "eBPF", drop.StepPerf: "perf"}[l.Step] + ": " + l.Why
	if l.Fix != "" {
		s += "; " + l.Fix
	}
	return s
}

// dropPrinter prints drops as text or JSON.
type dropPrinter struct {
	out   *bufio.Writer
	o     *dropOptions
	words drop.Dictionary
	netns string
	// said are the rows that were explained.
	said  map[drop.Key]bool
	stats stats
	// printed counts lines, packets what they stand for, usual what was left out,
	printed int
	// open that of which nobody can tell whether the filter means it.
	packets, usual, open uint64
	err                  error
	// full ends the watching.
	full func()
}

// mostSaid is how many rows are remembered as explained.
const mostSaid = 4096

func (p *dropPrinter) item(it feed.Item) {
	d := it.Drop
	if d == nil || p.err != nil || p.o.count > 0 && p.printed == p.o.count {
		return
	}
	p.stats.events++
	chosen := p.o.filter.Drop(d)
	if chosen == filter.No {
		return
	}
	e := p.words.Explain(d)
	switch usual := e.Grade == drop.Usual && !p.o.all; {
	case chosen == filter.Unknown && !usual:
		p.open += d.Count
		return
	case chosen == filter.Unknown:
		return
	case usual:
		p.usual += d.Count
		return
	}
	p.packets += d.Count
	if p.o.json {
		var b []byte
		if b, p.err = d.JSON(p.words, p.netns); p.err == nil {
			_, p.err = p.out.Write(append(b, '\n'))
		}
	} else {
		p.text(d, e)
	}
	if p.err == nil {
		p.err = p.out.Flush()
	}
	if p.printed++; p.err != nil || p.printed == p.o.count {
		p.full()
	}
}

// text prints a line, and below the first one of each row what it means.
func (p *dropPrinter) text(d *drop.Drop, e drop.Explanation) {
	parts := []string{d.Time.Format("15:04:05.000000"), d.Reason}
	if s := d.What(); s != "" {
		parts = append(parts, s)
	}
	if d.Count > 1 || d.Source != drop.StepBPF {
		parts = append(parts, plural(d.Count, "packet"))
	}
	if d.In != "" {
		parts = append(parts, "in "+d.In)
	}
	if d.Out != "" {
		parts = append(parts, "out "+d.Out)
	}
	if s := d.Where(); s != "" {
		parts = append(parts, "at "+s)
	}
	if d.Tracked() && (d.Orig.Dst != d.Packet.Dst && d.Orig.Src != d.Packet.Dst || d.Orig.Src != d.Packet.Src && d.Orig.Dst != d.Packet.Src) {
		parts = append(parts, "of the connection "+d.Orig.String())
	}
	if d.Source == drop.StepPerf {
		parts = append(parts, "in the whole host")
	}
	_, p.err = fmt.Fprintln(p.out, strings.Join(parts, "  "))
	k := drop.KeyOf(d)
	if p.said[k] || p.err != nil {
		return
	}
	if len(p.said) == mostSaid {
		clear(p.said)
	}
	p.said[k] = true
	_, p.err = fmt.Fprintln(p.out, "    "+e.Sentence())
	if e.Do != "" && p.err == nil {
		_, p.err = fmt.Fprintln(p.out, "    > "+e.Do)
	}
}

// end prints what comes last on stdout.
func (p *dropPrinter) end(w drop.Watch) error {
	if p.o.json {
		p.stats.lost, p.stats.missed = w.Merged, w.Missed
		if err := p.stats.print(p.out); err != nil {
			return err
		}
	}
	return p.out.Flush()
}

// summary is the last line on stderr.
func (p *dropPrinter) summary(w drop.Watch) string {
	s := fmt.Sprintf("%s in %v, lost %d", plural(p.packets, "packet"), time.Since(p.stats.start).Round(10*time.Millisecond), w.Merged)
	if n := w.Untold(); n > 0 {
		s += fmt.Sprintf("; %s above the rate %s counted by reason and place", plural(n, "drop"), wordFor(n, "was", "were"))
	}
	if p.open > 0 {
		s += fmt.Sprintf("; of %s without a packet to look at nobody can tell whether FILTER means %s", plural(p.open, "drop"), wordFor(p.open, "it", "them"))
	}
	if w.Homeless > 0 {
		s += fmt.Sprintf("; of %s in the whole host nobody can tell whose %s", plural(w.Homeless, "drop"), wordFor(w.Homeless, "it was", "they were"))
	}
	if w.Missed > 0 {
		s += fmt.Sprintf("; %s in the whole host the kernel freed something, a packet or a socket's message, as dropped and told nobody: in an interrupt it may pass eBPF over", plural(w.Missed, "time"))
	}
	if p.usual > 0 {
		s += fmt.Sprintf("; %s left out that %s on every host (--all)", plural(p.usual, "drop"), wordFor(p.usual, "happens", "happen"))
	}
	return s
}

// wordFor gives the word for one, or for any other number.
func wordFor(n uint64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
