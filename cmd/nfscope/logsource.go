package main

import (
	"context"
	"os"
	"sync"
	"time"

	"nfscope/model/logline"
	"nfscope/trace/logs"
	"nfscope/trace/netns"
	"nfscope/ui/page/trace"
)

// logSource opens logs for the UI.
type logSource struct {
	app *app
	ns  *netns.Handle
}

func (a *app) logSource(ns *netns.Handle) trace.Logs { return logSource{a, ns} }

// Open begins to read.
func (s logSource) Open(groups []uint16, kernel bool) (trace.Log, error) {
	r, err := logs.Open(s.ns, logs.Options{Groups: groups, Kernel: kernel})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(s.app.ctx)
	l := &uiLog{r: r, stop: stop, some: make(chan struct{}, 1), ended: make(chan struct{})}
	l.some <- struct{}{} // what is read is told at once
	go func() {
		defer close(l.ended)
		l.err = r.Run(ctx, l.put)
	}()
	return l, nil
}

// uiLog holds the lines that the UI has not taken yet.
type uiLog struct {
	r    *logs.Reader
	stop func()
	some chan struct{} // full while lines wait
	// ended is closed when reading is over; err is why.
	ended chan struct{}
	err   error

	mu      sync.Mutex
	lines   []logline.Line
	dropped uint64 // thrown away, since nobody took them
}

// mostWaiting is how many lines wait for the UI, the newest.
const mostWaiting = 5000

// pace is how often the UI is given lines at most.
const pace = 33 * time.Millisecond

func (l *uiLog) put(line logline.Line) {
	l.mu.Lock()
	if len(l.lines) == mostWaiting { // by the quarter, so that moving is rare
		l.dropped += mostWaiting / 4
		l.lines = append(l.lines[:0], l.lines[mostWaiting/4:]...)
	}
	l.lines = append(l.lines, line)
	l.mu.Unlock()
	select {
	case l.some <- struct{}{}:
	default:
	}
}

// Next waits for lines.
func (l *uiLog) Next() (trace.Lines, error) {
	select {
	case <-l.ended:
		if l.err != nil {
			return trace.Lines{}, l.err
		}
		return trace.Lines{}, os.ErrClosed
	case <-l.some:
	case <-time.After(time.Second): // losses are told without a line too
	}
	select {
	case <-time.After(pace):
	case <-l.ended:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	out := trace.Lines{List: l.lines, Lost: l.r.Lost() + l.dropped, Reads: sourceWords(l.r.Groups(), l.r.Kernel()), Missing: l.r.Missing()}
	l.lines = nil
	return out, nil
}

// Close gives the groups back.
func (l *uiLog) Close() error {
	l.stop()
	<-l.ended
	return l.r.Close()
}
