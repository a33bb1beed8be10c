package trace

import (
	"slices"

	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/ui/page"
)

// picked is the journeys that the page lists. A new snapshot has nearly the same as the one
// before, and a journey never changes, so only those that are new are held against the
// filter.
type picked struct {
	list    []*journey.Journey
	source  []*journey.Journey // what list was made from
	told    []truth            // of each in source
	text    string
	filter  *filter.Filter
	problem string
	// talk narrows to a connection; nil for all.
	talk *journey.Journey
	// late counts those that were not held against the filter yet: of a filter that is new
	// a frame looks at the newest only. looking is true while the rest is done beside.
	late    int
	looking bool
}

// truth is what a filter said of a journey.
type truth uint8

const (
	unasked truth = iota
	yes
	no
)

func ask(f *filter.Filter, j *journey.Journey) truth {
	if f.Journey(j) {
		return yes
	}
	return no
}

// atOnce is how many journeys are held against a filter in one frame.
const atOnce = 1 << 14

// narrowed is the answer of a piece of work.
type narrowed struct {
	text   string
	source []*journey.Journey
	told   []truth
}

// lookWork holds the rest against the filter.
func (k *picked) lookWork() func() any {
	if k.late == 0 || k.looking || len(k.told) == 0 {
		return nil
	}
	k.looking = true
	text, all := k.text, k.source
	return func() any {
		f, err := filter.Parse(text)
		if err != nil {
			return narrowed{text: text}
		}
		told := make([]truth, len(all))
		for i, j := range all {
			told[i] = ask(f, j)
		}
		return narrowed{text, all, told}
	}
}

// looked takes the answer.
func (k *picked) looked(a narrowed) {
	k.looking = false
	if k.late > 0 && a.text == k.text && k.talk == nil {
		k.source, k.told, k.list, k.late = a.source, a.told, nil, 0
	}
}

// sync makes the list anew where the snapshot or the filter is another.
func (k *picked) sync(f *page.Frame, talk *journey.Journey) (changed bool) {
	all := f.Snap.Journeys
	same := len(all) == len(k.source) && (len(all) == 0 || &all[0] == &k.source[0])
	if same && k.text == f.Filter && k.talk == talk && k.list != nil {
		return false
	}
	if k.text != f.Filter {
		k.text, k.filter, k.problem, k.source, k.told, k.late = f.Filter, nil, "", nil, nil, 0
		if f.Filter != "" {
			var err error
			if k.filter, err = filter.Parse(f.Filter); err != nil {
				k.filter, k.problem = nil, err.Error()
			}
		}
	}
	k.talk = talk
	if talk != nil {
		all = conversation(talk, all)
	}
	if k.filter == nil {
		k.source, k.told, k.list = f.Snap.Journeys, nil, all
		if k.list == nil {
			k.list = []*journey.Journey{}
		}
		return true
	}
	if talk != nil {
		k.source, k.told = nil, nil // the next list is another
	}
	k.narrow(all)
	if talk != nil {
		k.source, k.told = f.Snap.Journeys, nil
	}
	return true
}

// narrow holds those against the filter that were not there before, the newest first.
func (k *picked) narrow(all []*journey.Journey) {
	told := make([]truth, len(all))
	n, old, left := 0, len(k.told)-1, atOnce
	k.late = 0
	for i := len(all) - 1; i >= 0; i-- {
		j := all[i]
		for old >= 0 && k.source[old].Number > j.Number {
			old--
		}
		switch {
		case old >= 0 && k.source[old] == j && k.told[old] != unasked:
			told[i] = k.told[old]
		case left > 0:
			told[i] = ask(k.filter, j)
			left--
		default:
			k.late++
		}
		if told[i] == yes {
			n++
		}
	}
	k.list = make([]*journey.Journey, 0, n)
	for i, j := range all {
		if told[i] == yes {
			k.list = append(k.list, j)
		}
	}
	k.source, k.told = all, told
}

// conversation is the packets of a journey's connection in the order of their numbers.
func conversation(j *journey.Journey, all []*journey.Journey) []*journey.Journey {
	c, ok := journey.ConversationOf(j, all)
	if !ok {
		return []*journey.Journey{}
	}
	list := slices.Concat(c.Original, c.Reply)
	slices.SortFunc(list, func(a, b *journey.Journey) int { return a.Number - b.Number })
	return list
}

// find gives the place of a journey's number in the list.
func find(list []*journey.Journey, number int) (int, bool) {
	return slices.BinarySearchFunc(list, number, func(j *journey.Journey, n int) int { return j.Number - n })
}
