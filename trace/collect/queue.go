package collect

import (
	"sync"
	"time"

	"nfscope/model/feed"
	"nfscope/model/journey"
)

const (
	// maxEvents is how many trace events wait at most, 50 MB: a quarter of a second of what
	// two cores can make. maxFlows is the same for flow changes, drops of the kernel and sights,
	// 24 MB (of sights 70) and a second.
	maxEvents = 1 << 17
	maxFlows  = 1 << 17
	// room is how many events are stored together.
	room = 512
	// spare is how many such stores are kept when they are empty.
	spare = 16
)

// queue is what waits to be folded, in the order in which it came.
type queue struct {
	mu      sync.Mutex
	entries []entry
	head    int    // what stands before it is taken
	oldest  [2]int // no event and no flow change stands before these
	events  int    // that wait
	flows   int
	holes   int // entries behind head of which nothing is left
	fill    *chunk
	empty   []*chunk
	lost    lost
	ended   bool
}

// lost counts what was thrown away.
type lost struct{ events, flows, drops, sights uint64 }

// entry is an item, or a run of events; nothing where it was thrown away.
type entry struct {
	item     *feed.Item
	chunk    *chunk
	from, to int
	// came is the time after which the events came: one that was read late is no less old.
	came time.Time
}

// met notes that an event is of the run.
func (e *entry) met(ev *journey.Event) {
	if t := ev.Time.Add(-ev.Late); e.came.IsZero() || t.Before(e.came) {
		e.came = t
	}
}

// chunk stores events. runs counts the entries that have some of them.
type chunk struct {
	journey.Batch
	runs int
}

func (e *entry) run() []journey.Event {
	if e.chunk == nil {
		return nil
	}
	return e.chunk.Events()[e.from:e.to]
}

func (q *queue) put(it *feed.Item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case it.Events != nil:
		for i := range it.Events {
			q.event(&it.Events[i])
		}
		return
	case it.Event != nil:
		q.event(it.Event)
		return
	}
	if n := it.Weight(); n > 0 {
		for q.flows > 0 && q.flows+n > maxFlows {
			q.drop(true)
		}
		q.flows += n
	}
	q.entries = append(q.entries, entry{item: it})
}

// event puts one event. A gap is never thrown away.
func (q *queue) event(e *journey.Event) {
	if e.Source == journey.SourceGap {
		q.entries = append(q.entries, entry{item: &feed.Item{Time: e.Time, Event: e.Clone()}})
		return
	}
	for q.events >= maxEvents {
		q.drop(false)
	}
	q.events++
	if q.fill == nil || q.fill.Full() {
		q.fill = q.chunk()
	}
	n := len(q.fill.Events())
	q.fill.Add(e)
	if last := len(q.entries) - 1; last >= q.head && q.entries[last].chunk == q.fill {
		q.entries[last].to = n + 1
		q.entries[last].met(e)
		return
	}
	q.fill.runs++
	q.entries = append(q.entries, entry{chunk: q.fill, from: n, to: n + 1})
	q.entries[len(q.entries)-1].met(e)
}

func (q *queue) chunk() *chunk {
	if n := len(q.empty); n > 0 {
		c := q.empty[n-1]
		q.empty = q.empty[:n-1]
		return c
	}
	return &chunk{Batch: *journey.NewBatch(room)}
}

// release notes that a run of a chunk is done with.
func (q *queue) release(c *chunk) {
	if c.runs--; c.runs > 0 {
		return
	}
	if c == q.fill {
		q.fill = nil
	}
	if len(q.empty) < spare {
		c.Reset()
		q.empty = append(q.empty, c)
	}
}

// drop throws the oldest flow change, drop of the kernel or sight, or the oldest run of events, away.
func (q *queue) drop(flow bool) {
	kind := 0
	if flow {
		kind = 1
	}
	i := max(q.head, q.oldest[kind])
	for ; ; i++ {
		switch e := &q.entries[i]; {
		case flow && e.item != nil && !e.item.Must():
			n := e.item.Weight()
			q.flows -= n
			switch {
			case e.item.Drop != nil:
				q.lost.drops++
			case e.item.Sight != nil:
				q.lost.sights++
			default:
				q.lost.flows += uint64(n)
			}
			if e.item.Flows != nil {
				e.item.Flows.Release()
			}
		case !flow && e.chunk != nil:
			n := e.to - e.from
			q.events -= n
			q.lost.events += uint64(n)
			q.release(e.chunk)
		default:
			continue
		}
		break
	}
	q.entries[i] = entry{}
	q.oldest[kind] = i + 1
	q.holes++
	if q.holes > len(q.entries)/2 && q.holes > 1024 { // a reader that stands still must not cost memory without end
		q.compact()
	}
}

// compact moves what is left to the front.
func (q *queue) compact() {
	n := 0
	for _, e := range q.entries[q.head:] {
		if e.item != nil || e.chunk != nil {
			q.entries[n] = e
			n++
		}
	}
	clear(q.entries[n:])
	q.entries, q.head, q.holes, q.oldest = q.entries[:n], 0, 0, [2]int{}
}

// take takes what waits longest, about as many events as that, and what was lost.
func (q *queue) take(into []entry, events int) ([]entry, lost, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for n := 0; q.head < len(q.entries) && n < events; q.head++ {
		e := &q.entries[q.head]
		switch {
		case e.chunk != nil:
			q.events -= e.to - e.from
			n += e.to - e.from
			if e.chunk == q.fill { // it is read now
				q.fill = nil
			}
		case e.item == nil:
			q.holes--
			continue
		case e.item.Flows != nil:
			q.flows -= e.item.Weight()
			n += len(e.item.Flows.Records)
		case !e.item.Must() && e.item.Event == nil:
			q.flows--
			n++
		}
		into = append(into, *e)
		*e = entry{}
	}
	if q.head == len(q.entries) {
		q.entries, q.head, q.oldest = q.entries[:0], 0, [2]int{}
	} else if q.head > 1024 && q.head > len(q.entries)/2 {
		q.compact()
	}
	l := q.lost
	q.lost = lost{}
	ended := q.ended && len(q.entries) == 0
	if ended {
		q.ended = false
	}
	return into, l, ended
}

// free gives what was taken back.
func (q *queue) free(taken []entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range taken {
		if c := taken[i].chunk; c != nil {
			q.release(c)
		}
	}
	clear(taken)
}

func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
}

// since is the time of what waits longest, zero where nothing does, or nothing that has one;
// and the time after which all the events came that wait.
func (q *queue) since() (oldest, came time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.entries[q.head:] {
		e := &q.entries[q.head+i]
		switch {
		case !oldest.IsZero():
		case e.chunk != nil:
			oldest = e.run()[0].Time
		case e.item != nil:
			oldest = e.item.Time
		}
		if e.chunk != nil && (came.IsZero() || e.came.Before(came)) {
			came = e.came
		}
	}
	return oldest, came
}

// waiting counts the entries.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.entries) - q.head - q.holes
	if n == 0 && q.ended { // what was lost needs no look of its own: something newer waits
		n = 1
	}
	return n
}
