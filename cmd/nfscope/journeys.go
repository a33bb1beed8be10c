package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/model/snapshot"
	"nfscope/ui/component/ladder"
)

// maxPrinted is how many rules that did not match a packet's text has.
const maxPrinted = 40

// journeyPrinter prints journeys once each, when they are closed.
type journeyPrinter struct {
	out   *bufio.Writer
	json  bool
	width int
	seen  map[int]bool
	// misses finds the rules that did not match; nil where nobody asked for them.
	misses *miss.Finder
	inSet  inSet
	// printed counts; limit ends printing, 0 for none.
	printed, limit int
}

func newJourneyPrinter(w io.Writer, asJSON bool, width int) *journeyPrinter {
	return &journeyPrinter{out: bufio.NewWriter(&escaped{to: w, text: !asJSON}), json: asJSON, width: width, seen: map[int]bool{}}
}

// print prints what is new in the list. full is true when the limit is reached.
func (p *journeyPrinter) print(list []*journey.Journey) (full bool, err error) {
	for _, j := range list {
		if !j.Closed || p.seen[j.Number] {
			continue
		}
		if p.limit > 0 && p.printed == p.limit {
			return true, p.out.Flush()
		}
		p.seen[j.Number] = true
		p.printed++
		if err := p.one(j); err != nil {
			return false, err
		}
	}
	p.forget(list)
	return p.limit > 0 && p.printed == p.limit, p.out.Flush()
}

// forget lets go of the numbers that the list no longer holds.
func (p *journeyPrinter) forget(list []*journey.Journey) {
	if len(list) == 0 || len(p.seen) < 2*len(list)+1024 {
		return
	}
	for n := range p.seen {
		if n < list[0].Number {
			delete(p.seen, n)
		}
	}
}

// ask has the rules that did not match printed too. in looks into the host's sets; nil
// where nobody can.
func (p *journeyPrinter) ask(in inSet) { p.misses, p.inSet = miss.New(miss.Known{InSet: in}), in }

// inSet is miss.Known.InSet.
type inSet = func(t *model.Table, set string, key []string) fact.Answer

// know tells what the misses are reckoned with.
func (p *journeyPrinter) know(s *snapshot.Snapshot) {
	if p.misses != nil {
		k := miss.In(s)
		k.InSet = p.inSet
		p.misses.Know(k)
	}
}

func (p *journeyPrinter) one(j *journey.Journey) error {
	if p.misses != nil {
		limit := miss.MaxSteps
		if !p.json {
			limit = maxPrinted
		}
		j = p.misses.Look(j, limit)
	}
	if p.json {
		b, err := json.Marshal(j)
		if err != nil {
			return err
		}
		_, err = p.out.Write(append(b, '\n'))
		return err
	}
	for _, l := range ladder.Text(j, p.width) {
		if _, err := fmt.Fprintln(p.out, l); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(p.out)
	return err
}

// closedPage keeps the journeys that are over until they are printed, in the order of their
// packets: those of one snapshot, or fewKept, which is all that the store keeps.
type closedPage struct {
	to   *journeyPrinter
	done []*journey.Journey
	// full is called when nothing more is to be printed; err is why nothing more can be.
	full func()
	err  error
}

func (c *closedPage) add(j *journey.Journey) {
	if c.done = append(c.done, j); len(c.done) == fewKept {
		c.print()
	}
}

func (c *closedPage) print() {
	slices.SortFunc(c.done, func(a, b *journey.Journey) int { return a.Number - b.Number })
	if c.err == nil {
		var full bool
		if full, c.err = c.to.print(c.done); full || c.err != nil {
			c.full()
		}
	}
	clear(c.done)
	c.done = c.done[:0]
}
