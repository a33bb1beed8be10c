package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nfscope/docs/labs"
	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/trace/guard"
	"nfscope/trace/lab"
	"nfscope/trace/live"
	"nfscope/trace/record"
	"nfscope/ui/speech"
)

const (
	// settle is how long after a step the last events of its packets are waited for at
	// least. On a busy machine they take longer: then until none came for quiet, at most
	// for patience.
	settle   = 400 * time.Millisecond
	quiet    = 300 * time.Millisecond
	patience = 5 * time.Second
	// unheard is how long a reader may be held up that has not read yet what was told.
	unheard = time.Minute
	// gap is the pause before a step in the TUI, so that an eye can follow.
	gap = 1500 * time.Millisecond
	// demoFor bounds the demo's trace and its traffic.
	demoFor = 5 * time.Minute
	// classFor is that of a lab whose steps wait for a teacher.
	classFor = time.Hour
)

type demoFlags struct {
	recorded, live, plain, step bool
	file                        string
	// page is the page to begin with, "" for the first.
	page string
}

func (a *app) demoCommand() *cobra.Command {
	var o demoFlags
	c := &cobra.Command{
		Use: "demo [LAB]", Short: "Watch real packets hit real rules, in a small network of its own",
		Long: "Build a small network in namespaces, send packets through it and show which rule each\n" +
			"one hit. It needs no root where user namespaces are allowed, and plays a recording where\n" +
			"they are not. Labs: " + strings.Join(labs.Names(), ", ") + ".",
		Example: "  nfscope demo\n  nfscope demo gateway --plain",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := "close-the-door"
			if len(args) > 0 {
				name = args[0]
			}
			if !slices.Contains(labs.Names(), name) {
				return usagef("demo: no lab %q; there are %s", name, strings.Join(labs.Names(), ", "))
			}
			if err := o.check("demo"); err != nil {
				return err
			}
			l, err := lab.Load(labs.FS, name)
			if err != nil {
				return err
			}
			return a.demo(l, o)
		},
	}
	o.add(c)
	return c
}

// add gives a command the flags.
func (o *demoFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&o.recorded, "recorded", false, "play the embedded recording")
	c.Flags().BoolVar(&o.live, "live", false, "refuse to fall back on the recording")
	c.Flags().BoolVar(&o.plain, "plain", false, "print the story as text")
	c.Flags().BoolVar(&o.step, "step", false, "with --plain: wait for enter before each step, for a class")
	c.Flags().StringVarP(&o.file, "write", "w", "", "write a recording of the live lab to `FILE`")
}

func (o *demoFlags) check(command string) error {
	if o.recorded && o.live {
		return usagef("%s: --recorded and --live exclude each other", command)
	}
	if o.step && (!o.plain || o.recorded) {
		return usagef("%s: --step goes with --plain, and not with --recorded", command)
	}
	if o.file == stdio {
		return usagef("%s: -w: expected a FILE; stdout is the story's", command)
	}
	return nil
}

// demo runs a lab, or plays its recording where that is wanted or the lab cannot run.
func (a *app) demo(l *lab.Lab, o demoFlags) error {
	plain := o.plain || !a.terminal()
	if !o.recorded {
		switch ran, status, err := lab.EnterUserns(os.Args[1:]); {
		case ran: // it ran again in a user namespace, where it may
			return &statusError{status: status}
		case err == nil:
		case o.live:
			return cannotLive(err)
		default:
			return a.demoRecorded(l, plain, o, err)
		}
		n, err := a.openLab(l)
		var m *missing
		switch {
		case errors.As(err, &m) && o.live:
			return cannotLive(err)
		case errors.As(err, &m):
			return a.demoRecorded(l, plain, o, err)
		case err != nil:
			return err
		case !plain:
			return a.lessons(&show{lab: l, net: n, step: o.step, file: o.file, live: o.live}, o.page)
		}
		switch err := a.demoPlain(n, o); {
		case errors.As(err, &m) && o.live:
			return cannotLive(err)
		case errors.As(err, &m):
			return a.demoRecorded(l, plain, o, err)
		default:
			return err
		}
	}
	return a.demoRecorded(l, plain, o, nil)
}

func cannotLive(err error) error {
	return lacking(fmt.Errorf("the live demo cannot run here: %w; `nfscope demo --recorded` plays a recording", err))
}

// demoRecorded plays a lab's recording; why says why it is not live, nil where that is
// what was asked for.
func (a *app) demoRecorded(l *lab.Lab, plain bool, o demoFlags, why error) error {
	b, err := l.Recording()
	switch {
	case err != nil && why != nil:
		return lacking(fmt.Errorf("%w; the lab has no recording either", why))
	case err != nil:
		return err
	case why != nil:
		fmt.Fprintf(a.err, "nfscope: %s\n", speech.In(a.lang).Problem("playing the recording, because the live demo cannot run here: "+why.Error()))
	}
	if !plain {
		return a.lessons(&show{lab: l, recording: b, step: o.step}, o.page)
	}
	rr, err := record.NewReader(l.Name+"/"+lab.RecordingFile, bytes.NewReader(b))
	if err != nil {
		return err
	}
	speak := spoken(l, a.lang)
	st := newStory(a.objects(false), a.width(), a.lang)
	put := func(it feed.Item) {
		speak(&it)
		st.put(it)
	}
	if err := rr.Play(a.ctx, record.NewClock(0), put); err != nil {
		return err
	}
	return st.end()
}

// missing is an error for which the demo falls back on its recording: the kernel or a
// program is not what a live lab needs.
type missing struct{ err error }

func (m *missing) Error() string { return m.err.Error() }
func (m *missing) Unwrap() error { return m.err }

// registrar tells the guard of a lab's namespaces before they are made.
type registrar struct{ guard *guard.Guard }

func (r registrar) Netns(name string) error {
	_, err := r.guard.Netns(name)
	return err
}

// demoPlain tells a lab as text while it runs.
func (a *app) demoPlain(n *lab.Network, o demoFlags) error {
	put, rec, err := a.recordLab(n.Lab(), o.file)
	if err != nil {
		return err
	}
	st := newStory(a.objects(false), a.width(), a.lang)
	p := tempo{each: demoFor}
	switch {
	case o.step:
		p = tempo{each: classFor, before: a.enter(a.in)}
	case rec != nil:
		p.before = slowly()
	}
	if err := a.play(a.ctx, n, put(st.put), p); err != nil {
		return err
	}
	return st.end()
}

// recordLab gives what makes of a put one that records as well, if there is a file to.
func (a *app) recordLab(l *lab.Lab, file string) (tee func(put func(feed.Item)) func(feed.Item), rec *recorder, err error) {
	if file == "" {
		return func(put func(feed.Item)) func(feed.Item) { return put }, nil, nil
	}
	if rec, err = a.recordTo(file, "lab "+l.Name, false); err != nil {
		return nil, nil, err
	}
	return func(put func(feed.Item)) func(feed.Item) {
		rec.begin(put)
		return func(it feed.Item) {
			if it.Time.IsZero() {
				it.Time = time.Now()
			}
			rec.Put(it)
			put(it)
		}
	}, rec, nil
}

// play watches the lab's observed host and runs its steps once.
func (a *app) play(ctx context.Context, n *lab.Network, put func(feed.Item), p tempo) error {
	put = a.noting(put)
	s, err := a.armLab(ctx, n, p.each, put)
	if err != nil {
		return err
	}
	return errors.Join(a.steps(ctx, n, s.Heard, put, p.before), s.Close())
}

// armLab arms the lab's trace in its observed host.
func (a *app) armLab(ctx context.Context, n *lab.Network, d time.Duration, put func(feed.Item)) (*live.Session, error) {
	l := n.Lab()
	f, err := filter.Parse(l.Filter)
	if err != nil {
		return nil, fmt.Errorf("lab %s: %w", l.Name, err)
	}
	s, err := live.Open(n.Observed(), a.guard, live.About{Name: l.Observed, Source: "lab " + l.Name, Log: a.logger}, put)
	if err != nil {
		return nil, err
	}
	for _, note := range n.Notes() { // the lab stands otherwise than its files say
		put(feed.Item{Time: time.Now(), Problem: note})
	}
	if _, err := s.Rules(ctx); err != nil {
		return nil, err
	}
	s.Watch(ctx)
	if err := s.Arm(ctx, live.Trace{Filter: f, For: d}); err != nil {
		_ = s.Close()
		return nil, &missing{err}
	}
	return s, nil
}

// steps runs the lab's steps once, each after before (nil: at once). The end of a step is
// told when its last events have come; heard is the session's.
func (a *app) steps(ctx context.Context, n *lab.Network, heard func() time.Time, put func(feed.Item), before func(context.Context, int) error) error {
	first := true
	emit := func(it feed.Item) {
		if it.Lab != nil {
			if !first {
				a.settled(ctx, heard)
			}
			first = false
			it.Time = time.Now()
		}
		put(it)
	}
	_, err := lab.Play(ctx, n, emit, func(s lab.Step) error {
		if before == nil {
			return ctx.Err()
		}
		return before(ctx, n.Lab().Step(s.Name))
	})
	return err
}

// tempo is how fast a lab's steps run: before waits before each, and the trace lasts each.
type tempo struct {
	each   time.Duration
	before func(ctx context.Context, step int) error
}

// slowly lets an eye follow; the first packet does not let the user wait.
func slowly() func(context.Context, int) error {
	wait := settle
	return func(ctx context.Context, _ int) error {
		defer func() { wait = gap }()
		return pause(ctx, wait)
	}
}

// enter waits for the enter key. At the end of the input the rest runs at once.
func (a *app) enter(in io.Reader) func(context.Context, int) error {
	lines := make(chan struct{})
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(in); s.Scan(); {
			lines <- struct{}{}
		}
	}()
	return func(ctx context.Context, _ int) error {
		fmt.Fprintln(a.err, speech.In(a.lang).Enter())
		select {
		case <-lines:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// noting has put tell when the last event came.
func (a *app) noting(put func(feed.Item)) func(feed.Item) {
	return func(it feed.Item) {
		if it.Event != nil || it.Events != nil || it.Drop != nil {
			a.lastEvent.Store(time.Now().UnixNano())
		}
		put(it)
	}
}

// settled waits until the events of a step have come: until all that the kernel had told
// by now was read, however busy the machine is, and nothing came for a while.
func (a *app) settled(ctx context.Context, heard func() time.Time) {
	now := time.Now()
	for d := settle; d > 0; {
		if pause(ctx, d) != nil {
			return
		}
		waited := time.Since(now)
		switch d = quiet - time.Since(time.Unix(0, a.lastEvent.Load())); {
		case heard().Before(now) && waited < unheard:
			d = max(d, settle/20)
		case waited >= patience:
			return
		}
	}
}

// pause waits, or gives ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
