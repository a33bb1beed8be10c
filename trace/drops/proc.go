package drops

import (
	"bytes"
	"strconv"
	"strings"
)

// counters are numbers of /proc by name, as the dictionary of model/drop names them.
type counters map[string]uint64

// parsePairs reads /proc/net/snmp and netstat: lines in pairs, the names and then the
// numbers, both behind a prefix.
func parsePairs(b []byte, into counters) {
	lines := bytes.Split(b, []byte("\n"))
	for i := 0; i+1 < len(lines); i += 2 {
		prefix, names, ok1 := strings.Cut(string(lines[i]), ":")
		again, values, ok2 := strings.Cut(string(lines[i+1]), ":")
		if !ok1 || !ok2 || prefix != again {
			continue
		}
		n, v := strings.Fields(names), strings.Fields(values)
		for j := range min(len(n), len(v)) {
			if x, err := strconv.ParseUint(v[j], 10, 64); err == nil {
				into[prefix+n[j]] += x
			}
		}
	}
}

// parseLines reads /proc/net/snmp6: a name and a number on each line.
func parseLines(b []byte, into counters) {
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 2 {
			continue
		}
		if x, err := strconv.ParseUint(f[1], 10, 64); err == nil {
			into[f[0]] += x
		}
	}
}

// parsePerCPU reads a file of /proc/net/stat: names on the first line, then a line of
// hexadecimal numbers for each CPU, which are added up.
func parsePerCPU(b []byte, prefix string, into counters) {
	lines := strings.Split(string(b), "\n")
	names := strings.Fields(lines[0])
	for _, line := range lines[1:] {
		for j, v := range strings.Fields(line) {
			if j >= len(names) {
				break
			}
			if x, err := strconv.ParseUint(v, 16, 64); err == nil {
				into[prefix+" "+names[j]] += x
			}
		}
	}
}

// parseSoftnet reads /proc/net/softnet_stat: a line for each CPU, the second number is
// what it dropped.
func parseSoftnet(b []byte, into counters) {
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		if x, err := strconv.ParseUint(f[1], 16, 64); err == nil {
			into["softnet dropped"] += x
		}
	}
}

// rose gives by how much counters rose, of those that mean something. One that fell was
// made anew, and counts from 0.
func rose(before, now counters, watched []string) counters {
	d := counters{}
	for _, name := range watched {
		b, ok := before[name]
		n, ok2 := now[name]
		switch {
		case !ok2 || !ok:
		case n > b:
			d[name] = n - b
		case n < b && n > 0:
			d[name] = n
		}
	}
	return d
}
