package match

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Rate is a number of packets per sec, min, hour or day.
type Rate struct {
	N   uint64
	Per string
	// written is the unit as it was written, in seconds, and period the time between
	// packets that came of it, in the scale of the module.
	written, period uint64
}

// String prints 3/hour.
func (r Rate) String() string { return strconv.FormatUint(r.N, 10) + "/" + r.Per }

var rateUnits = []struct {
	name, long string
	seconds    uint64
}{{"day", "day", 86400}, {"hour", "hour", 3600}, {"min", "minute", 60}, {"sec", "second", 1}}

func unitSeconds(name string) uint64 {
	for _, u := range rateUnits {
		if u.name == name {
			return u.seconds
		}
	}
	return 1
}

// limitRate and hashRate read a rate. Both modules keep the time from one packet to
// the next, in whole units of a scale, so that iptables prints a rate that may differ
// from the one that was written: 120/min is 2/sec.
func limitRate(s string) (Value, bool) { return parseRate(s, 10000) }

func hashRate(s string) (Value, bool) {
	if b, ok := strings.CutSuffix(s, "b/s"); ok {
		n, ok := byteCount(b)
		if !ok || n == 0 || n/1 > 1<<32-1 && n > 1<<36 {
			return nil, false
		}
		return byteRate(n)
	}
	return parseRate(s, 1000000)
}

func parseRate(s string, scale uint64) (Value, bool) {
	count, unit, has := strings.Cut(s, "/")
	per := uint64(1)
	if has {
		per = 0
		for _, u := range rateUnits {
			if unit != "" && strings.HasPrefix(u.long, strings.ToLower(unit)) {
				per = u.seconds
			}
		}
	}
	n, err := strconv.ParseUint(count, 10, 32)
	if err != nil || n == 0 || per == 0 || n > scale*per {
		return nil, false
	}
	r := rateOf(scale*per/n, scale)
	for range 8 { // what iptables prints need not be what it prints when that is loaded
		again := rateOf(scale*unitSeconds(r.Per)/r.N, scale)
		if again == r {
			break
		}
		r = again
	}
	r.written, r.period = per, scale*per/n
	return r, true
}

// rateOf prints a time between packets as a rate in the largest unit that loses little.
func rateOf(period, scale uint64) Rate {
	i := 1
	for ; i < len(rateUnits); i++ {
		m := scale * rateUnits[i].seconds
		if period > m || m/period < m%period {
			break
		}
	}
	u := rateUnits[i-1]
	return Rate{N: max(scale*u.seconds/period, 1), Per: u.name}
}

// ByteRate is hashlimit's rate in bytes a second.
type ByteRate struct{ N uint64 }

// Bytes is a number of bytes, hashlimit's burst.
type Bytes uint64

// String prints 10mb/s in the largest unit that is exact enough.
func (b ByteRate) String() string { return bytesText(b.N, b.cost()) + "b/s" }

// String prints 1mb, cutting off what is less than the unit.
func (b Bytes) String() string {
	for _, u := range byteUnits {
		if uint64(b) >= u.n {
			return strconv.FormatUint(uint64(b)/u.n, 10) + u.name + "b"
		}
	}
	return strconv.FormatUint(uint64(b), 10) + "b"
}

var byteUnits = []struct {
	name string
	n    uint64
}{{"m", 1 << 20}, {"k", 1 << 10}, {"", 1}}

// The kernel keeps a byte rate as a cost, and loses by it (xt_hashlimit.h, 16 bytes).
func byteCost(n uint64) uint64 { return math.MaxUint32 / (uint64(uint32(n>>4)) + 1) }
func (b ByteRate) cost() uint64 {
	return byteCost(b.N)
}

func costBytes(cost uint64) uint64 {
	if cost == 0 {
		return (math.MaxUint32 - 1) << 4
	}
	return (math.MaxUint32/cost - 1) << 4
}

func byteRate(n uint64) (Value, bool) {
	if n > math.MaxUint32<<4 || byteCost(n) == 0 || costBytes(byteCost(n)) == 0 {
		return nil, false
	}
	r := ByteRate{costBytes(byteCost(n))}
	for range 8 { // until printing loses no more
		s := strings.TrimSuffix(r.String(), "b/s")
		m, ok := byteCount(s)
		if !ok {
			return nil, false
		}
		again := ByteRate{costBytes(byteCost(m))}
		if again == r {
			break
		}
		r = again
	}
	return r, true
}

func bytesText(n, cost uint64) string {
	for _, u := range byteUnits[:2] {
		if n >= u.n && byteCost(n&^(u.n-1)) == cost {
			return strconv.FormatUint(n/u.n, 10) + u.name
		}
	}
	return strconv.FormatUint(n, 10)
}

// byteCount reads 10m, 4k or 123.
func byteCount(s string) (uint64, bool) {
	factor := uint64(1)
	if c, ok := strings.CutSuffix(s, "m"); ok {
		s, factor = c, 1<<20
	} else if c, ok := strings.CutSuffix(s, "k"); ok {
		s, factor = c, 1<<10
	}
	n, err := strconv.ParseUint(s, 10, 40)
	return n * factor, err == nil
}

// burst rounds a burst up to whole multiples of the rate, as iptables does.
func (b ByteRate) burst(n Bytes) Bytes {
	times := func(n uint64) uint64 { return (n + b.N - 1) / b.N * b.N }
	r := Bytes(times(uint64(n)))
	for range 8 {
		m, ok := byteCount(strings.TrimSuffix(r.String(), "b"))
		again := Bytes(times(m))
		if !ok || again == r {
			break
		}
		r = again
	}
	return r
}

func hashBurst(s string) (Value, bool) {
	if b, ok := strings.CutSuffix(s, "b"); ok {
		n, ok := byteCount(b)
		return Bytes(n), ok && n > 0
	}
	n, ok := number(s, 1000000)
	return Number{N: n}, ok && n > 0
}

// probability reads a fraction from 0 to 1.
func probability(s string) (Value, bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return nil, false
	}
	return Probability(math.Round(f * (1 << 31))), true
}

// String prints eleven digits, as iptables does.
func (p Probability) String() string { return fmt.Sprintf("%.11f", p.Share()) }
