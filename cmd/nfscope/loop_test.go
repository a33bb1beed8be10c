package main

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nfscope/docs/labs"
	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/store"
	"nfscope/trace/lab"
)

// A recording that begins again tells the same story again: the same packets with the
// same ends under new numbers, and counters that go on.
func TestRecordingLoops(t *testing.T) {
	for _, name := range labs.Names() {
		t.Run(name, func(t *testing.T) {
			data, err := fs.ReadFile(labs.FS, name+"/"+lab.RecordingFile)
			if err != nil {
				t.Fatal(err)
			}
			l, err := newLoop(name, data, func(*feed.Item) {})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			st := store.New(journey.Options{Keep: 1 << 16})
			const passes = 3
			const lag = 250 * time.Millisecond // of one reader behind another, on a busy machine
			var told [passes][]string          // the ends of each pass's packets
			var hits [passes]uint64
			number, now := 0, time.Time{}
			l.wait = func(ctx context.Context, at time.Time) error {
				if at.Before(now.Add(-lag)) {
					t.Errorf("time goes back from %v to %v", now, at)
				}
				if at.After(now) {
					now = at
				}
				return ctx.Err()
			}
			closePass := func(pass int) {
				st.Tick(now.Add(rest - time.Millisecond))
				for _, j := range st.Journeys() {
					if j.Number > number {
						number = j.Number
						told[pass] = append(told[pass], j.Packet.String()+": "+j.Outcome.Sentence)
					}
				}
				for _, c := range st.Snapshot(now).Counts.Rules {
					hits[pass] += c.Packets
				}
			}
			pass := 0
			var before uint64 // counted before the recording began
			first := true
			_ = l.play(ctx, func(it feed.Item) {
				if l.pass > pass {
					closePass(pass)
					if pass++; pass == passes {
						stop()
						return
					}
				}
				if it.Rules != nil && first {
					first = false
					for _, c := range it.Rules.Counts().Rules {
						before += c.Packets
					}
				}
				st.Tick(it.Time)
				st.Apply(&it)
				if l := it.Trace; l != nil && !l.Armed {
					t.Error("the trace ends before the playing does")
				}
			})
			for i := 1; i < passes; i++ {
				if d := cmp.Diff(told[0], told[i]); d != "" {
					t.Errorf("pass 1 (-) and pass %d (+) differ:\n%s", i+1, d)
				}
				if hits[i] != hits[0]+uint64(i)*(hits[0]-before) {
					t.Errorf("after pass %d the rules count %d packets; after the first %d, before it %d", i+1, hits[i], hits[0], before)
				}
			}
			if len(told[0]) == 0 || hits[0] == 0 || st.Loss().Total() != 0 {
				t.Errorf("%d packets, %d hits, lost %d", len(told[0]), hits[0], st.Loss().Total())
			}
			over := l.over()
			if st.Apply(&over); st.Snapshot(now).Trace.Armed {
				t.Error("the trace does not end")
			}
		})
	}
}

// TestLaterMovesFlows: each time of a flow moves, and what is not known stays so.
func TestLaterMovesFlows(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0)
	it := feed.Item{Time: at, Flow: &flow.Event{Time: at, Flow: &flow.Flow{Start: at, Stop: at, Seen: at, Gone: at}}}
	none := feed.Item{Time: at, Flow: &flow.Event{Flow: &flow.Flow{}}}
	later(&it, time.Minute)
	later(&none, time.Minute)
	f, want := it.Flow.Flow, at.Add(time.Minute)
	for name, got := range map[string]time.Time{"item": it.Time, "event": it.Flow.Time, "start": f.Start, "stop": f.Stop, "seen": f.Seen, "gone": f.Gone} {
		if !got.Equal(want) {
			t.Errorf("%s: %v, expected %v", name, got, want)
		}
	}
	if f := none.Flow.Flow; !f.Start.IsZero() || !f.Stop.IsZero() || !f.Seen.IsZero() || !f.Gone.IsZero() {
		t.Errorf("a time that is not known: %+v", f)
	}
}

// --lang holds for a recorded demo: title, lesson and steps are the lab's own.
func TestRecordedDemoSpeaks(t *testing.T) {
	for _, name := range labs.Names() {
		l, err := lab.Load(labs.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		a := &app{ctx: context.Background(), in: strings.NewReader(""), out: &out, err: &out, lang: "zh"}
		if err := a.demo(l, demoFlags{recorded: true, plain: true}); err != nil {
			t.Fatal(err)
		}
		want := []string{l.Title.In("zh")}
		for _, s := range l.Steps {
			want = append(want, s.Title.In("zh"), s.Says.In("zh"))
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: the story does not say %q:\n%s", name, w, out.String())
			}
		}
		data, _ := fs.ReadFile(labs.FS, name+"/"+lab.RecordingFile)
		lp, err := newLoop(name, data, spoken(l, "zh"))
		if err != nil {
			t.Fatal(err)
		}
		lp.wait = func(context.Context, time.Time) error { return nil }
		told, seen := 0, -1
		if _, err := lp.once(context.Background(), func(it feed.Item) {
			if v := it.Lab; v != nil {
				told++
				if seen = v.Current; v.Lesson != l.Lesson.In("zh") {
					t.Error("the lesson is not Chinese")
				}
				for i := range v.Steps {
					if known := v.Steps[i].Result != ""; known != (i < v.Current) || known != (v.Steps[i].Says != "") {
						t.Errorf("step %d of %d: result %q, says %q", i, v.Current, v.Steps[i].Result, v.Steps[i].Says)
					}
				}
			}
		}); err != nil || told == 0 || seen != len(l.Steps) {
			t.Errorf("%d lab items, the last at step %d: %v", told, seen, err)
		}
	}
}

// A recording that is cut says so where it counts, not on stderr alone.
func TestCutRecordingSaysSo(t *testing.T) {
	data, err := fs.ReadFile(labs.FS, "gateway/"+lab.RecordingFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{len(data) / 4, len(data) / 2, len(data)} {
		var out bytes.Buffer
		a := &app{ctx: context.Background(), out: &out, err: &out}
		err := a.replayPlain("case.nfs", bytes.NewReader(data[:n]), replayFlags{})
		if cut := n < len(data); cut != (err != nil) || cut != strings.HasSuffix(out.String(), "; the recording is cut short\n") {
			t.Errorf("%d of %d bytes: %v, at the end %q", n, len(data), err, out.String()[max(0, out.Len()-100):])
		}
	}
	// Whatever is made of it, what there is is made, and the status says that it is not all.
	dir := t.TempDir()
	name, made := filepath.Join(dir, "cut.nfs"), filepath.Join(dir, "made")
	if err := os.WriteFile(name, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []replayFlags{{plain: true}, {json: true}, {write: made + ".nfs"}, {pcapng: made + ".pcapng", keep: manyKept}} {
		var out, errs bytes.Buffer
		a := &app{ctx: context.Background(), out: &out, err: &errs}
		if err := a.replay(name, o); report(io.Discard, err) != exitUsage || !strings.Contains(err.Error(), "cut short") {
			t.Errorf("%+v: %v", o, err)
		}
		if o.json && !strings.Contains(out.String(), `{"schema":"nfscope/stats/1"`) {
			t.Errorf("no statistics behind %.200s", out.String())
		}
		for _, file := range []string{o.write, o.pcapng} {
			if file != "" && (len(mustRead(t, file)) < 1000 || !strings.Contains(errs.String(), " "+file+"\n")) {
				t.Errorf("%s: it said %s", file, errs.String())
			}
		}
	}
}

// A recording that is damaged says where, on stderr, in each form that plays it at once.
func TestDamagedRecordingSaysSo(t *testing.T) {
	t.Parallel()
	data, err := fs.ReadFile(labs.FS, "gateway/"+lab.RecordingFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range []bool{false, true} {
		b := bytes.Clone(data)
		if damaged {
			b[len(b)/2] ^= 1 // in a block of items
		}
		for _, o := range []replayFlags{{plain: true}, {json: true}, {misses: true}} {
			var out, errs bytes.Buffer
			a := &app{ctx: context.Background(), out: &out, err: &errs}
			if err := a.replayPlain("case.nfs", bytes.NewReader(b), o); err != nil {
				t.Errorf("%+v: %v", o, err)
			}
			if strings.Contains(errs.String(), "nfscope: case.nfs: the file is damaged at byte ") != damaged || strings.Contains(out.String(), "damaged") {
				t.Errorf("damaged %v, %+v: it said %q", damaged, o, errs.String())
			}
		}
	}
}

// A held recording stands before each step: its clock stands, no packet comes, and when
// the step is sent its packet comes at once.
func TestRecordingWaits(t *testing.T) {
	t.Parallel()
	const name = "close-the-door"
	data, err := fs.ReadFile(labs.FS, name+"/"+lab.RecordingFile)
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLoop(name, data, func(*feed.Item) {})
	if err != nil {
		t.Fatal(err)
	}
	l.pace = newClass(true)
	ctx, stop := context.WithCancel(context.Background())
	at := make(chan int) // the step that is due
	events, due := 0, -1
	ended := make(chan error)
	go func() {
		ended <- l.play(ctx, func(it feed.Item) {
			switch {
			case it.Lab != nil:
				if due = it.Lab.Current; due < len(it.Lab.Steps) {
					at <- due
				}
			case it.Event != nil:
				events++
			}
		})
	}()
	for want := range 3 {
		if got := <-at; got != want {
			t.Fatalf("step %d is due, want %d", got, want)
		}
		for l.stopped().IsZero() { // it is about to stand
			runtime.Gosched()
		}
		if a, b := l.now(), l.now(); !a.Equal(b) {
			t.Error("the clock goes on")
		}
		had := events
		if want == 0 && had > 0 {
			t.Errorf("%d events before the first step", had)
		}
		l.pace.Send(want)
	}
	stop()
	if err := <-ended; err == nil {
		t.Error("it ended by itself")
	}
	if events == 0 {
		t.Error("no event came")
	}
}
