package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/model/nat"
	"nfscope/model/snapshot"
	"nfscope/model/why"
	"nfscope/trace/sets"
	"nfscope/ui"
	"nfscope/ui/page"
	"nfscope/ui/page/connections"
	"nfscope/ui/page/drops"
	"nfscope/ui/page/labs"
	"nfscope/ui/page/path"
	"nfscope/ui/page/rules"
	"nfscope/ui/page/trace"
	"nfscope/ui/theme"
)

// drawnPerSecond is how often a frame may be written: a key waits half of the time between two.
// There are frames only where something has changed.
const drawnPerSecond = 120

// spare is how many goroutines may run besides those that Go has by itself, one for each CPU.
// One that has gone into the kernel counts until Go finds out, some ten milliseconds later: one
// waits there for keys, one reads events. Else a key waits behind them while a CPU is idle.
const spare = 1

type tuiOptions struct {
	// actions is nil where nothing can be traced, as in a recording or a file.
	actions ui.Actions
	// transport is nil where the source is no recording.
	transport ui.Transport
	// sets reads the sets; nil where nobody can.
	sets rules.Sets
	// logs reads what rules log; nil where nobody can.
	logs trace.Logs
	// remove deletes a connection; nil where nothing may be changed.
	remove func(*flow.Flow) error
	// why looks for a flow; nil where nothing can be traced. seen is told of each snapshot;
	// nil for nobody.
	why  func(ctx context.Context, filter string, tell func(*why.Answer)) (*why.Answer, error)
	seen func(*snapshot.Snapshot)
	// page is the name of the page to begin with, "" for the first.
	page string
	// labs are what the Labs page can do.
	labs labs.Options
	// look is told what is on the screen; nil where nothing is counted.
	look func(of *model.Ruleset, chains, rules []int)
}

// tui shows the runner's snapshots until the user quits.
func (a *app) tui(c runner, o tuiOptions) error {
	// What the background is the UI asks for itself: a terminal that does not answer would
	// be waited for here, and what is typed meanwhile be lost.
	th := theme.Options{
		Color: colorprofile.Detect(os.Stdout, os.Environ()) > colorprofile.ASCII,
		Dark:  true, ASCII: a.glyphs == "ascii",
	}
	var p *tea.Program
	if open := o.labs.Open; open != nil {
		o.labs.Open = func(name string) error { // the next lab is shown when this screen is left
			err := open(name)
			if err == nil {
				p.Quit()
			}
			return err
		}
	}
	m := ui.New(ui.Options{Pages: pages(o), Theme: th, Actions: o.actions, Transport: o.transport, Start: o.page, Look: o.look, Delete: o.remove, Why: o.why, Lang: a.lang, Version: version()})
	ctx, stop := context.WithCancel(a.ctx)
	defer stop()
	procs := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(procs + spare)
	defer runtime.GOMAXPROCS(procs)
	p = tea.NewProgram(m, tea.WithContext(ctx), tea.WithoutSignalHandler(), tea.WithFPS(drawnPerSecond))

	var box mailbox
	box.full = make(chan struct{}, 1)
	var running sync.WaitGroup
	running.Add(2)
	go func() {
		defer running.Done()
		c.Run(ctx, func(s *snapshot.Snapshot) {
			if o.seen != nil {
				o.seen(s)
			}
			box.put(s)
		})
	}()
	go func() {
		defer running.Done()
		var room room
		for {
			select {
			case <-ctx.Done():
				return
			case <-box.full:
				s := box.take()
				room.fit(s)
				p.Send(ui.SnapshotMsg{Snapshot: s})
			}
		}
	}()
	_, err := p.Run()
	stop()
	running.Wait()
	switch {
	case a.ctx.Err() != nil:
		return errInterrupted
	case errors.Is(err, tea.ErrProgramKilled), errors.Is(err, tea.ErrInterrupted):
		return errInterrupted
	case err != nil:
		return fmt.Errorf("the terminal: %w", err)
	}
	return nil
}

func pages(o tuiOptions) []page.Page {
	r, t := rules.New(), trace.NewLive(trace.Options{Export: exporter{}, Logs: o.logs})
	if o.sets != nil {
		r = rules.NewLive(o.sets)
	}
	c := connections.NewLive(exporter{})
	if k, ok := o.sets.(*sets.Reader); ok {
		t.Sets(sets.NewLookup(k).In)
		c.Sets(func() nat.InSet { return sets.NewLookup(k).In })
	}
	return []page.Page{path.New(), r, c, t, drops.New(), labs.New(o.labs)}
}

// mailbox holds the newest snapshot: a slow terminal skips the ones between, and
// never holds the collector up.
type mailbox struct {
	mu   sync.Mutex
	snap *snapshot.Snapshot
	full chan struct{}
}

func (b *mailbox) put(s *snapshot.Snapshot) {
	b.mu.Lock()
	b.snap = s
	b.mu.Unlock()
	select {
	case b.full <- struct{}{}:
	default:
	}
}

func (b *mailbox) take() *snapshot.Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.snap
}
