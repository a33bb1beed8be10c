package arm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/coreos/go-iptables/iptables"

	"nfscope/trace/guard"
)

// ErrTaken says that what traces was taken away: the raw tables are everybody's, and who loads
// rules anew (iptables-restore, a firewall that is reloaded) takes ours out with the rest.
var ErrTaken = errors.New("another program took the rules that trace out of the raw table")

// countWait is how many seconds a count waits for the lock of iptables. Another is made a second
// later, and who waits for it cannot serve what ends the trace.
const countWait = 1

// counters counts the packets that the chain traced, and all that came to it. It is ErrTaken
// where the chain, its rule or a rule that jumps to it is gone. It runs in the namespace.
func (s *rawSide) counters(ctx context.Context) (hit, all uint64, err error) {
	taken := fmt.Errorf("%w (%s)", ErrTaken, filepath.Base(s.command))
	if s.taken {
		return 0, 0, taken
	}
	cmd := exec.CommandContext(ctx, s.command, "-w", strconv.Itoa(countWait), "-t", "raw", "-n", "-v", "-x", "-L", s.chain)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && guard.Gone(exit.ExitCode(), said.String()) {
		return 0, 0, taken
	}
	if err != nil {
		return 0, 0, fmt.Errorf("counters of chain %s: %w: %s", s.chain, err, strings.TrimSpace(said.String()))
	}
	hit, all, jumps, traces, err := countersOf(string(out))
	if err == nil && (!traces || jumps < s.jumps) {
		err = taken
	}
	return hit, all, err
}

// countersOf reads what iptables -n -v -x -L prints of a chain: "Chain X (2 references)", a line
// of titles, and a line for each rule, which begins with its packets and bytes.
func countersOf(text string) (hit, all uint64, jumps int, traces bool, err error) {
	for l := range strings.Lines(text) {
		f := strings.Fields(l)
		switch {
		case len(f) < 3 || f[0] == "pkts":
		case f[0] == "Chain":
			jumps, err = strconv.Atoi(strings.TrimPrefix(f[2], "("))
		case f[2] == "TRACE":
			traces = true
			hit, err = strconv.ParseUint(f[0], 10, 64)
		default:
			all, err = strconv.ParseUint(f[0], 10, 64)
		}
		if err != nil {
			return 0, 0, 0, false, fmt.Errorf("counters in %q: %w", strings.TrimSpace(l), err)
		}
	}
	return hit, all, jumps, traces, nil
}

// gone reports whether an error of iptables is that there is nothing to take out any more.
func gone(err error) bool {
	var e *iptables.Error
	return errors.As(err, &e) && guard.Gone(e.ExitStatus(), e.Error())
}
