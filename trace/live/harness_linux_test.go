package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/model/store"
	"nfscope/trace/collect"
	"nfscope/trace/guard"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == guard.Arg {
		guard.Main()
		return
	}
	if len(os.Args) > 1 && os.Args[1] == floodArg {
		floodMain()
		return
	}
	if ns := os.Getenv(killEnv); ns != "" {
		armAndStay(ns)
	}
	os.Exit(m.Run())
}

// scope is a whole live session on one namespace of a test.
type scope struct {
	t       *testing.T
	session *Session
	store   *collect.Collector
	snaps   chan *snapshot.Snapshot
	shut    func() // ends it before the test does
	// missed is how many drops of the host the kernel had passed eBPF over for when the trace was
	// armed, again how often a packet was made again for that.
	missed uint64
	again  int
}

// open watches a namespace and arms a trace. What the kernel drops is not watched: that
// begins some time later, and would be told of some packets and not of others.
func open(t *testing.T, ns *netns.Handle, tr Trace) *scope {
	t.Helper()
	sc := begin(t, ns)
	s := sc.session
	sc.arm(tr, s.flows, func(ctx context.Context) { s.rules.Watch(ctx, s.every, s.put) })
	return sc
}

// openAll is open with all that a Session watches, and waits until that begins.
func openAll(t *testing.T, ns *netns.Handle, tr Trace) *scope {
	t.Helper()
	sc := begin(t, ns)
	if _, err := sc.session.Rules(t.Context()); err != nil {
		t.Fatal(err)
	}
	sc.session.Watch(t.Context())
	sc.missed = sc.wait("what is watched", func(snap *snapshot.Snapshot) bool { return snap.Flows.Ready && snap.Drops.Watch.Step == drop.StepBPF }).Drops.Watch.Missed
	if err := sc.session.Arm(t.Context(), tr); err != nil {
		t.Fatal(err)
	}
	return sc
}

// arm reads the rules, has parts of what a Session watches run until it is closed, and
// arms a trace when the connections are known. It does not end by the time, unless the test
// says so: its end changes the rules, and on a busy machine the usual half minute is soon over.
func (s *scope) arm(tr Trace, parts ...func(context.Context)) {
	s.t.Helper()
	tr.For = cmp.Or(tr.For, 10*time.Minute)
	if _, err := s.session.Rules(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.session.stop = stop
	for _, run := range parts {
		s.session.done.Go(func() { run(ctx) })
	}
	s.wait("the connections", func(snap *snapshot.Snapshot) bool { return snap.Flows.Ready })
	if err := s.session.Arm(s.t.Context(), tr); err != nil {
		s.t.Fatal(err)
	}
}

// quietly is how long nothing must be heard of a packet until it is over. It is more than
// nfscope waits, for the tests of a machine run side by side, and readers are kept waiting.
const quietly = time.Second

// begin makes a session that does not watch yet.
func begin(t *testing.T, ns *netns.Handle) *scope {
	t.Helper()
	return beginOn(t, ns, guarded(t), journey.Options{Quiet: quietly})
}

func guarded(t *testing.T) *guard.Guard {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	g, err := guard.Start(exe)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// beginOn is begin with another's guard.
func beginOn(t *testing.T, ns *netns.Handle, g *guard.Guard, o journey.Options) *scope {
	t.Helper()
	c := collect.New(store.New(o), time.Now)
	s, err := Open(ns, g, About{Name: ns.Name(), Source: "test"}, func(it feed.Item) {
		if it.Problem != "" {
			t.Logf("problem: %s", it.Problem)
		}
		c.Put(it)
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Hear(s.Heard)
	ctx, stop := context.WithCancel(context.Background())
	sc := &scope{t: t, session: s, store: c, snaps: make(chan *snapshot.Snapshot, 1)}
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		c.Run(ctx, func(s *snapshot.Snapshot) {
			select { // the newest wins
			case <-sc.snaps:
			default:
			}
			sc.snaps <- s
		})
	}()
	sc.shut = sync.OnceFunc(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		stop()
		<-ran
	})
	t.Cleanup(sc.shut)
	return sc
}

func parse(t testing.TB, text string) *filter.Filter {
	t.Helper()
	f, err := filter.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// wait waits for a snapshot that ok accepts.
func (s *scope) wait(what string, ok func(*snapshot.Snapshot) bool) *snapshot.Snapshot {
	s.t.Helper()
	patience := nettest.NewPatience()
	defer patience.Stop()
	var last *snapshot.Snapshot
	for {
		select {
		case last = <-s.snaps:
			if ok(last) {
				return last
			}
		case <-patience.C:
			if !patience.Over() {
				continue
			}
			var b strings.Builder
			if last != nil {
				for _, j := range last.Journeys {
					b.WriteString(describe(j))
				}
				fmt.Fprintf(&b, "lost: %+v; drops: %+v\n", last.Loss, last.Drops.Watch)
				for _, r := range last.Drops.Rows {
					fmt.Fprintf(&b, "   %+v\n", *r)
				}
			}
			s.t.Fatalf("waited in vain for %s; what there was:\n%s", what, b.String())
		}
	}
}

// journey waits for the first closed journey that ok accepts.
func (s *scope) journey(what string, ok func(*journey.Journey) bool) *journey.Journey {
	s.t.Helper()
	var found *journey.Journey
	s.wait(what, func(snap *snapshot.Snapshot) bool {
		for _, j := range snap.Journeys {
			if j.Closed && ok(j) {
				found = j
				return true
			}
		}
		return false
	})
	return found
}

// dropped waits for the first closed journey of what the kernel dropped, which is says yes to.
// It is made again only where a journey of each one that was made is closed without the drop (a
// packet that no chain saw has none), and the kernel itself proves that it passed eBPF over since
// the trace was armed: then nobody can tell of that drop. Without the proof it is waited for in
// vain. The count is the whole host's and rises for others too, so a packet is made again twice at
// most, and a session in which more than a few need it fails.
func (s *scope) dropped(what string, unseen bool, is func(*journey.Journey) bool, again func()) *journey.Journey {
	s.t.Helper()
	const tries, few = 3, 3
	was, made := s.missed, 1
	var found *journey.Journey
	s.wait(what, func(snap *snapshot.Snapshot) bool {
		untold := 0
		for _, j := range snap.Journeys {
			switch {
			case !j.Closed || !is(j):
			case j.Outcome.Verdict == journey.Dropped:
				found = j
				return true
			default:
				untold++
			}
		}
		if now := snap.Drops.Watch.Missed; now > was && made < tries && (unseen || untold == made) {
			s.t.Logf("the kernel passed eBPF over for %d drops of the host, and of %s nothing is told: made again", now-was, what)
			was = now
			made++
			if s.again++; s.again > few {
				s.t.Errorf("%d packets were made again: so many drops the kernel does not pass over", s.again)
			}
			again()
		}
		return false
	})
	return found
}

// describe prints a journey for a test's failure.
func describe(j *journey.Journey) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#%d %s in %q out %q %s: %s (complete %v %s)\n", j.Number, &j.Packet, j.In, j.Out, j.Path, j.Outcome.Sentence, j.Complete, j.Why)
	for _, st := range j.Steps {
		fmt.Fprintf(&b, "   %s %s\n", line(&st), st.Text)
	}
	if j.NAT != nil {
		fmt.Fprintf(&b, "   nat %v src %v dst %v\n", j.NAT.Class, j.NAT.Src, j.NAT.Dst)
	}
	if j.Direction != "" {
		fmt.Fprintf(&b, "   %s of flow %d by %s, answers %d\n", j.Direction, j.Flow, j.FlowBy, j.Answers)
	}
	for _, a := range j.Assumptions {
		fmt.Fprintf(&b, "   assumed: %s\n", a)
	}
	return b.String()
}

// line is a step as the tables of these tests write it:
// "L forward filter/FORWARD 2 drop", "N input fw/input policy accept".
func line(st *journey.Step) string {
	what := string(st.Kind)
	if st.Kind == journey.KindRule {
		what = fmt.Sprint(st.Rule)
	}
	s := fmt.Sprintf("%s%s %s/%s %s %s", strings.Repeat(" ", st.Depth), st.Backend.Mark(), st.Table, st.Chain, what, st.Verdict)
	for _, c := range st.Packet {
		if c.Field == "src" || c.Field == "dst" || c.Field == "dport" || c.Field == "sport" || c.Field == "mark" {
			s += fmt.Sprintf(" %s=%s", c.Field, c.Value)
		}
	}
	return s
}

// udp sends one datagram from a namespace. Where a rule drops it on its way out the
// kernel says EPERM, which is no failure here.
func udp(t *testing.T, from *netns.Handle, to string) {
	t.Helper()
	nettest.Do(t, from, func() error {
		c, err := net.Dial("udp", to)
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err = c.Write([]byte("hello")); errors.Is(err, unix.EPERM) {
			err = nil
		}
		return err
	})
}
