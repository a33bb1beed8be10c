// Package kmsg reads the kernel's own log from /dev/kmsg, for the lines that the target
// LOG writes there.
package kmsg

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrRefused is what Open's error is where the process may not read the log.
var ErrRefused = errors.New("the kernel's log may not be read")

// Record is one message of the log.
type Record struct {
	// Level is the syslog level, 0 to 7; Facility is 0 for the kernel's own messages, and
	// another for what programs wrote to /dev/kmsg.
	Level, Facility int
	// Seq numbers the messages, from 0 at boot.
	Seq  uint64
	Text string
}

// Decode reads what one read of /dev/kmsg gives (Documentation/ABI/testing/dev-kmsg):
//
//	4,1234,5678901,-;message
//	 KEY=value
//
// level and facility, number, microseconds since boot, flags and what newer kernels add,
// then the message with control characters as \x1b, then lines that continue it.
func Decode(b []byte) (Record, error) {
	head, body, ok := bytes.Cut(b, []byte(";"))
	fields := strings.Split(string(head), ",")
	if !ok || len(fields) < 3 {
		return Record{}, fmt.Errorf("kmsg: expected level,number,time,flags;message, not %.60q", b)
	}
	level, err := strconv.ParseUint(fields[0], 10, 16)
	if err != nil {
		return Record{}, fmt.Errorf("kmsg: %.20q is no level", fields[0])
	}
	seq, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return Record{}, fmt.Errorf("kmsg: %.20q is no number of a message", fields[1])
	}
	text, _, _ := strings.Cut(string(body), "\n")
	return Record{Level: int(level & 7), Facility: int(level >> 3), Seq: seq, Text: unescape(text)}, nil
}

// unescape turns \x41 back into the byte.
func unescape(s string) string {
	if !strings.Contains(s, `\x`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && s[i+1] == 'x' {
			if n, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
