package rules

// hits are the rules that a filter finds, all over a ruleset.
type hits struct {
	index *index
	text  string
	start []int32 // by chain: its hits begin here in rules; one more at the end
	rules []int32 // places in the chain
}

// in gives the places of the rules found in a chain.
func (h *hits) in(at int32) []int32 { return h.rules[h.start[at]:h.start[at+1]] }

// search looks for hits, a piece at a time, so that a newer text need not wait for an
// older one. It belongs to whoever works on it.
type search struct {
	hits   *hits
	finder *finder
	next   int // chain
	rule   int // place in it
	seen   int // rules
}

// slice is how many rules are looked at in one piece: some milliseconds.
const slice = 12_000

func newSearch(x *index, text string) *search {
	return &search{hits: &hits{index: x, text: text, start: make([]int32, 1, len(x.chains)+1)}, finder: newFinder(text)}
}

// step looks at about n more rules and reports whether that was all.
func (s *search) step(n int) bool {
	h := s.hits
	for until := s.seen + n; s.next < len(h.index.chains) && s.seen < until; {
		p := h.index.chains[s.next]
		s.finder.enter(p.table, p.chain)
		end := min(len(p.chain.Rules), s.rule+n)
		for i := s.rule; i < end; i++ {
			if s.finder.rule(&p.chain.Rules[i]) {
				h.rules = append(h.rules, int32(i))
			}
		}
		s.seen += end - s.rule
		if s.rule = end; end == len(p.chain.Rules) {
			h.start = append(h.start, int32(len(h.rules)))
			s.next, s.rule = s.next+1, 0
		}
	}
	return s.next == len(h.index.chains)
}

// part is how much of the work is done, 0 to 1.
func (s *search) part() float64 {
	if s.hits.index.rules == 0 {
		return 1
	}
	return float64(s.seen) / float64(s.hits.index.rules)
}
