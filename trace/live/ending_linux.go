package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"nfscope/model/feed"
	"nfscope/trace/arm"
)

const (
	// drain is how long the readers go on, at most, after the last packet could be traced.
	drain = 300 * time.Millisecond
	// calm is how long their sockets must have been dry to end them before that.
	calm = 20 * time.Millisecond
)

// mind keeps the trace's state up to date and ends it when what is armed has ended.
func (s *Session) mind(tr *tracing) {
	defer s.done.Done()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if s.tell(tr, true); tr.taken == nil {
				continue
			}
		case <-tr.armed.Done():
		case <-s.guard.Lost():
			s.put(feed.Item{Problem: fmt.Sprintf("the trace ends early, so that it cannot outlive a killed nfscope: %v", s.guard.Err())})
		}
		break
	}
	s.tell(tr, true) // the last count of what was held back
	if tr.taken != nil {
		s.put(feed.Item{Problem: fmt.Sprintf("the trace is over: %v, and what came since was not traced", tr.taken)})
	}
	tr.end()
	s.log.Info("trace ended", "held", tr.held, "error", tr.err)
	s.mu.Lock()
	if s.armed == tr {
		s.armed = nil
	}
	s.mu.Unlock()
	s.tell(tr, false)
	close(tr.over)
}

// end disarms, lets the readers hear what is still on its way, and undoes the rest.
func (tr *tracing) end() {
	var errs []error
	if tr.armed != nil {
		errs = append(errs, tr.armed.Close())
		dry(tr.queued, time.Now().Add(drain))
	}
	tr.stop()
	tr.readers.Wait()
	if seats := tr.seats.Load(); seats != nil {
		errs = append(errs, seats.Close())
	}
	if tr.log != nil {
		errs = append(errs, tr.log.Close())
	}
	if tr.nflog != nil {
		errs = append(errs, tr.nflog.Close())
	}
	if tr.nft != nil {
		errs = append(errs, tr.nft.Close())
	}
	tr.err = errors.Join(errs...)
}

// dry waits until nothing waits in the readers' sockets, twice, or the deadline is over.
func dry(queued func() uint64, deadline time.Time) {
	tick := time.NewTicker(calm)
	defer tick.Stop()
	for was := false; time.Now().Before(deadline); {
		is := queued() == 0
		if was && is {
			return
		}
		was = is
		<-tick.C
	}
}

// queued is the memory that events not yet read take; where it is not known, more
// than none.
func (tr *tracing) queued() (bytes uint64) {
	add := func(n uint32, err error) {
		if bytes += uint64(n); err != nil {
			bytes++
		}
	}
	if tr.nft != nil {
		add(tr.nft.Queued())
	}
	if tr.nflog != nil {
		add(tr.nflog.Queued())
	}
	return bytes
}

// tell puts the trace's state.
func (s *Session) tell(tr *tracing, armed bool) {
	st := tr.armed.State()
	st.Armed, st.NoLegacy, st.NoNFT = armed, tr.log == nil, st.NoNFT || tr.nft == nil
	st.Notes = append(st.Notes, tr.notes...)
	if armed {
		_, held, err := tr.armed.Held(context.Background())
		switch {
		case err == nil:
			tr.held = held
		case errors.Is(err, arm.ErrTaken):
			tr.taken = err
		}
	}
	st.Held = tr.held
	s.complain(tr)
	s.put(feed.Item{Trace: &st})
}

// complain tells once of messages that could not be read, of what would help where events are
// lost, and of who has the legacy tracer tell us no more.
func (s *Session) complain(tr *tracing) {
	if tr.log != nil {
		for _, changed := range tr.log.Changed() {
			s.once(tr, changed)
		}
	}
	for _, l := range tr.lost {
		lost, note, malformed := l.ask()
		s.trouble(tr, l.name, malformed, lost, note)
	}
}

func (s *Session) trouble(tr *tracing, name string, malformed error, lost uint64, note string) {
	if malformed != nil {
		s.once(tr, fmt.Sprintf("a message of the %s could not be read and counts as lost: %v", name, malformed))
	}
	if lost > 0 && note != "" {
		s.once(tr, fmt.Sprintf("events of the %s were lost: %s", name, note))
	}
}

// once says what is wrong with a trace, once.
func (s *Session) once(tr *tracing, text string) {
	if !slices.Contains(tr.told, text) {
		tr.told = append(tr.told, text)
		s.put(feed.Item{Problem: text})
	}
}

// Disarm ends the armed trace, if there is one, and waits until nothing is left.
func (s *Session) Disarm() error {
	s.mu.Lock()
	tr := s.armed
	s.mu.Unlock()
	if tr == nil {
		return nil
	}
	if err := tr.armed.Close(); err != nil {
		return err
	}
	<-tr.over
	return tr.err
}

// Done is closed when the armed trace is over; nil where none is armed.
func (s *Session) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.armed == nil {
		return nil
	}
	return s.armed.over
}
