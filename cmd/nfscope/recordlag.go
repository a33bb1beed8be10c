package main

import (
	"time"

	"nfscope/model/feed"
	"nfscope/trace/collect"
)

// trusted is how long after the last answer packets are recorded without another: who asks
// may be held up as much as who reads. It is less than a packet's quiet.
const trusted = 3 * collect.Interval

// lag makes the Items of a recording that tell how far its sources had come, while one of
// them lags: a replay closes no packet before that.
type lag struct {
	asked  bool      // the sources were asked
	before time.Time // their last answer
	newest time.Time // of the packets that were put
	behind bool      // the recording says so
}

// heard takes an answer, and gives the Item to write, if any.
func (l *lag) heard(at time.Time) *feed.Item {
	if at.IsZero() { // no source says anything
		return nil
	}
	was := l.behind
	l.asked, l.before, l.behind = true, at, at.Before(l.newest)
	if !was && !l.behind {
		return nil
	}
	return l.item()
}

// put takes an item that is recorded next, and gives one to write before it, if any.
func (l *lag) put(it *feed.Item) *feed.Item {
	if it.Event == nil && it.Sight == nil && it.Drop == nil {
		return nil
	}
	if it.Time.After(l.newest) {
		l.newest = it.Time
	}
	if !l.asked || l.behind || it.Time.Sub(l.before) < trusted {
		return nil
	}
	l.behind = true
	return l.item()
}

// item is of a time at which nothing is closed that waits.
func (l *lag) item() *feed.Item {
	h := feed.Heard{Before: l.before, Behind: l.behind}
	if l.behind {
		return &feed.Item{Time: l.before, Heard: &h}
	}
	return &feed.Item{Time: l.newest, Heard: &h}
}
