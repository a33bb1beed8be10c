package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/trace/conntrack"
)

func (a *app) connsCommand() *cobra.Command {
	var follow, asJSON, pools, health bool
	var by string
	c := &cobra.Command{
		Use: "conns [FILTER]", Short: "Print the connections and their NAT",
		Long: "Print conntrack's entries, one a line: client -> service -> backend.\n" +
			"With --follow, print what becomes new, changes and ends, until interrupted.\n\n" +
			"--top adds connections up, --pools shows how full the pools of NAT ports are, --stats how\n" +
			"conntrack itself is doing; each also with --follow and --json.",
		Example: "  nfscope conns dnat\n  nfscope conns --follow tcp and dst port 443\n  nfscope conns --json | jq .nat\n" +
			"  nfscope conns --top=service tcp\n  nfscope conns --pools --follow\n  nfscope conns --stats",
		RunE: func(c *cobra.Command, args []string) error {
			top := c.Flags().Changed("top")
			fl, err := a.parseFilter(args, filter.Flows)
			if err != nil {
				return err
			}
			switch {
			case pools && health || top && (pools || health):
				return usagef("--top, --pools and --stats are three answers: ask for one")
			case health && len(args) > 0:
				return usagef("--stats tells of the table as a whole and takes no FILTER")
			case health:
				return a.connStats(follow, asJSON)
			case pools:
				return a.connPools(fl, follow, asJSON)
			case top:
				b, err := flow.ParseKind(by)
				if err != nil {
					return usagef("--top: %w", err)
				}
				return a.connTop(fl, b, follow, asJSON)
			}
			return a.conns(fl, follow, asJSON)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with events until interrupted")
	c.Flags().BoolVar(&asJSON, "json", false, "print nfscope/flow/1 objects, one a line; nfscope/top/1, nfscope/pool/1, nfscope/conntrack-stats/1")
	words := flow.KindWords()
	c.Flags().StringVar(&by, "top", "", "add up `BY` "+strings.Join(words[:len(words)-1], ", ")+" or "+words[len(words)-1])
	c.Flags().Lookup("top").NoOptDefVal = flow.OfSource.Word()
	c.Flags().BoolVar(&pools, "pools", false, "ports used of each source NAT address, protocol and destination")
	c.Flags().BoolVar(&health, "stats", false, "entries and maximum, conntrack's statistics as rates, what to do")
	return c
}

// parseFilter reads the FILTER that the command line's words make up, of things of a
// kind, and says on the error output where tcpdump would read it otherwise.
func (a *app) parseFilter(args []string, k filter.Kind) (*filter.Filter, error) {
	f, err := filter.Parse(strings.Join(args, " "))
	if err == nil {
		err = f.Check(k)
	}
	if err != nil {
		return nil, usage(err)
	}
	if note := f.Note(); note != "" {
		fmt.Fprintln(a.err, "nfscope:", note)
	}
	return f, nil
}

// uncounted says why there are no counters, and how there will be.
const uncounted = "packets and bytes are not counted: sysctl -w net.netfilter.nf_conntrack_acct=1 counts those of new connections"

// connPrinter prints flow events as text or JSON.
type connPrinter struct {
	out    *bufio.Writer
	json   bool
	follow bool
	wanted func(*flow.Look) bool
	say    func(problem string)
	table  flow.Table // what is known
	stats  stats
	// off is true where accounting is, bare once a line without counters was printed.
	off, bare bool
	err       error
}

func (a *app) conns(fl *filter.Filter, follow, asJSON bool) error {
	ns, err := a.open()
	if err != nil {
		return err
	}
	if err := needAdmin("reading conntrack"); err != nil {
		return err
	}
	p := &connPrinter{out: bufio.NewWriter(a.objects(asJSON)), json: asJSON, follow: follow, stats: stats{start: time.Now()}, say: a.sayer()}
	h := a.connHost(ns, p.say)
	if f := h.now.Load().flows; f != nil {
		p.table.SetHost(*f)
	}
	p.wanted = h.wanted(fl)
	r, err := conntrack.Open(ns)
	if err != nil {
		return err
	}
	defer r.Close()
	a.live = true
	if follow {
		ctx, stop := context.WithCancel(a.ctx)
		defer stop()
		defer h.follow(ctx, &p.table)()
		err = r.Watch(ctx, conntrack.Options{}, func(it feed.Item) { p.item(it, stop) })
	} else if err = r.List(a.ctx, func(it feed.Item) { p.item(it, nil) }); err == nil && a.ctx.Err() == nil {
		p.all()
	}
	if p.err != nil {
		return p.err
	}
	if err != nil {
		return err
	}
	if asJSON {
		if err := p.stats.print(p.out); err != nil {
			return err
		}
	}
	return p.out.Flush()
}

// item prints one item; stop ends the watch when nobody reads any more.
func (p *connPrinter) item(it feed.Item, stop func()) {
	if it.Problem != "" {
		p.say(it.Problem)
	}
	if it.Table != nil {
		p.table.SetTimeouts(it.Table.Timeouts)
		p.table.SetExpectations(it.Table.Expected)
		p.off = !it.Table.Accounting
		p.tellUncounted()
	}
	if it.Flows != nil && !p.follow {
		p.stats.events += uint64(len(it.Flows.Records))
		p.table.ApplyBatch(it.Flows)
		it.Flows.Release()
		return
	}
	if p.err != nil {
		return
	}
	it.Split(func(it feed.Item) {
		if it.Flow != nil {
			p.event(*it.Flow)
		}
	})
	if it.Flows != nil {
		it.Flows.Release()
	}
	if p.err == nil && p.follow {
		p.err = p.out.Flush()
	}
	if p.err != nil && stop != nil {
		stop()
	}
}

// event prints what an event has to tell.
func (p *connPrinter) event(e flow.Event) {
	for _, e := range p.told(e) {
		if e.Flow != nil {
			if l := e.Flow.Look(); !p.wanted(&l) {
				continue
			}
		}
		if p.print(&e); p.err != nil {
			return
		}
	}
}

// all prints the flows of one reading.
func (p *connPrinter) all() {
	for f := range p.table.All() {
		if l := f.Look(); p.wanted(&l) {
			p.print(&flow.Event{Type: flow.EventDump, Time: f.Seen, Flow: f})
		}
		if p.err != nil {
			return
		}
	}
}

// told is what an event has to tell the user: of a reading of the whole table only
// what is new in it, and what is no longer there.
func (p *connPrinter) told(e flow.Event) []flow.Event {
	var before *flow.Flow
	switch e.Type {
	case flow.EventGap:
		p.stats.miss(e.Lost)
		return []flow.Event{e}
	case flow.EventDumpBegin:
	case flow.EventDumpEnd:
		defer p.table.Expire(e.Time)
	default:
		p.stats.events++
		before = p.table.Get(e.Flow.Key())
	}
	p.table.Apply(e)
	switch e.Type {
	case flow.EventDumpBegin:
		return nil
	case flow.EventDumpEnd:
		return p.left(e.Time)
	case flow.EventDump:
		if before != nil {
			return nil
		}
	}
	// The table knows what an update leaves out: counters, start, what did not change.
	if f := p.table.Get(e.Flow.Key()); f != nil {
		e.Flow = f
	}
	return []flow.Event{e}
}

// left lists the flows that a reading found gone: those older than every reader send
// no event when they end.
func (p *connPrinter) left(at time.Time) []flow.Event {
	var gone []flow.Event
	for _, f := range p.table.Gone() {
		if f.Gone.Equal(at) {
			gone = append(gone, flow.Event{Type: flow.EventDestroy, Time: at, Flow: f})
		}
	}
	return gone
}

func (p *connPrinter) print(e *flow.Event) {
	if p.json {
		b, err := json.Marshal(e)
		if err == nil {
			b = append(b, '\n')
			_, err = p.out.Write(b)
		}
		p.err = err
		return
	}
	if e.Type == flow.EventGap {
		_, p.err = fmt.Fprintf(p.out, "lost %s conntrack events\n", unknownIfZero(e.Lost))
		return
	}
	f := e.Flow
	what := ""
	if p.follow {
		what = fmt.Sprintf("%-8s", e.Type)
	}
	bytes := "  n/a"
	if counted := f.Orig.Count.Valid && f.Reply.Count.Valid; !counted {
		p.bare = true
		p.tellUncounted()
	} else {
		bytes = "  " + plural(f.Orig.Count.Packets+f.Reply.Count.Packets, "packet") + " " + plural(f.Orig.Count.Bytes+f.Reply.Count.Bytes, "byte")
	}
	_, p.err = fmt.Fprintf(p.out, "%s%-7s %-11s %s  %s  %ds%s%s\n", what, f.Orig.Tuple.Proto, f.Word(), f.Line(), f.NAT, int(f.Timeout.Seconds()), bytes, apart(f))
}

// apart is what tells a connection from another one with the same ends, its zone, and its mark;
// "" where it has neither.
func apart(f *flow.Flow) (out string) {
	for _, z := range []struct {
		name string
		zone uint16
	}{{"zone", f.Zone}, {"orig zone", f.Orig.Zone}, {"reply zone", f.Reply.Zone}} {
		if z.zone != 0 {
			out += fmt.Sprintf("  %s %d", z.name, z.zone)
		}
	}
	if f.Mark != 0 {
		out += fmt.Sprintf("  mark %#x", f.Mark)
	}
	return out
}

// tellUncounted says why there are no counters where some were to be printed.
func (p *connPrinter) tellUncounted() {
	if p.off && p.bare {
		p.say(uncounted)
	}
}

func unknownIfZero(n uint64) string {
	if n == 0 {
		return "an unknown number of"
	}
	return fmt.Sprint(n)
}
