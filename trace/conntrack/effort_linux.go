package conntrack

import (
	"time"

	"golang.org/x/sys/unix"
)

// effort measures what a reading costs, which says when the next may come: its time, but no
// more than the processor time that the process had meanwhile. A reading that only waited,
// for a processor or for a lock of the kernel's, took nothing from anybody; by the clock
// alone one that was held up for three seconds left the table unread for a minute.
type effort struct {
	began time.Time
	cpu   time.Duration
}

func begin() effort { return effort{time.Now(), processTime()} }

func (e effort) took() time.Duration { return min(time.Since(e.began), processTime()-e.cpu) }

// processTime is the processor time of the process, its own and the kernel's for it.
func processTime() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts) // there is no way for it to fail
	return time.Duration(ts.Nano())
}
