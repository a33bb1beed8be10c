package match

import (
	"fmt"
	"strings"
	"time"
)

// Clock is a time of day in seconds, UTC.
type Clock uint32

// String prints 01:02:03.
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d:%02d", c/3600, c/60%60, c%60) }

const lastSecond = Clock(86399)

// clock reads hours and minutes, with or without seconds.
func clock(s string) (Value, bool) {
	p := strings.Split(s, ":")
	if len(p) != 2 && len(p) != 3 {
		return nil, false
	}
	var v [3]uint64
	for i := range p {
		n, ok := number("1"+pad(p[i]), 159) // two digits; 08 is no octal number here
		if !ok || len(p[i]) > 2 || p[i] == "" {
			return nil, false
		}
		v[i] = n - 100
	}
	return Clock(v[0]*3600 + v[1]*60 + v[2]), v[0] < 24 && v[1] < 60 && v[2] < 60
}

func pad(s string) string {
	if len(s) == 1 {
		return "0" + s
	}
	return s
}

// Date is a moment in UTC.
type Date int64

// String prints 2026-11-20T11:00:00.
func (d Date) String() string { return time.Unix(int64(d), 0).UTC().Format("2006-01-02T15:04:05") }

// lastDate is the end of the module's time. iptables prints it where no other end is
// given.
const lastDate = Date(0x7fffffff)

// date reads a date, from the right cut as short as one likes: 2026, 2026-11-20T11.
func date(s string) (Value, bool) {
	for _, form := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02T15", "2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(form, s); err == nil {
			d := Date(t.Unix())
			return d, d >= 0 && d <= lastDate
		}
	}
	return nil, false
}

// finishTime fills in the other end of the day, inverts negated days, as the kernel
// keeps none, and leaves out what says nothing.
func finishTime(_ *Rule, o []Option) []Option {
	o = add(o, "--datestop", lastDate)
	if hasAny(o, "--timestart", "--timestop") {
		o = add(add(o, "--timestart", Clock(0)), "--timestop", lastSecond)
		a, b := find(o, "--timestart"), find(o, "--timestop")
		if a != nil && b != nil && a.Value == Clock(0) && b.Value == lastSecond {
			o = drop(o, func(o *Option) bool { return o.Name == "--timestart" || o.Name == "--timestop" })
		}
	}
	for i := range o {
		if !o[i].Negated || o[i].Unknown != "" {
			continue
		}
		switch v := o[i].Value.(type) {
		case Names:
			v.Bits ^= 1<<len(v.of.list) - 1
			o[i].Value, o[i].Negated = v, false
		case Numbers:
			v.bits[0] ^= 1<<32 - 2
			o[i].Value, o[i].Negated = v, false
		}
	}
	return drop(o, func(o *Option) bool {
		switch v := o.Value.(type) {
		case Names:
			return v.Bits == 1<<len(v.of.list)-1
		case Numbers:
			return v.bits[0] == 1<<32-2
		case Date:
			return v == 0
		}
		return false
	})
}
