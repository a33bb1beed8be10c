package guard

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Process names a process for good: a pid is used again, a pid and its start are not.
type Process struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // field 22 of /proc/PID/stat, proc(5)
	// Space is the inode of its pid namespace, in which alone the pid means something;
	// 0 where it is not known.
	Space uint64 `json:"pidns,omitempty"`
}

// Life is what can be known of a Process.
type Life int

// Unknown is the life of a process of another pid namespace: it may be alive.
const (
	Dead Life = iota
	Alive
	Unknown
)

// Self is the calling process.
func Self() Process { return processOf(os.Getpid()) }

// processOf names a process of our own pid namespace.
func processOf(pid int) Process {
	return Process{PID: pid, Start: startOf(pid), Space: pidSpace()}
}

func pidSpace() uint64 {
	var st unix.Stat_t
	if unix.Stat("/proc/self/ns/pid", &st) != nil {
		return 0
	}
	return st.Ino
}

func startOf(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name in parentheses may hold blanks and parentheses itself.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < 20 || f[0] == "Z" {
		return ""
	}
	return f[19]
}

// Life tells whether the process is still there.
func (p Process) Life() Life {
	switch {
	case p.Space != 0 && p.Space != pidSpace() || p.Start == "":
		return Unknown
	case startOf(p.PID) == p.Start:
		return Alive
	}
	return Dead
}

// String writes a Process as pid.start.space, for the comment of a rule.
func (p Process) String() string { return fmt.Sprintf("%d.%s.%d", p.PID, p.Start, p.Space) }

// ParseProcess reads what String has written.
func ParseProcess(s string) (Process, error) {
	bad := fmt.Errorf("%q names no process: expected its id, its start and its pid namespace, as in 4711.88123.4026531836", s)
	f := strings.Split(s, ".")
	if len(f) != 3 {
		return Process{}, bad
	}
	pid, err1 := strconv.Atoi(f[0])
	_, err2 := strconv.ParseUint(f[1], 10, 64)
	space, err3 := strconv.ParseUint(f[2], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || pid <= 0 {
		return Process{}, bad
	}
	return Process{pid, f[1], space}, nil
}
