package drops

import (
	"weak"

	"nfscope/model/drop"
	"nfscope/model/journey"
)

// ruled keeps which traced packet a drop was, or was like: all journeys are walked for that, which is
// too much for each frame.
type ruled struct {
	drop *drop.Drop
	// first and count tell lists apart, which never change, and keep none alive.
	first weak.Pointer[*journey.Journey]
	count int
	found *journey.Journey
	// like is one of its flow, where the drop itself was not traced.
	like *journey.Journey
}

// by is journey.RuledBy, and where that finds none RuledLike, asked where the list or the drop
// is another.
func (r *ruled) by(list []*journey.Journey, d *drop.Drop) (found, like *journey.Journey) {
	now := ruled{drop: d, count: len(list)}
	if len(list) > 0 {
		now.first = weak.Make(&list[0])
	}
	if r.drop != d || r.first != now.first || r.count != now.count {
		if now.found = journey.RuledBy(list, d); now.found == nil {
			now.like = journey.RuledLike(list, d)
		}
		*r = now
	}
	return r.found, r.like
}
