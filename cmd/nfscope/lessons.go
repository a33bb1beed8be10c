package main

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"nfscope/docs/labs"
	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/model/store"
	"nfscope/trace/collect"
	"nfscope/trace/lab"
	"nfscope/trace/record"
	page "nfscope/ui/page/labs"
	"nfscope/ui/speech"
)

// show is a lab to be shown on the screen: one that stands, or its recording.
type show struct {
	lab       *lab.Lab
	net       *lab.Network // nil where it is the recording
	recording []byte
	// why says why it is the recording, where a live one was wanted.
	why error
	// step is true where each step waits for the teacher from the first.
	step bool
	file string // that is written
	live bool   // and no recording in its place
}

// lessons shows a lab, and the next that the user chooses, until he has enough. first is
// nil where he chooses at once; on is the page to begin with.
func (a *app) lessons(first *show, on string) error {
	for s := first; ; on = "Labs" {
		next, err := a.lesson(s, on)
		if s != nil && s.net != nil {
			if derr := s.net.Down(); err == nil {
				err = derr
			}
		}
		var m *missing
		if errors.As(err, &m) && s.net != nil && !s.live {
			if b, none := s.lab.Recording(); none == nil {
				next, err = &show{lab: s.lab, recording: b, why: m, step: s.step}, nil
			}
		}
		if err != nil || next == nil {
			return asLacking(err)
		}
		s = next
	}
}

// lesson shows one lab, and gives the one that was chosen then; nil for none.
func (a *app) lesson(s *show, on string) (*show, error) {
	var next atomic.Pointer[show] // built beside the screen
	var err error
	o := tuiOptions{page: on, labs: page.Options{List: a.labEntries, Open: func(name string) error {
		s, err := a.choose(name)
		next.Store(s)
		return err
	}}}
	switch {
	case s == nil:
		c := collect.New(store.New(journey.Options{}), time.Now)
		c.Put(feed.Item{Host: &feed.Host{Name: "labs", Source: "labs"}})
		err = a.tui(c, o)
	case s.net == nil:
		err = a.showRecording(s, o)
	default:
		err = a.showLive(s, o)
	}
	return next.Load(), err
}

// choose builds a lab that was chosen from the list, or opens its recording where it
// cannot run here.
func (a *app) choose(name string) (*show, error) {
	l, err := lab.Load(labs.FS, name)
	if err != nil {
		return nil, err
	}
	why := a.canBuild()
	if why == nil {
		n, err := a.openLab(l)
		var m *missing
		switch {
		case err == nil:
			return &show{lab: l, net: n, step: true}, nil
		case !errors.As(err, &m):
			return nil, err
		}
		why = err
	}
	b, err := l.Recording()
	if err != nil {
		return nil, errors.Join(why, err)
	}
	return &show{lab: l, recording: b, why: why, step: true}, nil
}

// canBuild says why this process cannot build a lab; nil where it can.
func (a *app) canBuild() error {
	if lab.Privileged() {
		return nil
	}
	if err := lab.CanUserns(); err != nil {
		return err
	}
	return errors.New("this nfscope was started to play a recording; `nfscope lab` runs labs live")
}

// labEntries are the labs that can be chosen.
func (a *app) labEntries() []snapshot.LabEntry {
	standing, _ := lab.Standing()
	able := a.canBuild()
	var list []snapshot.LabEntry
	for _, name := range labs.Names() {
		l, err := lab.Load(labs.FS, name)
		if err != nil {
			continue
		}
		line := a.labLine(l, able, standing)
		list = append(list, snapshot.LabEntry{Name: name, Title: line.Title, Live: line.Live, Recorded: line.Recorded, Why: line.Why, Stands: line.Stands})
	}
	return list
}

// showLive runs a lab's steps and shows them, again and again.
func (a *app) showLive(s *show, o tuiOptions) error {
	tee, rec, err := a.recordLab(s.lab, s.file)
	if err != nil {
		return err
	}
	c := collect.New(store.New(journey.Options{}), time.Now)
	put := a.noting(tee(c.Put))
	session, err := a.armLab(a.ctx, s.net, classFor, put)
	if err != nil {
		return err
	}
	defer session.Close()
	c.Hear(rec.hearing(session.Heard))
	pace := newClass(s.step)
	ctx, cancel := context.WithCancel(a.ctx)
	defer cancel()
	defer time.AfterFunc(demoFor, pace.Hold).Stop()
	played := make(chan struct{})
	go func() {
		defer close(played)
		slow := slowly()
		before := func(ctx context.Context, step int) error {
			if !pace.Held() {
				if err := slow(ctx, step); err != nil {
					return err
				}
			}
			_, err := pace.wait(ctx, step)
			return err
		}
		for ctx.Err() == nil {
			err := a.steps(ctx, s.net, session.Heard, put, before)
			if err == nil {
				_, err = pace.wait(ctx, len(s.lab.Steps))
			}
			if err != nil && ctx.Err() == nil {
				put(feed.Item{Time: time.Now(), Problem: "the lab's steps ended: " + err.Error()})
				return
			}
		}
	}()
	o.actions, o.sets, o.logs, o.look, o.labs.Pace = &sessionActions{app: a, session: session}, a.setReader(s.net.Observed()), a.logSource(s.net.Observed()), session.Focus, pace
	err = a.tui(c, o)
	cancel()
	<-played
	return err
}

// showRecording plays a lab's recording, again and again.
func (a *app) showRecording(s *show, o tuiOptions) error {
	name := s.lab.Name + "/" + lab.RecordingFile
	rr, err := record.NewReader(name, bytes.NewReader(s.recording))
	if err != nil {
		return err
	}
	change := spoken(s.lab, a.lang)
	l, err := newLoop(name, s.recording, func(it *feed.Item) {
		change(it)
		asRecording(it, rr.Title)
	})
	if err != nil {
		return err
	}
	l.pace = newClass(s.step)
	c := collect.New(store.New(journey.Options{}), l.now)
	ctx, stop := context.WithCancel(a.ctx)
	defer stop()
	defer time.AfterFunc(demoFor, l.pace.Hold).Stop()
	if s.why != nil {
		c.Put(feed.Item{Time: l.now(), Problem: speech.In(a.lang).Problem("this is the recording, because the lab cannot run here: " + s.why.Error())})
	}
	played := make(chan struct{})
	go func() {
		defer close(played)
		if err := l.play(ctx, c.Put); ctx.Err() == nil {
			c.Put(feed.Item{Time: l.now(), Problem: err.Error()})
		}
		c.Put(l.over())
		c.End()
	}()
	o.labs.Pace = l.pace
	err = a.tui(c, o)
	stop()
	<-played
	return err
}
