package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"nfscope/model/filter"
	"nfscope/model/snapshot"
	"nfscope/model/why"
	"nfscope/trace/live"
)

// TestDisarmed: what a screen says of a search waits for the end of its trace to be told, however
// long a machine without a processor to spare takes, but not for ever.
func TestDisarmed(t *testing.T) {
	for _, after := range []time.Duration{0, 8 * time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			tap := newWhyTap()
			tap.snapshot(&snapshot.Snapshot{Trace: snapshot.Trace{Armed: true}})
			told := time.AfterFunc(after, func() { tap.snapshot(&snapshot.Snapshot{}) })
			begin := time.Now()
			s := tap.disarmed(context.Background())
			if took := time.Since(begin); s.Trace.Armed != (after > whyReady) || took != min(after, whyReady) {
				t.Errorf("after %v, armed %v, the end told after %v", took, s.Trace.Armed, after)
			}
			told.Stop()
		})
	}
}

// slowArmer is a session in which it takes a while until a trace is armed.
type slowArmer struct {
	after time.Duration
	asked time.Time
	trace live.Trace
	err   error
}

func (s *slowArmer) Arm(ctx context.Context, t live.Trace) error {
	s.asked, s.trace = time.Now(), t
	select {
	case <-time.After(s.after):
		return s.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slowArmer) Disarm() error         { return nil }
func (s *slowArmer) Done() <-chan struct{} { return nil }

// TestWhyWaitsOnce: that drops are watched is waited for where a trace is armed, and nowhere
// else; --for begins behind that. Who does not want to wait is told that nothing was looked for.
func TestWhyWaitsOnce(t *testing.T) {
	f, err := filter.Parse("udp")
	if err != nil {
		t.Fatal(err)
	}
	begin := func(ctx context.Context, s *slowArmer) (took time.Duration, seen *why.Seen, err error) {
		w := &whyRun{session: s, tap: newWhyTap(), look: why.NewLook(f, ""), filter: f, span: time.Second}
		at := time.Now()
		err = w.run(ctx, func(*why.Answer) {})
		took = time.Since(at)
		w.tap.snapshot(&snapshot.Snapshot{})
		if !s.asked.Equal(at) {
			t.Errorf("it was armed %v later", s.asked.Sub(at))
		}
		return took, w.look.Seen(time.Now(), true), err
	}
	const stuck = 10 * time.Second
	synctest.Test(t, func(t *testing.T) {
		s := &slowArmer{after: stuck}
		if took, seen, err := begin(t.Context(), s); took != stuck+time.Second || seen.Looked != time.Second || err != nil {
			t.Errorf("after %v, looked for %v, %v", took, seen.Looked, err)
		}
		if s.trace.For < time.Second || !s.trace.Both {
			t.Errorf("the trace is over before the looking is: %+v", s.trace)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
		defer stop()
		if took, seen, err := begin(ctx, &slowArmer{after: stuck}); took != time.Millisecond || seen.Looked != 0 || err != nil {
			t.Errorf("interrupted: after %v, looked for %v, %v", took, seen.Looked, err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		if _, _, err := begin(t.Context(), &slowArmer{err: refused}); !errors.Is(err, refused) {
			t.Errorf("a trace that is refused: %v", err)
		}
	})
}

// TestInterruptedAlone: who ends a search before it began is told where what was armed could not
// be taken back.
func TestInterruptedAlone(t *testing.T) {
	f, err := filter.Parse("udp")
	if err != nil {
		t.Fatal(err)
	}
	stuck := errors.New("the rule stays")
	waited := fmt.Errorf("the trace waited: %w", context.Canceled)
	for name, c := range map[string]struct{ err, want error }{
		"alone":           {context.Canceled, nil},
		"in words":        {fmt.Errorf("arm the trace: %w", waited), nil},
		"twice":           {errors.Join(waited, context.DeadlineExceeded), nil},
		"and undone":      {errors.Join(waited, nil), nil},
		"and not undone":  {fmt.Errorf("arm the trace: %w", errors.Join(waited, stuck)), stuck},
		"in another join": {errors.Join(errors.Join(stuck, waited), context.Canceled), stuck},
		"in one sentence": {fmt.Errorf("%w, and %w", waited, stuck), stuck},
		"something else":  {stuck, stuck},
	} {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		w := &whyRun{session: refusing{c.err}, tap: newWhyTap(), look: why.NewLook(f, ""), filter: f, span: time.Second}
		if got := w.run(ctx, func(*why.Answer) {}); c.want == nil && got != nil || !errors.Is(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// refusing is a session that arms nothing.
type refusing struct{ err error }

func (r refusing) Arm(context.Context, live.Trace) error { return r.err }
func (r refusing) Disarm() error                         { return nil }
func (r refusing) Done() <-chan struct{}                 { return nil }
