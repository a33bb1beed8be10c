package lab

import (
	"context"
	"time"

	"nfscope/model/feed"
)

// Play runs the lab's steps once, in order. Before a second time the hosts forget the
// connections of the first, and agents who joined, so that the same happens again. Before each step it emits
// the lab with that step under way and calls wait (nil: no wait), which may block for as long as the
// teacher likes; an error of wait ends the play. After each it emits the result. The
// results of the steps that ran come back also with an error.
func Play(ctx context.Context, n *Network, emit func(feed.Item), wait func(Step) error) ([]Result, error) {
	l := n.Lab()
	var results []Result
	if n.played {
		if err := n.rewind(); err != nil {
			return nil, err
		}
	}
	n.played = true
	counts := n.watching()
	show := func(current int) {
		if emit != nil {
			v := l.View(n.Lang, current, results)
			counts.tell(v)
			emit(feed.Item{Time: time.Now(), Lab: v})
		}
	}
	for i := range l.Steps {
		show(i)
		if wait != nil {
			if err := wait(l.Steps[i]); err != nil {
				return results, err
			}
		}
		if err := ctx.Err(); err != nil {
			return results, err
		}
		results = append(results, n.Run(ctx, l.Steps[i]))
	}
	show(len(l.Steps))
	return results, ctx.Err()
}
