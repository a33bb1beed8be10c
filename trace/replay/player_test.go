package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/model/store"
	"nfscope/trace/record"
)

var t0 = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// flood gives n events of packets that overlap, and what conntrack and the counters say
// meanwhile. After half of it the rules change.
func flood(n int, put func(feed.Item)) {
	put(feed.Item{Time: t0, Host: &feed.Host{Name: "r", Local: []string{"10.0.0.1/24"}, Source: "x"}})
	now := t0
	rules := func(text string) {
		rs := &model.Ruleset{Generation: text, Taken: now, Tables: []*model.Table{{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "fw", Chains: []*model.Chain{
			{Name: "pre", Hook: model.HookPrerouting, Type: "filter", Policy: "accept", Rules: []model.Rule{{Handle: 1, Text: text, Counters: model.Counters{Packets: 1, Valid: true}}}},
			{Name: "fwd", Hook: model.HookForward, Type: "filter", Policy: "accept", Rules: []model.Rule{{Handle: 2, Text: text + " drop", Target: "drop"}}}}}}}
		rs.Number()
		put(feed.Item{Time: now, Rules: rs})
	}
	rules("one")
	rng := rand.New(rand.NewPCG(1, 2))
	type way struct {
		p    model.Packet
		id   uint32
		step int
	}
	var open []*way
	for i, seq := 0, uint64(0); seq < uint64(n); {
		for len(open) < 8 {
			i++
			open = append(open, &way{p: model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Src: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}),
				Dst: netip.MustParseAddr("192.0.2.7"), SPort: uint16(i), DPort: 80, Transport: true, Length: 60, TTL: 63, IPID: uint16(i)}, id: uint32(i)})
		}
		k := rng.IntN(len(open))
		w := open[k]
		now, seq = now.Add(time.Duration(rng.IntN(50))*time.Microsecond), seq+1
		e := journey.Event{Source: journey.SourceNFT, Time: now, Seq: seq, Family: model.FamilyInet, Table: "fw", ID: w.id, In: "eth0"}
		switch w.step {
		case 0:
			q := w.p
			e.Chain, e.Kind, e.Handle, e.Verdict, e.Packet = "pre", journey.EventRule, 1, model.VerdictContinue, &q
		case 1:
			e.Chain, e.Kind, e.Verdict = "pre", journey.EventPolicy, model.VerdictAccept
		case 2:
			q := w.p
			e.Chain, e.Kind, e.Handle, e.Verdict, e.Packet = "fwd", journey.EventRule, 2, model.VerdictDrop, &q
			open = slices.Delete(open, k, k+1)
		}
		w.step++
		put(feed.Item{Time: now, Event: &e})
		if seq%7 == 0 {
			tup := w.p.Tuple()
			typ := []flow.EventType{flow.EventNew, flow.EventDestroy}[rng.IntN(2)]
			put(feed.Item{Time: now, Flow: &flow.Event{Type: typ, Time: now, Flow: &flow.Flow{ID: w.id, Family: model.FamilyIPv4, Orig: flow.Side{Tuple: tup}, Reply: flow.Side{Tuple: tup.Reverse()}, Seen: now}}})
		}
		if seq%1000 == 0 {
			put(feed.Item{Time: now, Counts: &model.Counts{Generation: "one", Taken: now, Rules: []model.Counters{{Packets: seq, Valid: true}, {}}, Chains: make([]model.Counters, 2)}})
		}
		if seq == uint64(n/2) {
			rules("two")
		}
	}
}

func recorded(tb testing.TB, n int) *record.File {
	tb.Helper()
	return opened(tb, bytes.NewReader(recording(tb, func(put func(feed.Item)) { flood(n, put) })))
}

// recording is one of what is put.
func recording(tb testing.TB, of func(put func(feed.Item))) []byte {
	tb.Helper()
	var b bytes.Buffer
	e, err := record.NewEncoder(&b, record.Header{Created: t0, Title: "a flood"}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	of(func(it feed.Item) {
		if err == nil {
			err = e.Put(&it)
		}
	})
	if err == nil {
		err = e.Close(record.End{})
	}
	if err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func opened(tb testing.TB, in interface {
	io.ReaderAt
	Size() int64
}) *record.File {
	tb.Helper()
	f, err := record.Open("flood", in, in.Size())
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

// plainly folds all items of a moment from the begin.
func plainly(tb testing.TB, f *record.File, at time.Time) *snapshot.Snapshot {
	tb.Helper()
	st := store.New(journey.Options{})
	for i := range f.Blocks() {
		list, err := f.Block(i)
		if err != nil {
			tb.Fatal(err)
		}
		for k := range list {
			if !list[k].Time.After(at) {
				st.Tick(list[k].Time)
				st.Apply(&list[k])
			}
		}
	}
	st.Tick(at)
	if _, last := f.Span(); !at.Before(last) {
		st.End()
	}
	return st.Snapshot(at)
}

// digest is a state as bytes.
func digest(tb testing.TB, s *snapshot.Snapshot) []byte {
	tb.Helper()
	c := *s
	c.Version, c.Replay, c.EventsPerSecond, c.ConntrackInUse = 0, nil, 0, false
	b, err := json.Marshal(c)
	if err != nil {
		tb.Fatal(err)
	}
	flows, err := json.Marshal(s.Flows.Table.List())
	if err != nil {
		tb.Fatal(err)
	}
	return append(b, flows...)
}

var sameState = cmp.Options{cmpopts.IgnoreUnexported(model.Ruleset{}), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(snapshot.Snapshot{}, "Version", "Replay", "Index", "EventsPerSecond", "ConntrackInUse"),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmpopts.IgnoreFields(journey.Journey{}, "Rules"), cmpopts.IgnoreFields(snapshot.Flows{}, "Began", "Went"),
	cmp.Transformer("flows", (*flow.Table).List)}

// played runs a Player and gives what it publishes.
func played(t *testing.T, p *Player) chan *snapshot.Snapshot {
	out := make(chan *snapshot.Snapshot, 1000)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Run(ctx, func(s *snapshot.Snapshot) {
			select {
			case out <- s:
			default:
			}
		})
	}()
	t.Cleanup(func() { stop(); <-done })
	return out
}

// after waits for the snapshot behind the n-th jump.
func after(t *testing.T, out chan *snapshot.Snapshot, n uint64) *snapshot.Snapshot {
	t.Helper()
	for {
		select {
		case s := <-out:
			if s.Replay.Jumps >= n {
				return s
			}
		case <-time.After(time.Minute):
			t.Fatalf("no snapshot behind jump %d", n)
		}
	}
}

// TestSeek: whatever the way there, a moment is what all items up to it add up to.
func TestSeek(t *testing.T) {
	t.Parallel()
	f := recorded(t, 20_000)
	first, last := f.Span()
	p := New(f, Options{})
	p.index.apart = 2000
	p.Pause(true)
	out := played(t, p)
	rng := rand.New(rand.NewPCG(3, 4))
	span := int64(last.Sub(first))
	places := []time.Duration{0, time.Duration(span), time.Duration(span / 2), time.Duration(span) + time.Hour, -time.Hour}
	for range 12 {
		places = append(places, time.Duration(rng.Int64N(span)))
	}
	frames, version := 0, uint64(0)
	for i, to := range places {
		p.Seek(to)
		got := after(t, out, uint64(i+1))
		at := first.Add(min(max(to, 0), time.Duration(span)))
		if !got.Time.Equal(at) {
			t.Errorf("sought %v: it is %v, want %v", to, got.Time, at)
		}
		want := plainly(t, f, at)
		if !bytes.Equal(digest(t, want), digest(t, got)) { // a picture of the difference takes seconds
			t.Fatalf("at %v, folded from the begin (-) and sought (+):\n%.3000s", to, cmp.Diff(want, got, sameState))
		}
		p.index.mu.Lock()
		frames = max(frames, len(p.index.frames))
		if got.Version <= version { // however often it began anew
			t.Errorf("version %d after %d", got.Version, version)
		}
		version = got.Version
		p.index.mu.Unlock()
	}
	if frames < 2 || frames > keyframes {
		t.Errorf("%d keyframes", frames)
	}
}

// TestJourney: the moments at which one more journey is there, forwards and back.
func TestJourney(t *testing.T) {
	t.Parallel()
	f := recorded(t, 3000)
	p := New(f, Options{})
	p.Pause(true)
	out := played(t, p)
	for { // the index is made beside the playing
		p.index.mu.Lock()
		done := p.index.done
		p.index.mu.Unlock()
		if done {
			break
		}
		runtime.Gosched()
	}
	count := func(s *snapshot.Snapshot) int { return int(s.Forgotten) + len(s.Journeys) }
	last := 0
	for i := range uint64(20) {
		p.Journey(1)
		s := after(t, out, i+1)
		n := count(s)
		if n <= last || n > last+8 { // eight are on their way at once
			t.Fatalf("step %d: %d journeys after %d", i, n, last)
		}
		last = n
	}
	for i := range uint64(19) {
		p.Journey(-1)
		n := count(after(t, out, 21+i))
		if n >= last && last > 0 {
			t.Fatalf("step %d back: %d journeys after %d", i, n, last)
		}
		last = n
	}
	p.Journey(-100) // more than there are before: to the begin
	if s := after(t, out, 40); !s.Time.Equal(s.Replay.Begin) {
		t.Errorf("100 journeys back it stands %v behind the begin", s.Time.Sub(s.Replay.Begin))
	}
}

// TestSpeed: so many recorded seconds pass in a second, within bounds.
func TestSpeed(t *testing.T) {
	t.Parallel()
	f := recorded(t, 100)
	for given, want := range map[float64]float64{0: 1, 4: 4, 0.25: 0.25} {
		p := New(f, Options{Speed: given})
		p.last = p.first.Add(time.Hour)
		p.advance(context.Background(), 2*time.Second)
		if got := p.pos.Sub(p.first); got != time.Duration(want*float64(2*time.Second)) {
			t.Errorf("at speed %v it went %v in 2 s", given, got)
		}
	}
	p := New(f, Options{})
	for given, want := range map[float64]float64{1e9: Fastest, 0: Slowest, 2: 2} {
		if p.SetSpeed(given); p.speed != want {
			t.Errorf("the speed %v is %v, want %v", given, p.speed, want)
		}
	}
}

// TestPlays: a recording plays to its end, and says so.
func TestPlays(t *testing.T) {
	t.Parallel()
	f := recorded(t, 3000)
	first, last := f.Span()
	p := New(f, Options{Speed: 0.5})
	start := time.Now()
	out := played(t, p)
	for {
		select {
		case s := <-out:
			if s.Time.Before(first) || s.Time.After(last) || s.Time.Sub(first) > time.Since(start) {
				t.Fatalf("it is %v after %v", s.Time.Sub(first), time.Since(start))
			}
			if !s.Ended {
				continue
			}
			if want := plainly(t, f, last); !bytes.Equal(digest(t, want), digest(t, s)) {
				t.Errorf("folded (-) and played (+):\n%.3000s", cmp.Diff(want, s, sameState))
			}
			if want := 2 * last.Sub(first); time.Since(start) < want {
				t.Errorf("played in %v, want %v", time.Since(start), want)
			}
		case <-time.After(time.Minute):
			t.Fatal("it does not end")
		}
		return
	}
}

// BenchmarkSeek is how long it takes to be anywhere in a million events, once the
// background has seen all of it.
func BenchmarkSeek(b *testing.B) {
	f := recorded(b, 1_000_000)
	first, last := f.Span()
	p := New(f, Options{})
	if err := p.index.make(context.Background(), p.begin()); err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	worst := time.Duration(0)
	b.ResetTimer()
	for range b.N {
		p.Seek(time.Duration(rng.Int64N(int64(last.Sub(first)))))
		start := time.Now()
		p.jump(context.Background())
		worst = max(worst, time.Since(start))
	}
	b.ReportMetric(float64(worst.Milliseconds()), "worst-ms")
}

// BenchmarkIndex is how long the background takes for a million events, and what it keeps.
func BenchmarkIndex(b *testing.B) {
	f := recorded(b, 1_000_000)
	var before, behind runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	b.ResetTimer()
	var p *Player
	for range b.N {
		p = New(f, Options{})
		if err := p.index.make(context.Background(), p.begin()); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	runtime.GC()
	runtime.ReadMemStats(&behind)
	b.ReportMetric(float64(behind.HeapAlloc-before.HeapAlloc)/(1<<20), "MB-kept")
	runtime.KeepAlive(p)
}

// TestJourneysOfAMoment: packets that were read in one moment are gone through together.
func TestJourneysOfAMoment(t *testing.T) {
	t.Parallel()
	x := index{begins: []int64{10, 10, 10, 20, 30, 30}, done: true}
	at := time.Unix(0, 1)
	for i, want := range []int64{19, 29, 1 << 62} {
		to, ok := x.journey(at, 1)
		if !ok || to.UnixNano() != want {
			t.Fatalf("step %d: at %d, %v, want %d", i, to.UnixNano(), ok, want)
		}
		at = to
	}
	for i, want := range []int64{29, 19, 9} {
		to, ok := x.journey(at, -1)
		if !ok || to.UnixNano() != want {
			t.Fatalf("step %d back: at %d, %v, want %d", i, to.UnixNano(), ok, want)
		}
		at = to
	}
	if to, ok := x.journey(at, -1); ok {
		t.Errorf("before the first: %d", to.UnixNano())
	}
	x.done = false // what comes behind the last one is not known yet
	if to, ok := x.journey(time.Unix(0, 25), 1); ok {
		t.Errorf("behind the last one that is known: %d", to.UnixNano())
	}
}

// TestTo: what came behind the end that was asked for is never shown.
func TestTo(t *testing.T) {
	t.Parallel()
	f := recorded(t, 2000)
	first, last := f.Span()
	to := last.Sub(first) / 2
	p := New(f, Options{To: to})
	p.Pause(true)
	out := played(t, p)
	p.Seek(time.Hour)
	s := after(t, out, 1)
	if end := first.Add(to); !s.Time.Equal(end) || !s.Replay.End.Equal(end) || len(s.Journeys) == 0 || s.Journeys[len(s.Journeys)-1].Start.After(end) {
		t.Errorf("at %v of %v to %v: %d packets", s.Time, s.Replay.Begin, s.Replay.End, len(s.Journeys))
	}
	if p := New(f, Options{To: time.Hour}); !p.last.Equal(last) {
		t.Errorf("it ends at %v, the recording at %v", p.last, last)
	}
}

// TestFrom: the playing begins where it was told to, at the end where that is behind it.
func TestFrom(t *testing.T) {
	t.Parallel()
	f := recorded(t, 2000)
	first, last := f.Span()
	for from, want := range map[time.Duration]time.Time{last.Sub(first) / 2: first.Add(last.Sub(first) / 2), time.Hour: last} {
		p := New(f, Options{From: from})
		p.Pause(true)
		if s := after(t, played(t, p), 1); !s.Time.Equal(want) || !s.Replay.Begin.Equal(first) {
			t.Errorf("from %v: it stands at %v of %v, want %v", from, s.Time, s.Replay.Begin, want)
		}
	}
}

// TestCutIsTold: at the end of a recording that was cut short the screen says so, and each item
// was changed as the player was told to.
func TestCutIsTold(t *testing.T) {
	t.Parallel()
	f := recorded(t, 100)
	f.Cut = "it is cut short"
	changed := 0
	c := begin(f, func(*feed.Item) { changed++ }, journey.Options{})
	if whole, err := c.to(t.Context(), t0.Add(time.Hour), nil); !whole || err != nil || !c.over() {
		t.Fatal(whole, err)
	}
	if s := c.store.Snapshot(t0.Add(time.Hour)); !slices.Contains(s.Problems, f.Cut) || changed < 100 {
		t.Errorf("problems %q, %d items were changed", s.Problems, changed)
	}
}

// dying is a file that cannot be read any more.
type dying struct {
	*bytes.Reader
	dead bool
}

func (d *dying) ReadAt(b []byte, off int64) (int, error) {
	if d.dead {
		return 0, errors.New("the disk is gone")
	}
	return d.Reader.ReadAt(b, off)
}

// TestUnreadable: a file that cannot be read any more ends the playing, and that is said, once.
// That nobody wants to see more is no such thing.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	d := &dying{Reader: bytes.NewReader(recording(t, func(put func(feed.Item)) { flood(100, put) }))}
	p := New(opened(t, d), Options{})
	p.failed(context.Canceled)
	d.dead = true
	for range 2 {
		p.advance(t.Context(), time.Minute)
	}
	if s := p.cur.store.Snapshot(p.pos); !s.Ended || !slices.Equal(s.Problems, []string{"flood: the disk is gone"}) {
		t.Errorf("ended: %v, problems %q", s.Ended, s.Problems)
	}
}

// TestTimeGoesOn: an item that came late does not turn the time back, one that has no time of its
// own comes at once, and what came at a moment is there at that moment.
func TestTimeGoesOn(t *testing.T) {
	t.Parallel()
	second := t0.Add(time.Second)
	f := opened(t, bytes.NewReader(recording(t, func(put func(feed.Item)) {
		for _, at := range []time.Time{t0, second, t0, {}, second.Add(1)} {
			put(feed.Item{Time: at, Problem: "x"})
		}
	})))
	var times []time.Time
	c := begin(f, func(it *feed.Item) { times = append(times, it.Time) }, journey.Options{})
	if whole, err := c.to(t.Context(), second, nil); !whole || err != nil || !c.now.Equal(second) || c.over() {
		t.Errorf("%v, %v: it is %v", whole, err, c.now)
	}
	if !slices.EqualFunc(times, []time.Time{t0, second, t0, second}, time.Time.Equal) {
		t.Errorf("the items' times: %v", times)
	}
}

// TestPlaces: one skip adds to another that is still under way, none goes beyond the ends, and
// as long as it is not known where packets began, one packet back is the begin and one on is
// nowhere.
func TestPlaces(t *testing.T) {
	t.Parallel()
	f := recorded(t, 2000)
	first, last := f.Span()
	p := New(f, Options{})
	for i, c := range []struct {
		move func()
		want time.Time
	}{
		{func() { p.Skip(2 * time.Millisecond) }, first.Add(2 * time.Millisecond)},
		{func() { p.Skip(-time.Millisecond) }, first.Add(time.Millisecond)},
		{func() { p.Skip(-time.Hour) }, first},
		{func() { p.Journey(1) }, first},
		{func() { p.Skip(time.Hour) }, last},
		{func() { p.Journey(-1) }, first},
	} {
		if c.move(); !p.asked().Equal(c.want) {
			t.Errorf("move %d: to %v, want %v", i, p.asked(), c.want)
		}
	}
}

// TestPauses: nothing moves while it is paused, and on it goes; the screen is told of both, and
// of the time that passes while nothing happens.
func TestPauses(t *testing.T) {
	t.Parallel()
	f := recorded(t, 500) // few enough to be folded at once, however busy the machine is
	first, last := f.Span()
	p := New(f, Options{})
	for _, paused := range []bool{true, false} {
		p.Pause(paused)
		before := p.pos
		p.advance(t.Context(), time.Millisecond)
		if moved := p.pos.Sub(before); (moved == 0) != paused || p.told(time.Second) == paused || p.told(0) {
			t.Errorf("paused %v: it went %v", paused, moved)
		}
		p.show(func(s *snapshot.Snapshot) {
			if s.Replay.Paused != paused || !s.Replay.Begin.Equal(first) || !s.Replay.End.Equal(last) {
				t.Errorf("paused %v: the screen is told %+v", paused, s.Replay)
			}
		})
	}
	if p.advance(t.Context(), time.Hour); !p.pos.Equal(last) || p.told(time.Second) {
		t.Errorf("it went on to %v of %v", p.pos, last)
	}
}

// TestCalledAway: who is called to another place on the way to one goes there.
func TestCalledAway(t *testing.T) {
	t.Parallel()
	f := recorded(t, 5000)
	first, last := f.Span()
	var p *Player
	calls := 0
	p = New(f, Options{Change: func(*feed.Item) {
		if calls++; calls == 3000 {
			p.Seek(time.Millisecond)
		}
	}})
	p.Pause(true)
	p.Seek(last.Sub(first))
	p.advance(t.Context(), 0)
	if want := first.Add(time.Millisecond); !p.pos.Equal(want) || p.asked() != nil || p.jumps != 2 || p.cur.now.After(want) {
		t.Errorf("it is at %v after %d jumps, folded up to %v, want %v", p.pos, p.jumps, p.cur.now, want)
	}
}
