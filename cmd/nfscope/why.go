package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/spf13/cobra"

	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/model/snapshot"
	"nfscope/model/store"
	"nfscope/model/why"
	"nfscope/trace/collect"
	"nfscope/trace/conntrack"
	"nfscope/trace/knock"
	"nfscope/trace/netns"
	"nfscope/trace/sets"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/line"
)

type whyFlags struct {
	span                time.Duration
	json, probe, misses bool
	method              string
}

func (a *app) whyCommand() *cobra.Command {
	var o whyFlags
	c := &cobra.Command{
		Use: "why FILTER", Short: "Say in one sentence what becomes of a flow, and who is to blame",
		Long: "Look for the packets that FILTER matches and for what comes back, and say in one sentence\n" +
			"what becomes of them: the rule, the policy, the kernel's own reason, a full table, a reply\n" +
			"that is missing; below it what the answer rests on. It ends as soon as the answer is certain.\n" +
			"It sends nothing itself, unless --probe asks for that.",
		Example: "  nfscope why tcp and dst host 10.2.0.2 and dst port 80\n  nfscope why --probe icmp and dst host 10.2.0.2\n  nfscope why --json --for 30s udp and dst port 53",
		RunE: func(_ *cobra.Command, args []string) error {
			if strings.TrimSpace(strings.Join(args, " ")) == "" {
				return usagef("why: a FILTER is missing, such as `tcp and dst host 10.2.0.2 and dst port 80`")
			}
			f, err := a.parseFilter(args, filter.Journeys)
			if err != nil {
				return err
			}
			if o.span <= 0 || o.span > time.Hour {
				return usagef("--for %v: expected a time between 1ms and 1h", o.span)
			}
			if err := checkMethod(o.method); err != nil {
				return err
			}
			return a.why(f, o)
		},
	}
	c.Flags().DurationVar(&o.span, "for", whySpan, "look for so long at most")
	c.Flags().BoolVar(&o.json, "json", false, "print nfscope/journey/1, drop/1 and flow/1 objects as evidence, and one nfscope/why/1 object, one a line")
	c.Flags().BoolVar(&o.probe, "probe", false, "send a packet from here: a TCP SYN, a UDP datagram or an ICMP echo to the destination that FILTER names, three at most")
	c.Flags().BoolVar(&o.misses, "misses", false, "show of each packet the rules that were looked at and did not match, with what failed")
	methodFlag(c, &o.method)
	return c
}

// whySpan is how long a flow is looked for where nobody says.
const whySpan = 10 * time.Second

// whyKept is how many packets are kept to be judged.
const whyKept = 1000

// why looks, and prints the answer.
func (a *app) why(f *filter.Filter, o whyFlags) error {
	ns, err := a.open()
	if err != nil {
		return err
	}
	if err := needAdmin("tracing"); err != nil {
		return err
	}
	w := &whyRun{ns: ns, tap: newWhyTap(), look: why.NewLook(f, a.netns), filter: f, span: o.span, method: o.method}
	if o.probe {
		if w.door, err = doorOf(ns, f); err != nil {
			return err
		}
	}
	a.live = true
	start := time.Now()
	st := store.New(journey.Options{Keep: whyKept})
	c := collect.New(st, time.Now)
	put := func(it feed.Item) { w.tap.item(&it); c.Put(it) }
	session, err := a.session(ns, put, false)
	if err != nil {
		return err
	}
	w.session = session
	c.Hear(session.Heard)
	a.rulesOf(session, put)
	session.Watch(a.ctx)
	w.ready = func() {
		fmt.Fprintf(a.err, "looking for %s, both directions, for %v at most\n", f, o.span)
		if a.armed != nil {
			a.armed()
		}
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(a.ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx, w.tap.snapshot)
	}()
	err = w.run(a.ctx, func(*why.Answer) {})
	if cerr := session.Close(); err == nil { // the readers tell the last they have
		err = cerr
	}
	stop()
	<-ended
	if err != nil {
		return lacking(err)
	}
	c.End()
	c.Drain()
	last := st.Snapshot(time.Now())
	w.tap.snapshot(last)
	ans, seen := w.last()
	a.nearMisses(ns, ans, last, o)
	for _, p := range last.Problems {
		fmt.Fprintln(a.err, "nfscope:", p)
	}
	if ans.Kind == why.Nothing {
		a.hints(f, last)
	}
	out := a.out // text may have colours of our own: the rest of it is cleaned there
	if o.json {
		out = a.objects(true)
	}
	p := &whyPrinter{out: bufio.NewWriter(out), netns: a.netns, width: a.width(), words: drop.Meanings(), color: a.colored()}
	if o.json {
		err = p.json(ans, seen, &stats{events: st.Events(), lost: last.Loss.Total(), gaps: last.Loss.Gaps, missed: seen.Watch.Missed, start: start})
	} else {
		err = p.text(ans)
	}
	switch {
	case err != nil:
		return err
	case a.ctx.Err() != nil:
		return errInterrupted
	case ans.Dropped():
		return &statusError{status: exitDropped}
	}
	return nil
}

// nearMisses adds the rules that nearly matched, and with --misses all that did not.
func (a *app) nearMisses(ns *netns.Handle, ans *why.Answer, s *snapshot.Snapshot, o whyFlags) {
	k := miss.In(s)
	if r, err := sets.Open(ns); err == nil {
		defer r.Close()
		k.InSet = sets.NewLookup(r).In
	}
	most := 0
	switch {
	case o.misses && o.json:
		most = miss.MaxSteps
	case o.misses:
		most = maxPrinted
	}
	ans.Near(miss.New(k), most)
}

// doorOf is where a filter has a probe go.
func doorOf(ns *netns.Handle, f *filter.Filter) (*knock.Door, error) {
	m, ok := why.AimOf(f)
	if !ok {
		return nil, usagef("--probe: the filter names no destination: expected `dst host ADDRESS`")
	}
	if m.In != "" && m.In != "lo" || m.Packet.Mark != 0 { // the trace would not see it
		return nil, usagef("--probe: it is sent from here, by no interface and without a mark: leave `in` and `mark` out")
	}
	if m.AnyPort {
		m.Packet.SPort = 0
	}
	d, err := knock.DoorOf(&m.Packet)
	if err != nil {
		return nil, usagef("--probe: %w", err)
	}
	if d.Src.IsValid() {
		local, err := conntrack.LocalAddrs(ns)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(local, func(l netip.Prefix) bool { return l.Addr() == d.Src }) {
			return nil, usagef("--probe: it is sent from here, and %s is no address of this host: leave the source out, or run it there", d.Src)
		}
	}
	return &d, nil
}

// colored reports whether the answer may have colours.
func (a *app) colored() bool {
	o, ok := a.out.(*output)
	return ok && colorprofile.Detect(o.file, os.Environ()) > colorprofile.ASCII
}

// whyPrinter prints answers.
type whyPrinter struct {
	out   *bufio.Writer
	netns string
	width int
	words drop.Dictionary
	color bool
}

// text prints the sentence, what it rests on, and the packets that tell most.
func (p *whyPrinter) text(a *why.Answer) error {
	mark := "\x1b[1;32m" // green
	switch {
	case a.Dropped():
		mark = "\x1b[1;31m"
	case !a.Fine():
		mark = "\x1b[1;33m"
	}
	wrap := func(s string) []string { return ladder.Wrap(line.Clean(s), p.width) } // rules and comments are quoted
	lines := wrap(a.Sentence)
	for i, l := range lines {
		if p.color {
			lines[i] = mark + l + "\x1b[0m"
		}
	}
	lines = append(lines, wrap(fmt.Sprintf("  %s: %s", a.Confidence, a.Because))...)
	for _, e := range a.Evidence {
		lines = append(lines, wrap("  - "+e)...)
	}
	if a.Do != "" {
		lines = append(lines, wrap("  > "+a.Do)...)
	}
	for _, j := range a.Shown() {
		lines = append(append(lines, ""), ladder.Text(j, p.width)...)
	}
	for _, l := range lines {
		if _, err := fmt.Fprintln(p.out, l); err != nil {
			return err
		}
	}
	return p.out.Flush()
}

// json prints the evidence, the answer, and the last line of every stream.
func (p *whyPrinter) json(a *why.Answer, s *why.Seen, st *stats) error {
	put := func(b []byte, err error) error {
		if err == nil {
			_, err = p.out.Write(append(b, '\n'))
		}
		return err
	}
	for _, j := range a.Journeys {
		if err := put(json.Marshal(j)); err != nil {
			return err
		}
		st.journeys++
	}
	for _, d := range a.Drops {
		if err := put(d.JSON(p.words, p.netns)); err != nil {
			return err
		}
	}
	for _, f := range a.Flows {
		if err := put(json.Marshal(flow.Event{Type: flow.EventDump, Time: f.Seen, Flow: f})); err != nil {
			return err
		}
	}
	if err := put(a.JSON(s, time.Now())); err != nil {
		return err
	}
	if err := st.print(p.out); err != nil {
		return err
	}
	return p.out.Flush()
}
