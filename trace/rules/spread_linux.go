package rules

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// sockets is how many sockets dump chains side by side. The kernel works for each on the
// caller's core; beyond two the gain is small and other work on the host suffers.
const sockets = 2

// few is how many pieces of work are not worth a second goroutine.
const few = 64

// effort is the processor time that a piece of work took, on however many threads: on a
// busy machine it lasts longer and costs no more.
type effort struct{ taken atomic.Int64 } // ns

// on adds what the calling goroutine does until it calls the function that on gives.
func (e *effort) on() (off func()) {
	runtime.LockOSThread()
	begin := threadTime()
	return func() {
		e.taken.Add(int64(threadTime() - begin))
		runtime.UnlockOSThread()
	}
}

// threadTime is the processor time of the calling thread.
func threadTime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

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
			defer r.effort.on()()
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
