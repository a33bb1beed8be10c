package drops

import (
	"strings"
	"testing"
	"time"

	"nfscope/model/drop"
	"nfscope/trace/nettest"
)

// witness proves that the kernel passed the program over: of such a drop no Reader can tell, and
// who waits for it waits in vain, whatever the Reader does.
type witness struct {
	// missed counts the drops of the whole host that were passed over; before heard none is that
	// was not told, and so many that were told wait to be looked at.
	missed func() uint64
	heard  func() time.Time
	wait   func() int
	was    uint64
	// found is a time by which more were passed over than before.
	found time.Time
}

// witness is of what is passed over from now on.
func (w *watching) witness(t testing.TB) *witness {
	t.Helper()
	return &witness{missed: func() uint64 { return w.missed(t) }, heard: w.Heard, wait: func() int { return len(w.drops) }, was: w.missed(t)}
}

// missed is how many drops of the whole host were passed over.
func (w *watching) missed(t testing.TB) uint64 {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.probe.missed()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// proof is how many drops were passed over since the last one, once all that was told until
// then has been looked at; 0 where there is no proof, or not yet.
func (p *witness) proof() (n uint64) {
	now := p.missed()
	if now <= p.was {
		return 0
	}
	if p.found.IsZero() {
		p.found = time.Now()
	}
	if !p.heard().After(p.found) || p.wait() > 0 {
		return 0
	}
	n, p.was, p.found = now-p.was, now, time.Time{}
	return n
}

// fired is until for what fire makes the kernel drop. It is fired again only where nothing was
// told of it and the kernel itself proves that it passed the program over meanwhile. Without
// that proof it is fired once, and waited for in vain. The proof is of the whole host, and none of
// this very drop, so it is fired again twice at most.
func (w *watching) fired(t testing.TB, what string, fire func(), ok func(*drop.Drop) bool) (got *drop.Drop, all []*drop.Drop) {
	t.Helper()
	const most = 2
	p := w.witness(t)
	fire()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	return w.await(t, what, ok, look.C, func() {
		if n := p.proof(); n > 0 && w.again < most {
			w.again++
			t.Logf("the kernel passed the program over for %d drops of the host, and told of no %s: fired again", n, what)
			fire()
		}
	})
}

// until takes drops until ok says yes, and gives all that came.
func (w *watching) until(t testing.TB, what string, ok func(*drop.Drop) bool) (got *drop.Drop, all []*drop.Drop) {
	t.Helper()
	return w.await(t, what, ok, nil, nil)
}

// await is until, and does something else meanwhile.
func (w *watching) await(t testing.TB, what string, ok func(*drop.Drop) bool, at <-chan time.Time, do func()) (got *drop.Drop, all []*drop.Drop) {
	t.Helper()
	deadline := time.After(nettest.InVain)
	for {
		select {
		case d := <-w.drops:
			all = append(all, d)
			if ok(d) {
				return d, all
			}
		case <-at:
			do()
		case <-deadline:
			var s []string
			for _, d := range all {
				s = append(s, line(d))
			}
			t.Fatalf("waited in vain for %s; came:\n%s", what, strings.Join(s, "\n"))
		}
	}
}

// TestWitness: there is a proof where more were passed over, and only when all that was told
// until then has been looked at; and each is one but once.
func TestWitness(t *testing.T) {
	missed, heard, wait := uint64(7), time.Time{}, 0
	p := witness{missed: func() uint64 { return missed }, heard: func() time.Time { return heard }, wait: func() int { return wait }, was: 7}
	holds := func(when string, want uint64) {
		t.Helper()
		if n := p.proof(); n != want {
			t.Errorf("%s: a proof of %d, want %d", when, n, want)
		}
	}
	heard = time.Now().Add(time.Hour)
	holds("nothing was passed over", 0)
	missed, heard = 9, time.Time{}
	holds("what was told is not heard yet", 0)
	heard, wait = time.Now(), 1
	holds("it is not looked at", 0)
	wait = 0
	holds("now", 2)
	holds("it is known", 0)
	missed = 10
	holds("and another one: not heard yet", 0)
	heard = time.Now()
	holds("and another one", 1)
}

// TestFired: a cause whose drop was passed over is fired again.
func TestFired(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	ns := nettest.New(t, "fired")
	w := watch(t, ns, Options{NoFacts: true})
	needBPF(t, w.Watch())
	if w.probe.fired == nil {
		nettest.Skip(t, "perf counts nothing here")
	}
	fires := 0
	w.fired(t, "the second", func() {
		if fires++; fires == 1 { // as if perf had counted one more
			w.mu.Lock()
			w.probe.fired.cpus[0].began--
			w.mu.Unlock()
			return
		}
		closedPort(t, ns, 1)
	}, func(d *drop.Drop) bool { return d.HasPacket() && d.Packet.DPort == 99 })
}
