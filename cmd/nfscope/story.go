package main

import (
	"bufio"
	"fmt"
	"io"
	"sync"
	"time"

	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
	"nfscope/model/snapshot"
	"nfscope/model/store"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/units"
	"nfscope/ui/speech"
)

// story tells a lab as text: its rules, then step by step what was sent, what the
// sender saw, and each packet's way. It takes the items of a live lab and of a
// recording alike.
type story struct {
	mu    sync.Mutex
	out   *bufio.Writer
	width int
	store *store.Store

	say    speech.Speech
	ladder ladder.Say
	why    ladder.Say // of a drop

	rules   bool // the rules are printed
	lab     *snapshot.Lab
	began   time.Time // of the step under way
	printed map[int]bool
	// drops are what the kernel threw away in the step under way, but for what a rule did,
	// which the packets themselves tell.
	drops []*drop.Drop
	words drop.Dictionary
	err   error
}

// newStory tells a story in a language, on lines of a width.
func newStory(w io.Writer, width int, lang string) *story {
	return &story{out: bufio.NewWriter(w), width: width, say: speech.In(lang), ladder: speech.In(lang).Ladder(), why: speech.In(lang).Drop(), store: store.New(journey.Options{}), printed: map[int]bool{}, words: drop.Meanings()}
}

// mostDrops is how many drops of a step are told one by one.
const mostDrops = 5

// put takes one item, from any goroutine.
func (s *story) put(it feed.Item) { it.Split(s.one) }

func (s *story) one(it feed.Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store.Tick(it.Time)
	s.store.Apply(&it)
	if d := it.Drop; d != nil && s.lab != nil && s.lab.Current < len(s.lab.Steps) && d.HasPacket() && !d.Packet.Dst.IsMulticast() {
		if e := s.words.Explain(d); e.By != drop.ByNetfilter && e.Grade != drop.Usual {
			s.drops = append(s.drops, d)
		}
	}
	switch {
	case it.Rules != nil && !s.rules:
		s.rules = true
		s.printf("%s\n\n", s.say.Rules(s.store.Snapshot(it.Time).Source))
		if s.err == nil {
			s.err = ruleset.WriteTree(s.out, it.Rules, it.Rules.Counts(), s.width)
		}
		s.printf("\n")
	case it.Problem != "":
		s.printf("! %s\n", s.say.Problem(it.Problem))
	case it.Lab != nil:
		s.step(it.Lab, it.Time)
	}
	if s.err == nil {
		s.err = s.out.Flush()
	}
}

// step prints the step that is over and announces the next one.
func (s *story) step(l *snapshot.Lab, now time.Time) {
	if s.lab == nil {
		s.printf("%s\n\n", l.Title)
	} else if l.Current > s.lab.Current {
		s.finish(l, l.Current-1)
	}
	if l.Current < len(l.Steps) && (s.lab == nil || l.Current != s.lab.Current) {
		s.printf("== %d. %s\n", l.Current+1, l.Steps[l.Current].Title)
		if asks := l.Steps[l.Current].Asks; asks != "" {
			s.printf("?  %s\n", asks)
		}
		s.began = now
	}
	s.lab = l
}

// finish prints what became of a step: every packet in a sentence, the first one's
// way in full.
func (s *story) finish(l *snapshot.Lab, i int) {
	st := l.Steps[i]
	s.printf("%s\n", s.say.Saw(st.Result))
	first := true
	more, unmet := 0, 0
	for _, j := range s.store.Journeys() {
		// One that waits for user space may wait long, and the step is over.
		if s.printed[j.Number] || !j.Closed && j.Outcome.Verdict != journey.Queued {
			continue
		}
		s.printed[j.Number] = true
		switch {
		case len(j.Steps) == 0:
			unmet++
		case first:
			first = false
			for _, line := range s.ladder.Text(j, s.width) {
				s.printf("%s\n", line)
			}
		case j.Outcome.Verdict != journey.Accepted:
			s.printf("%s\n  %s\n", s.ladder.Headline(j), s.ladder.Of(j.Outcome.Sentence))
		default:
			more++
		}
	}
	s.dropped()
	if first && unmet > 0 { // else those that met one are the step's
		s.printf("%s\n", s.say.Unmet(unmet))
	}
	if more > 0 {
		s.printf("%s\n", s.say.More(more))
	}
	s.printf("%s\n\n", st.Says)
}

// dropped prints what the kernel threw away by itself.
func (s *story) dropped() {
	for i, d := range s.drops {
		if i == mostDrops {
			s.printf("%s\n", s.say.MoreDropped(len(s.drops)-i))
			break
		}
		s.printf("%s\n", s.say.Dropped(d.What(), d.Reason, d.Where(), s.words.Explain(d), s.why))
	}
	s.drops = nil
}

// end prints the closing line.
func (s *story) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store.End()
	loss := s.store.Loss()
	s.printf("%s\n", s.say.Sum(len(s.store.Journeys()), s.store.Events(), loss.Total()))
	if s.err != nil {
		return s.err
	}
	return s.out.Flush()
}

// plural is an exact number and what is counted.
func plural(n uint64, noun string) string { return units.Plural(n, 20, noun) }

func (s *story) printf(format string, a ...any) {
	if s.err == nil {
		_, s.err = fmt.Fprintf(s.out, format, a...)
	}
}
