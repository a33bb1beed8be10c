package rules

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// sockets is how many sockets dump chains side by side. The kernel works for each on the
// caller's core; beyond two the gain is small and other work on the host suffers.
const sockets = 2

// few is how many pieces of work are not worth a second goroutine.
const few = 64

// spread runs work for 0 to n-1, on several sockets when there is enough of it. It stops
// at the first error.
func (r *Reader) spread(ctx context.Context, n int, work func(s *nftSocket, i int) error) error {
	if n <= few {
		for i := range n {
			if err := work(r.nft[0], i); err != nil {
				return err
			}
		}
		return nil
	}
	const batch = 16 // so that the workers do not fight for the counter
	var next atomic.Int64
	var stop atomic.Bool
	errs := make([]error, len(r.nft))
	var done sync.WaitGroup
	for w, s := range r.nft {
		done.Go(func() {
			for !stop.Load() && ctx.Err() == nil {
				from := int(next.Add(batch)) - batch
				if from >= n {
					return
				}
				for i := from; i < min(from+batch, n); i++ {
					if errs[w] = work(s, i); errs[w] != nil {
						stop.Store(true)
						return
					}
				}
			}
		})
	}
	done.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}
