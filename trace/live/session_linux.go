package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/trace/conntrack"
	"nfscope/trace/drops"
	"nfscope/trace/guard"
	"nfscope/trace/netns"
	"nfscope/trace/rules"
)

// Session watches one namespace.
type Session struct {
	ns    *netns.Handle
	guard *guard.Guard
	put   func(feed.Item)
	log   *slog.Logger
	rules *rules.Reader
	// host and around are as they were found.
	host   feed.Host
	around conntrack.Around
	// conntrack opens it; again is how long after a refusal it is tried again.
	conntrack func(*netns.Handle) (*conntrack.Reader, error)
	again     time.Duration
	// drops opens what tells of packets that the kernel drops.
	drops func(*netns.Handle) (*drops.Reader, error)
	// every is the time between two looks at the counters of rules.
	every time.Duration
	// watched is how long a trace waits for the kernel to tell of drops.
	watched time.Duration

	order sync.Mutex // held while a ruleset is put

	mu     sync.Mutex
	ears   map[hearer]bool // those at work that tell of packets
	armed  *tracing
	legacy bool // the namespace has legacy tables
	latest *model.Ruleset
	// falls is closed once the kernel tells of what it drops, or will not; nil where nobody
	// asks it to.
	falls  chan struct{}
	done   sync.WaitGroup
	stop   context.CancelFunc // ends Watch
	closed sync.Once
}

// Open prepares to watch a namespace. put takes the items, from several goroutines. The guard undoes sysctls and rules if we
// are killed.
func Open(ns *netns.Handle, g *guard.Guard, about About, put func(feed.Item)) (*Session, error) {
	r, err := rules.Open(ns)
	if err != nil {
		return nil, err
	}
	s := &Session{ns: ns, guard: g, log: about.Log, rules: r, ears: map[hearer]bool{}, stop: func() {}, conntrack: conntrack.Open, again: again, every: time.Second, watched: watched,
		drops: func(ns *netns.Handle) (*drops.Reader, error) { return drops.Open(ns, drops.Options{}) }}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.put = func(it feed.Item) {
		if it.Time.IsZero() {
			it.Time = time.Now()
		}
		if it.Rules != nil {
			s.order.Lock()
			defer s.order.Unlock()
			if !s.sawRules(it.Rules) {
				return
			}
		}
		s.note(&it)
		put(it)
	}
	s.host, s.around = s.about(about)
	s.put(feed.Item{Host: &s.host})
	return s, nil
}

// note writes an item to the log.
func (s *Session) note(it *feed.Item) {
	switch {
	case it.Problem != "":
		s.log.Warn(it.Problem)
	case it.Solved != "":
		s.log.Info("solved", "problem", it.Solved)
	case it.Rules != nil:
		chains, rules := it.Rules.Size()
		s.log.Info("rules read", "generation", it.Rules.Generation, "tables", len(it.Rules.Tables), "chains", chains, "rules", rules)
	case it.Trace != nil:
		s.log.Debug("trace", "armed", it.Trace.Armed, "filter", it.Trace.Filter, "method", it.Trace.Method, "held", it.Trace.Held)
	case it.Events != nil && s.log.Enabled(context.Background(), slog.LevelDebug):
		for i := range it.Events {
			e := &it.Events[i]
			s.log.Debug("event", "source", e.Source, "family", e.Family, "table", e.Table, "chain", e.Chain, "num", e.Num, "handle", e.Handle, "id", e.ID, "lost", e.Lost)
		}
	}
}

func (s *Session) about(about About) (feed.Host, conntrack.Around) {
	h := feed.Host{Name: about.Name, Source: about.Source}
	if h.Name == "" {
		h.Name = "host"
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		h.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	if about.Facts {
		h.Facts = facts(s.ns)
	}
	around, err := conntrack.ReadAround(s.ns)
	if err != nil {
		s.put(feed.Item{Problem: "addresses or routes are unknown, so masquerade and redirect are not told apart, and rules with -o are not held against connections: " + err.Error()})
	}
	return standing(h, around), around
}

// standing is the host with what is around its connections.
func standing(h feed.Host, a conntrack.Around) feed.Host {
	h.Local, h.Routes = nil, a.Routes
	for _, p := range a.Local {
		h.Local = append(h.Local, p.String())
	}
	return h
}

// surroundings tells of the host again when its addresses or routes are others.
func (s *Session) surroundings(ctx context.Context) error {
	return conntrack.FollowAround(ctx, s.ns, s.around, func(a conntrack.Around) {
		h := standing(s.host, a)
		s.put(feed.Item{Host: &h})
	})
}

// Watch follows rules, counters, connections and drops until ctx is done or the Session is
// closed. What does not work becomes a Problem, and the rest goes on.
func (s *Session) Watch(ctx context.Context) {
	ctx, s.stop = context.WithCancel(ctx)
	falls := make(chan struct{})
	s.mu.Lock()
	s.falls = falls
	s.mu.Unlock()
	s.done.Add(4)
	go func() {
		defer s.done.Done()
		s.rules.Watch(ctx, s.every, s.put)
	}()
	go func() {
		defer s.done.Done()
		s.flows(ctx)
	}()
	go func() {
		defer s.done.Done()
		if err := s.surroundings(ctx); err != nil {
			s.put(feed.Item{Problem: fmt.Sprintf("addresses and routes are those of the beginning: %v", err)})
		}
	}()
	go func() {
		defer s.done.Done()
		if err := s.dropped(ctx, sync.OnceFunc(func() { close(falls) })); err != nil && ctx.Err() == nil {
			s.put(feed.Item{Problem: fmt.Sprintf("what the kernel drops is not followed: %v", err)})
		}
	}()
}

// dropped follows what the kernel throws away. A step that is refused is no problem: the
// items say which one is at work. begun is called when the kernel tells, or will not.
func (s *Session) dropped(ctx context.Context, begun func()) error {
	defer begun()
	r, err := s.drops(s.ns)
	if err != nil {
		return err
	}
	defer s.attend(r)()
	return errors.Join(r.Run(ctx, func(it feed.Item) {
		s.put(it)
		if it.Drops != nil { // the first one says that it tells: until then it reads the kernel's symbols
			begun()
		}
	}), r.Close())
}

// Focus tells what is on the screen, whenever that changes: chains by Chain.ID and rules
// by Rule.ID, of a ruleset that was put. Their counters are read every second even where
// there are too many rules for that. It keeps the slices and does not block.
func (s *Session) Focus(of *model.Ruleset, chains, rules []int) { s.rules.Focus(of, chains, rules) }

// watched is how long the watching of drops may take to begin: of a machine that has no
// processor to spare the kernel's check of the program takes seconds.
const watched = 10 * time.Second

// again is how long after conntrack was refused it is asked for again.
const again = 2 * time.Second

// flows follows connections. Where the kernel has no conntrack, or does not offer it to
// programs, that is said, and tried again: a rule that needs it loads it at any time.
func (s *Session) flows(ctx context.Context) {
	flows, stats := complaint{put: s.put}, complaint{put: s.put}
	put := func(it feed.Item) {
		if it.Flow != nil {
			flows.solved()
		}
		s.put(it)
	}
	for {
		err := s.follow(ctx, &stats, put)
		if ctx.Err() != nil || err == nil {
			return
		}
		flows.say(fmt.Sprintf("connections are not followed, and will be when that changes: %v", err))
		s.pause(ctx)
	}
}

// pause waits before what was refused is asked for again.
func (s *Session) pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(s.again):
	}
}

// follow follows connections until the context ends or the kernel refuses.
func (s *Session) follow(ctx context.Context, stats *complaint, put func(feed.Item)) error {
	r, err := s.conntrack(s.ns)
	if err != nil {
		return err
	}
	defer r.Close()
	defer s.attend(r)()
	var healthy sync.WaitGroup
	defer healthy.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	healthy.Go(func() { s.statistics(ctx, stats, r.WatchHealth) })
	return r.Watch(ctx, conntrack.Options{}, put)
}

// statistics follows how conntrack is doing, by watch, until the context ends. What is refused
// is said, and asked for again.
func (s *Session) statistics(ctx context.Context, stats *complaint, watch func(context.Context, time.Duration, func(feed.Item)) error) {
	for ctx.Err() == nil {
		err := watch(ctx, time.Second, func(it feed.Item) {
			stats.solved()
			s.put(it)
		})
		if err == nil || ctx.Err() != nil {
			return
		}
		stats.say(fmt.Sprintf("conntrack's statistics are not followed, and will be when that changes: %v", err))
		s.pause(ctx)
	}
}

// Delete takes one entry out of conntrack's table.
func (s *Session) Delete(f *flow.Flow) error {
	r, err := conntrack.Open(s.ns)
	if err != nil {
		return err
	}
	defer r.Close()
	return r.Delete(f)
}

// Close ends the armed trace and the readers, and waits for both. Only the first call
// does anything.
func (s *Session) Close() (err error) {
	s.closed.Do(func() {
		err = s.Disarm()
		s.stop()
		s.done.Wait()
		err = errors.Join(err, s.rules.Close())
	})
	return err
}
