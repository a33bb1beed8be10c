package live

import "nfscope/model/feed"

// complaint is a Problem that stands until it is solved, and is said once. It is used by one
// goroutine at a time.
type complaint struct {
	put  func(feed.Item)
	said string
}

// say tells of a problem, unless that one stands already; another one takes its place.
func (c *complaint) say(problem string) {
	if problem == c.said {
		return
	}
	c.solved()
	c.said = problem
	c.put(feed.Item{Problem: problem})
}

// solved tells that what was said is none any more.
func (c *complaint) solved() {
	if c.said != "" {
		c.put(feed.Item{Solved: c.said})
		c.said = ""
	}
}
