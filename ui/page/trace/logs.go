package trace

import (
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/model"
	"nfscope/model/logline"
	"nfscope/ui/component/ladder"
	"nfscope/ui/page"
	"nfscope/ui/speech"
)

// Logs reads what rules of the user log.
type Logs interface {
	// Open begins to read NFLOG groups, and the kernel's log. It may block. What cannot be
	// read is told with the lines, and is the error where it is all.
	Open(groups []uint16, kernel bool) (Log, error)
}

// Log is what is being read.
type Log interface {
	// Next waits for lines. After Close it gives an error.
	Next() (Lines, error)
	// Close gives the groups back.
	Close() error
}

// Lines are some lines that came.
type Lines struct {
	List []logline.Line
	// Lost counts those that were not read, in all.
	Lost uint64
	// Reads says what is read, Missing what is not and why, in sentences.
	Reads   string
	Missing []string
}

// mostLines is how many lines are kept.
const mostLines = 5000

// reading is what the page knows of logs.
type reading struct {
	from Logs
	log  Log
	// tell is the language that the lines were drawn in last.
	tell ladder.Say
	says speech.LogLines
	// wanted is what is to be read next, nil where nothing is; busy while a question is on
	// its way.
	wanted *sources
	busy   bool
	round  int // of the reading that is wanted: answers to others are stale
	// orphans were opened when nobody wanted them any more.
	orphans []Log

	lines     []logline.Line
	forgotten uint64
	told      Lines // of the newest answer, its list aside
	// selected is a line's number from 1, 0 while the newest is followed.
	selected uint64

	rules []*logline.Rule
	of    *model.Ruleset
}

// sources are what is to be read.
type sources struct {
	groups []uint16
	kernel bool
}

// kernelWord is what the kernel's log is asked for by.
const kernelWord = "kernel"

// parseSources reads "5 7 kernel".
func parseSources(text string) (s sources, err error) {
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' }) {
		if w == kernelWord {
			s.kernel = true
			continue
		}
		n, err := strconv.ParseUint(w, 10, 16)
		if err != nil {
			return s, fmt.Errorf("%q: expected numbers of NFLOG groups, 0 to 65535, or kernel", w)
		}
		s.groups = append(s.groups, uint16(n))
	}
	if len(s.groups) == 0 && !s.kernel {
		return s, fmt.Errorf("nothing to read: name NFLOG groups by their numbers, or kernel")
	}
	return s, nil
}

// know finds the rules that log.
func (r *reading) know(f *page.Frame) {
	if r.of != f.Snap.Rules {
		r.of, r.rules = f.Snap.Rules, logline.Rules(f.Snap.Rules)
	}
}

// askLogs shows what is read, or asks what to read: reading a group binds it, so nobody
// does it unasked.
func (pg *Page) askLogs(f *page.Frame) tea.Cmd {
	r := &pg.logs
	switch {
	case r.from == nil:
		return page.Send(page.Say{Text: "no log can be read here: nfscope must run on the host", Bad: true})
	case r.log != nil || r.wanted != nil:
		pg.leave()
		pg.mode = logging
		return nil
	}
	r.know(f)
	groups, kernel := logline.Groups(r.rules)
	var words []string
	for _, g := range groups {
		words = append(words, itoa(int(g)))
	}
	if kernel {
		words = append(words, kernelWord)
	}
	says := "the rules here log to these; reading a group binds it, as ulogd would"
	if len(words) == 0 {
		says = "no rule here logs; a group that is read is bound, as ulogd would"
	}
	pg.asked = request{logs: true}
	return page.Send(page.TypeRequest{Prompt: "read logs of ", Hint: "NFLOG groups by number, kernel for LOG lines", Text: strings.Join(words, " "), Says: says})
}

// takeSources begins to read.
func (pg *Page) takeSources(text string) tea.Cmd {
	s, err := parseSources(text)
	if err != nil {
		return page.Send(page.Say{Text: err.Error(), Bad: true})
	}
	r := &pg.logs
	*r = reading{from: r.from, rules: r.rules, of: r.of, round: r.round + 1, orphans: r.orphans, wanted: &s}
	pg.leave()
	pg.mode = logging
	return nil
}

// stopLogs gives the groups back.
func (pg *Page) stopLogs() tea.Cmd {
	r := &pg.logs
	log := r.log
	*r = reading{from: r.from, rules: r.rules, of: r.of, round: r.round + 1, orphans: r.orphans}
	pg.leave()
	if log == nil {
		return nil
	}
	return func() tea.Msg {
		if err := log.Close(); err != nil {
			return page.Say{Text: err.Error(), Bad: true}
		}
		return page.Say{Text: "no log is read any more"}
	}
}

// The answers to questions.
type (
	opened struct {
		round int
		log   Log
		err   error
	}
	came struct {
		round int
		lines Lines
		err   error
	}
)

// Ask opens what is wanted, waits for lines, and closes what nobody wants.
func (pg *Page) Ask(*page.Frame) func() any {
	r := &pg.logs
	if n := len(r.orphans); n > 0 {
		log := r.orphans[n-1]
		r.orphans = r.orphans[:n-1]
		return func() any { return log.Close() }
	}
	if r.busy {
		return nil
	}
	round := r.round
	switch {
	case r.wanted != nil:
		r.busy = true
		from, s := r.from, *r.wanted
		return func() any {
			log, err := from.Open(s.groups, s.kernel)
			return opened{round, log, err}
		}
	case r.log != nil:
		r.busy = true
		log := r.log
		return func() any {
			l, err := log.Next()
			return came{round, l, err}
		}
	}
	return nil
}

// Answered takes a log, or its lines.
func (pg *Page) Answered(answer any, _ *page.Frame) {
	r := &pg.logs
	switch a := answer.(type) {
	case opened:
		if a.round != r.round {
			if a.log != nil {
				r.orphans = append(r.orphans, a.log)
			}
			return
		}
		r.busy, r.wanted, r.log = false, nil, a.log
		if a.err != nil {
			r.told.Missing = strings.Split(a.err.Error(), "\n")
		}
	case came:
		if a.round != r.round {
			return
		}
		r.busy = false
		if a.err != nil {
			r.log = nil
			r.told.Missing = append(r.told.Missing, "reading has ended: "+a.err.Error())
			return
		}
		r.lines = append(r.lines, a.lines.List...)
		if n := len(r.lines) - mostLines; n > 0 {
			r.lines = append([]logline.Line(nil), r.lines[n:]...)
			r.forgotten += uint64(n)
		}
		a.lines.List = nil
		r.told = a.lines
	}
}
