package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nfscope/model/filter"
	"nfscope/model/logline"
	"nfscope/trace/logs"
	"nfscope/trace/rules"
)

// kernelLog is the word for the kernel's own log among the groups.
const kernelLog = "kernel"

// logOptions are what `nfscope log` was asked.
type logOptions struct {
	logs.Options
	// found takes the groups, and the kernel's log, from the rules.
	found  bool
	filter *filter.Filter
	span   time.Duration
	count  int
	json   bool
}

func (a *app) logCommand() *cobra.Command {
	var o logOptions
	c := &cobra.Command{
		Use: "log [GROUP...] [FILTER]", Short: "Print what the rules log: NFLOG groups, and LOG lines",
		Long: "Print what the user's own rules log, and which rule it was: the packets they send to\n" +
			"NFLOG groups (-j NFLOG, nft's log group), and the lines of LOG in the kernel's log.\n" +
			"GROUP is a number, or `kernel`; without one, all that the rules name are read. Reading\n" +
			"a group binds it, as ulogd does. A group that has a reader is named and left alone.",
		Example: "  nfscope log\n  nfscope log 5 tcp and dst port 22\n  nfscope log kernel --json | jq -r .prefix",
		RunE: func(_ *cobra.Command, args []string) (err error) {
			if args, err = o.sources(args); err != nil {
				return err
			}
			if o.filter, err = a.parseFilter(args, filter.Packets); err != nil {
				return err
			}
			switch {
			case o.span < 0:
				return usagef("--for %v: expected 0 or more", o.span)
			case o.count < 0:
				return usagef("--count %d: expected 0 or more", o.count)
			}
			return a.log(&o)
		},
	}
	c.Flags().DurationVar(&o.span, "for", 0, "end after this time, 0 for no such end")
	c.Flags().IntVar(&o.count, "count", 0, "end after `N` lines, 0 for no such end")
	c.Flags().BoolVar(&o.json, "json", false, "print nfscope/log/1 objects, one a line")
	return c
}

// sources takes the groups from the front of the arguments and gives the rest.
func (o *logOptions) sources(args []string) ([]string, error) {
	o.Groups, o.Kernel = nil, false
	for len(args) > 0 {
		word := args[0]
		if word == kernelLog {
			o.Kernel = true
		} else if strings.Trim(word, "0123456789") != "" || word == "" {
			break
		} else {
			n, err := strconv.ParseUint(word, 10, 16)
			if err != nil {
				return nil, usagef("NFLOG group %s: expected 0 to 65535", word)
			}
			o.Groups = append(o.Groups, uint16(n))
		}
		args = args[1:]
	}
	o.found = len(o.Groups) == 0 && !o.Kernel
	return args, nil
}

// log reads until the time is over, or it is interrupted.
func (a *app) log(o *logOptions) error {
	ns, err := a.open()
	if err != nil {
		return err
	}
	if err := needAdmin("reading NFLOG groups"); err != nil {
		return err
	}
	p := &logPrinter{out: bufio.NewWriter(a.objects(o.json)), o: o, stats: stats{start: time.Now()}}
	if rr, err := rules.Open(ns); err != nil {
		fmt.Fprintln(a.err, "nfscope: the rules could not be read, so that nobody knows whose the lines are:", err)
	} else {
		rs, err := rr.Snapshot(a.ctx)
		if err = errors.Join(err, rr.Close()); err != nil {
			fmt.Fprintln(a.err, "nfscope: the rules could not be read, so that nobody knows whose the lines are:", err)
		}
		p.rules = logline.Rules(rs)
	}
	if o.found {
		if o.Groups, o.Kernel = logline.Groups(p.rules); len(o.Groups) == 0 && !o.Kernel {
			return errors.New("no rule here logs: there is no -j NFLOG, -j LOG or nft log. Name a group to wait for rules that come: nfscope log 5")
		}
	}
	r, err := logs.Open(ns, o.Options)
	if err != nil {
		return lacking(err)
	}
	a.live = true
	defer r.Close()
	said := map[string]bool{}
	complain := func() {
		for _, m := range r.Missing() {
			if !said[m] {
				said[m] = true
				fmt.Fprintln(a.err, "nfscope:", m)
			}
		}
	}
	complain()
	fmt.Fprintln(a.err, "reading", sourceWords(r.Groups(), r.Kernel()))
	ctx, stop := context.WithCancel(a.ctx)
	if o.span > 0 {
		ctx, stop = context.WithTimeout(a.ctx, o.span)
	}
	defer stop()
	p.full = stop
	err = r.Run(ctx, p.line)
	p.stats.lost = r.Lost()
	complain()
	if err = errors.Join(err, p.err, r.Close()); errors.Is(err, os.ErrClosed) {
		err = nil
	}
	if err == nil && o.json {
		err = p.stats.print(p.out)
	}
	if err == nil {
		err = p.out.Flush()
	}
	if err == nil {
		fmt.Fprintf(a.err, "%s in %v, lost %d\n", plural(uint64(p.printed), "line"), time.Since(p.stats.start).Round(10*time.Millisecond), p.stats.lost)
	}
	if err == nil && a.ctx.Err() != nil {
		err = errInterrupted
	}
	return err
}

// sourceWords names what is read: "groups 5 and 7, the kernel's log".
func sourceWords(groups []uint16, kernel bool) string {
	var s []string
	for _, g := range groups {
		s = append(s, "NFLOG group "+strconv.Itoa(int(g)))
	}
	if kernel {
		s = append(s, "the kernel's log")
	}
	return strings.Join(s, ", ")
}

// logPrinter prints lines as text or JSON.
type logPrinter struct {
	out     *bufio.Writer
	o       *logOptions
	rules   []*logline.Rule
	stats   stats
	printed int
	err     error
	// full ends the reading.
	full func()
}

func (p *logPrinter) line(l logline.Line) {
	if p.err != nil || p.o.count > 0 && p.printed == p.o.count {
		return
	}
	p.stats.events++
	if !p.o.filter.Empty() && (l.Packet == nil || p.o.filter.Packet(l.Packet, l.In, l.Out) != filter.Yes) {
		return
	}
	rules := l.Candidates(p.rules)
	if p.o.json {
		var b []byte
		if b, p.err = l.JSON(rules); p.err == nil {
			_, p.err = p.out.Write(append(b, '\n'))
		}
	} else {
		parts := []string{l.Time.Format("15:04:05.000000"), l.From(), strconv.Quote(l.Prefix), l.What()}
		for _, s := range []string{l.Way(), l.Owner(), logline.Words(rules)} {
			if s != "" {
				parts = append(parts, s)
			}
		}
		_, p.err = fmt.Fprintln(p.out, strings.Join(parts, "  "))
	}
	if p.err == nil {
		p.err = p.out.Flush()
	}
	if p.printed++; p.err != nil || p.printed == p.o.count {
		p.full()
	}
}
