package arm

import (
	"fmt"
	"strconv"
	"time"
)

// xtLastSecond is the last one that xt_time can name (2038-01-19).
const xtLastSecond = 1<<31 - 1

// maxPacket is the most bytes that an IP packet counts.
const maxPacket = 65535

// rawBound ends a -j TRACE in the kernel, where we are stopped and cannot end it.
type rawBound struct {
	args []string
	// lacks is a note on what is not bounded so.
	lacks string
}

// rawBounds are the ways to end the trace in the kernel, the best first: a time, and
// packets in all. x_tables counts bytes, so that is a bound but not a number; every
// packet may be a large one, so the bytes never end a trace that has not had its packets.
func rawBounds(o Options, now time.Time) []rawBound {
	const means = "the raw table's trace ends with nfscope, also when that is killed; but "
	end := now.Add(o.For + grace).UTC()
	byTime := []string{"-m", "time", "--datestop", end.Add(time.Second - 1).Truncate(time.Second).Format("2006-01-02T15:04:05")}
	quota := func(packets int) []string {
		return []string{"-m", "quota", "--quota", strconv.FormatUint(uint64(packets)*maxPacket, 10)}
	}
	var all []rawBound
	if end.Unix() < xtLastSecond {
		if o.Most > 0 {
			all = append(all, rawBound{args: append(quota(o.Most), byTime...)})
		}
		all = append(all, rawBound{args: byTime})
	}
	most := int(min(float64(o.Rate)*(o.For+grace).Seconds()+float64(o.Burst), 1<<40))
	if o.Most > 0 {
		most = min(most, o.Most)
	}
	return append(all,
		rawBound{quota(most), fmt.Sprintf(means+"iptables has no match `time` here (xt_time), so the kernel of a stopped nfscope traces on until %d MB have passed", uint64(most)*maxPacket/1_000_000)},
		rawBound{nil, means + "iptables has neither of the matches `time` and `quota` here (xt_time, xt_quota), so the kernel of a stopped nfscope traces on until that is ended"})
}
