package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/model/store"
	"nfscope/trace/collect"
	"nfscope/trace/record"
)

func (a *app) replayCommand() *cobra.Command {
	var speed float64
	var plain, asJSON, misses bool
	c := &cobra.Command{
		Use: "replay FILE", Short: "Show a recording as if it happened now", Args: cobra.ExactArgs(1),
		Long:    "Show a recording made with `nfscope trace -w`. It needs no root and no Linux.",
		Example: "  nfscope replay case.nfs --speed 0.5\n  nfscope replay case.nfs --json | jq .outcome",
		RunE: func(_ *cobra.Command, args []string) error {
			if speed <= 0 || speed > 1000 {
				return usagef("--speed %v: expected a number above 0, at most 1000", speed)
			}
			f, err := os.Open(args[0])
			if err != nil {
				return usage(err)
			}
			defer f.Close()
			if plain || asJSON || misses || !a.terminal() {
				return a.replayPlain(args[0], f, asJSON, misses)
			}
			return a.replayTUI(args[0], f, speed)
		},
	}
	c.Flags().Float64Var(&speed, "speed", 1, "recorded seconds per second")
	c.Flags().BoolVar(&plain, "plain", false, "print text")
	c.Flags().BoolVar(&asJSON, "json", false, "print nfscope/journey/1 objects, one a line")
	c.Flags().BoolVar(&misses, "misses", false, "print text, with the rules that were looked at and did not match")
	return c
}

// replayPlain folds a recording at once and prints its journeys.
func (a *app) replayPlain(name string, r io.Reader, asJSON, misses bool) error {
	rr, err := record.NewReader(name, r)
	if err != nil {
		return usage(err)
	}
	p := newJourneyPrinter(a.out, asJSON, a.width())
	if misses {
		p.ask()
	}
	if !asJSON {
		fmt.Fprintf(p.out, "%s, recorded %s by nfscope %s\n\n", rr.Title, rr.Created.Format(time.RFC3339), rr.Version)
	}
	st := store.New(journey.Options{Keep: 1 << 16})
	n, playErr := 0, error(nil)
	start := time.Now()
	for {
		it, err := rr.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				playErr = err
			}
			break
		}
		st.Tick(it.Time)
		st.Apply(&it)
		if n++; n%1024 == 0 {
			if misses {
				p.know(st.Snapshot(it.Time))
			}
			if _, err := p.print(st.Journeys()); err != nil {
				return err
			}
		}
		if a.ctx.Err() != nil {
			return errInterrupted
		}
	}
	st.End()
	if misses {
		p.know(st.Snapshot(start))
	}
	if _, err := p.print(st.Journeys()); err != nil {
		return err
	}
	loss := st.Loss()
	s := stats{events: st.Events(), journeys: uint64(p.printed), lost: loss.Trace + loss.Dropped, gaps: loss.Gaps, start: start}
	if asJSON {
		err = s.print(p.out)
	} else {
		_, err = fmt.Fprintf(p.out, "%s, %s, lost %d%s\n", plural(s.journeys, "packet"), plural(s.events, "event"), s.lost, unread(playErr))
	}
	if err != nil {
		return err
	}
	if err := p.out.Flush(); err != nil {
		return err
	}
	return usage(playErr)
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

// asRecording has an item say that it comes from a recording.
func asRecording(it *feed.Item, title string) {
	if it.Host != nil {
		h := *it.Host
		h.Source = "recording: " + title
		it.Host = &h
	}
}

// replayTUI plays a recording into the TUI.
func (a *app) replayTUI(name string, r io.Reader, speed float64) error {
	rr, err := record.NewReader(name, r)
	if err != nil {
		return usage(err)
	}
	clock := record.NewClock(speed)
	c := collect.New(store.New(journey.Options{}), clock.Now)
	put := func(it feed.Item) {
		asRecording(&it, rr.Title)
		c.Put(it)
	}
	ctx, stop := context.WithCancel(a.ctx)
	played := make(chan struct{})
	go func() {
		defer close(played)
		if err := rr.Play(ctx, clock, put); err != nil && ctx.Err() == nil {
			c.Put(feed.Item{Time: clock.Now(), Problem: err.Error()})
		}
		c.End()
	}()
	err = a.tui(c, tuiOptions{actions: noActions{"a recording cannot be traced; run `nfscope` on the host"}})
	stop()
	<-played
	return err
}
