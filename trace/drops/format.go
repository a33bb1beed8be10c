package drops

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// format is where a tracepoint's event has its fields, as tracefs describes it.
type format struct {
	place, reason, protocol field
	reasons                 map[uint32]string
}

// field is a part of an event, in bytes.
type field struct{ at, size int }

// filter asks the kernel for what the program of StepBPF asks: packets of IP and ARP, and
// reasons to drop. Those are the numbers that have a name here, the first is NOT_SPECIFIED; it
// was 0 at first (Linux 5.17), and what is below is no drop.
func (f *format) filter() string {
	s := "(protocol == 0x0800 || protocol == 0x86dd || protocol == 0x0806)"
	if names := slices.Sorted(maps.Keys(f.reasons)); len(names) > 0 && names[0] > 0 {
		s += fmt.Sprintf(" && reason >= %d", names[0])
	}
	return s
}

// parseFormat reads events/skb/kfree_skb/format of tracefs.
func parseFormat(text string) (*format, error) {
	f := &format{reasons: map[uint32]string{}}
	line := regexp.MustCompile(`field:[^;]*?\b(\w+);\s*offset:(\d+);\s*size:(\d+);`)
	found := map[string]field{}
	for _, m := range line.FindAllStringSubmatch(text, -1) {
		at, err1 := strconv.Atoi(m[2])
		size, err2 := strconv.Atoi(m[3])
		if err1 == nil && err2 == nil {
			found[m[1]] = field{at, size}
		}
	}
	for _, want := range []struct {
		name string
		to   *field
		size int
	}{{"location", &f.place, 8}, {"reason", &f.reason, 4}, {"protocol", &f.protocol, 2}} {
		got, ok := found[want.name]
		if !ok || got.size != want.size {
			return nil, fmt.Errorf("the tracepoint kfree_skb of this kernel has no %s of %d bytes (Linux 5.17 has)", want.name, want.size)
		}
		*want.to = got
	}
	// __print_symbolic(REC->reason, { 2, "NOT_SPECIFIED" }, ...
	if _, symbols, ok := strings.Cut(text, "__print_symbolic(REC->reason"); ok {
		for _, m := range regexp.MustCompile(`\{\s*(\w+)\s*,\s*"(\w+)"\s*\}`).FindAllStringSubmatch(symbols, -1) {
			if n, err := strconv.ParseUint(m[1], 0, 32); err == nil {
				f.reasons[uint32(n)] = m[2]
			}
		}
	}
	return f, nil
}
