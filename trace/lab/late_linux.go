package lab

import (
	"bufio"
	"context"
	"io"
	"math"
	"net"
	"strings"
	"time"
)

// lateAnswers is how long answers that a step states are waited for.
const lateAnswers = 5 * time.Second

// late waits for answers that came after their attempt was given up, as long as there are
// fewer than the step states: on a busy machine an answer is slow, which is no silence. The
// attempts' sockets are closed.
func (r *Result) late(ctx context.Context, s *Step) {
	want := 0.0
	for _, sh := range s.Shares {
		want += sh.Of * float64(len(r.Attempts))
	}
	missing := int(math.Round(want))
	type heard struct {
		at   int
		line string
	}
	answers, waiting := make(chan heard, len(r.Attempts)), 0
	until := time.Now().Add(lateAnswers)
	for i := range r.Attempts {
		a := &r.Attempts[i]
		if a.Word == Answered {
			missing--
		}
		if a.open == nil {
			continue
		}
		defer a.open.Close()
		_ = a.open.SetReadDeadline(until)
		waiting++
		go func(c net.Conn) {
			line, _ := bufio.NewReader(io.LimitReader(c, maxLine)).ReadString('\n')
			answers <- heard{i, strings.TrimSpace(line)}
		}(a.open)
	}
	for ; waiting > 0 && missing > 0; waiting-- {
		select {
		case h := <-answers:
			if h.line != "" {
				a := &r.Attempts[h.at]
				a.Answer, a.Word, a.Err = h.line, Answered, nil
				missing--
			}
		case <-ctx.Done():
			return
		}
	}
}
