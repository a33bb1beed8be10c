package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/model/store"
	"nfscope/trace/record"
	"nfscope/trace/replay"
	"nfscope/ui/component/line"
)

type replayFlags struct {
	misses          bool
	compare, pcapng string
	left            bool
	speed           float64
	from, to        time.Duration
	plain, json     bool
	info, redact    bool
	write           string
	keep            int // packets, where all are needed together
}

func (a *app) replayCommand() *cobra.Command {
	o := replayFlags{keep: manyKept}
	c := &cobra.Command{
		Use: "replay FILE", Short: "Show a recording as if it happened now", Args: cobra.ExactArgs(1),
		Long: "Show a recording made with `nfscope trace -w`: play it, print it, compare two packets\n" +
			"of it, or make a file of another kind of it. It needs no root and no Linux.",
		Example: "  nfscope replay case.nfs --speed 0.5\n  nfscope replay case.nfs --json | jq .outcome\n" +
			"  nfscope replay case.nfs --compare 3,7\n  nfscope replay case.nfs --pcapng case.pcapng\n  nfscope replay case.nfs -w public.nfs --redact",
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case o.speed < replay.Slowest || o.speed > replay.Fastest:
				return usagef("--speed %v: expected a number from %v to %v", o.speed, replay.Slowest, replay.Fastest)
			case o.from < 0, o.to < 0, o.to > 0 && o.to < o.from:
				return usagef("--from %v, --to %v: expected times from the begin of the recording, the second not before the first", o.from, o.to)
			case len(o.made()) > 1:
				return usagef("%s: expected one of them", strings.Join(o.made(), ", "))
			case o.info && (o.from != 0 || o.to != 0):
				return usagef("--info: it tells of all of the recording; `-w FILE --from %v --to %v` makes one of a part", o.from, o.to)
			case o.redact && o.write == "":
				return usagef("--redact: it is for the recording that -w writes")
			case o.left && o.pcapng == "":
				return usagef("--left: it is for the packets that --pcapng writes")
			}
			return a.replay(args[0], o)
		},
	}
	c.Flags().Float64Var(&o.speed, "speed", 1, "recorded seconds per second")
	c.Flags().DurationVar(&o.from, "from", 0, "begin this long after the begin of the recording; text, JSON, --compare, --pcapng and -w have only what came since then")
	c.Flags().DurationVar(&o.to, "to", 0, "end this long after the begin of the recording; text, JSON, --compare, --pcapng and -w have only what came up to then")
	c.Flags().BoolVar(&o.plain, "plain", false, "print text")
	c.Flags().BoolVar(&o.json, "json", false, "print nfscope/journey/1 objects, one a line")
	c.Flags().BoolVar(&o.misses, "misses", false, "print text, or JSON with --json, with the rules that were looked at and did not match")
	c.Flags().BoolVar(&o.info, "info", false, "print what is in the recording")
	c.Flags().StringVar(&o.compare, "compare", "", "print where the packets of two `NUMBERS` part, such as 3,7")
	c.Flags().StringVar(&o.pcapng, "pcapng", "", "write the packets to `FILE`, - for stdout, for Wireshark, each with its way as a comment")
	c.Flags().BoolVar(&o.left, "left", false, "with --pcapng: write forwarded packets a second time, as they left")
	c.Flags().StringVarP(&o.write, "write", "w", "", "write the recording again, or a part of it, to `FILE`, - for stdout")
	c.Flags().BoolVar(&o.redact, "redact", false, "with -w: replace addresses and names, each by always the same other one")
	return c
}

// made are the flags that make something of a recording; they exclude each other.
func (o *replayFlags) made() (list []string) {
	for _, f := range []struct {
		name string
		set  bool
	}{{"--info", o.info}, {"--compare", o.compare != ""}, {"--pcapng", o.pcapng != ""}, {"-w", o.write != ""}} {
		if f.set {
			list = append(list, f.name)
		}
	}
	return list
}

// replay does what the flags ask for.
func (a *app) replay(name string, o replayFlags) error {
	switch {
	case o.info:
		return a.replayInfo(name, o.json)
	case o.write != "":
		return a.replayWrite(name, o)
	case o.compare != "":
		return a.replayCompare(name, o.compare, o)
	case o.pcapng != "":
		return a.replayCapture(name, o)
	case o.plain || o.json || o.misses || !a.terminal():
		f, err := a.openInput(name)
		if err != nil {
			return err
		}
		defer f.Close()
		return a.replayPlain(name, f, o)
	}
	return a.replayTUI(name, o)
}

// grace is how long after a time events of packets may come that began before it.
const grace = time.Second

// foldRecording folds a recording at once, and keeps its journeys as told. each is called
// now and then, and at the end. What did not work when it was made, and where the file is
// damaged, it says on stderr, once each. err says why there is no more than was folded.
func (a *app) foldRecording(rr *record.Reader, o replayFlags, keep journey.Options, each func(*store.Store) error) (st *store.Store, playErr, err error) {
	st = store.New(keep)
	var end time.Time
	said := map[string]bool{}
	for n := 1; ; n++ {
		it, err := rr.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				playErr = err
			}
			break
		}
		if end.IsZero() && o.to > 0 {
			end = rr.First().Add(o.to + grace)
		}
		if !end.IsZero() && it.Time.After(end) {
			break
		}
		if p := it.Problem; p != "" && !said[p] {
			said[p] = true
			fmt.Fprintln(a.err, "nfscope:", p)
		}
		st.Tick(it.Time)
		st.Apply(&it)
		if n%1024 == 0 {
			if err := each(st); err != nil {
				return st, playErr, err
			}
		}
		if a.ctx.Err() != nil {
			return st, playErr, errInterrupted
		}
	}
	st.End()
	return st, playErr, each(st)
}

// within reports whether a journey began between --from and --to of a recording that
// began at first.
func (o *replayFlags) within(j *journey.Journey, first time.Time) bool {
	at := j.Start.Sub(first)
	return at >= o.from && (o.to == 0 || at <= o.to)
}

// replayPlain folds a recording at once and prints its journeys.
func (a *app) replayPlain(name string, r io.Reader, o replayFlags) error {
	rr, err := record.NewReader(name, r)
	if err != nil {
		return usage(err)
	}
	p := newJourneyPrinter(a.out, o.json, a.width())
	if o.misses {
		p.ask(nil)
	}
	if !o.json {
		if err := printTitle(p.out, &rr.Header); err != nil {
			return err
		}
	}
	start := time.Now()
	// Each packet is printed when its way is at its end, and goes.
	var done []*journey.Journey
	keep := journey.Options{Keep: fewKept, Closed: func(j *journey.Journey) {
		if o.within(j, rr.First()) {
			done = append(done, j)
		}
	}}
	st, playErr, err := a.foldRecording(rr, o, keep, func(st *store.Store) error {
		if o.misses {
			p.know(st.Snapshot(rr.First()))
		}
		slices.SortFunc(done, func(a, b *journey.Journey) int { return a.Number - b.Number })
		_, err := p.print(done)
		done = done[:0]
		return err
	})
	if err != nil {
		return err
	}
	loss := st.Loss()
	s := stats{events: st.Events(), journeys: uint64(p.printed), lost: loss.Trace, gaps: loss.Gaps, start: start}
	if o.json {
		err = s.print(p.out)
	} else {
		_, err = fmt.Fprintf(p.out, "%s, %s, %s%s\n", plural(s.journeys, "packet"), plural(s.events, "event"), s.words(), unread(playErr))
	}
	if err != nil {
		return err
	}
	if err := p.out.Flush(); err != nil {
		return err
	}
	return usage(playErr)
}

// printTitle prints what a recording says of itself.
func printTitle(w io.Writer, h *record.Header) error {
	_, err := fmt.Fprintf(w, "%s\n\n", line.Clean(fmt.Sprintf("%s, recorded %s by nfscope %s", h.Title, h.Created.Format(time.RFC3339), h.Version)))
	return err
}

// unread says why a recording has no more than was counted, "" where it was whole.
func unread(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, record.ErrCut):
		return "; the recording is cut short"
	}
	return "; the rest of the recording cannot be read"
}

// replayWrite writes a recording again: in the present form, a part of it, redacted, as
// asked.
func (a *app) replayWrite(name string, o replayFlags) error {
	f, file, err := a.openRecording(name)
	if err != nil {
		return err
	}
	defer file.Close()
	var r *record.Redactor
	if o.redact {
		r = record.NewRedactor()
	}
	err = a.writeBeside(name, o.write, "-w", func(w io.Writer) error {
		return f.Copy(a.ctx, w, r, record.Span{From: o.from, To: o.to})
	})
	if err != nil {
		return err
	}
	if o.write != stdio {
		fmt.Fprintf(a.err, "wrote %s\n", o.write)
	}
	if f.Cut != "" {
		return usage(errors.New(f.Cut))
	}
	return nil
}

// asRecording has an item say that it comes from a recording.
func asRecording(it *feed.Item, title string) {
	if it.Host != nil {
		h := *it.Host
		h.Source = "recording: " + title
		it.Host = &h
	}
}

// runner gives the TUI its snapshots: a collector, or the player of a recording.
type runner interface {
	Run(ctx context.Context, publish func(*snapshot.Snapshot))
}

// replayTUI plays a recording into the TUI.
func (a *app) replayTUI(name string, o replayFlags) error {
	f, file, err := a.openRecording(name)
	if err != nil {
		return err
	}
	defer file.Close()
	p := replay.New(f, replay.Options{Speed: o.speed, From: o.from, To: o.to, Change: func(it *feed.Item) { asRecording(it, f.Title) }})
	return a.tui(p, tuiOptions{transport: p})
}
