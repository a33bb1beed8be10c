// Package units prints numbers as a table wants them: short, and always as wide as
// the column was planned for.
package units

import (
	"fmt"
	"strconv"
	"time"
)

// Count prints a number exactly while it has at most digits digits, and shortened
// with k, M, G, T, P (powers of 1000) beyond.
func Count(n uint64, digits int) string {
	s := strconv.FormatUint(n, 10)
	if len(s) <= digits {
		return s
	}
	return short(float64(n), 1000, "")
}

// Plural prints a number as Count does, and what is counted: 1 packet, 2 packets.
func Plural(n uint64, digits int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return Count(n, digits) + " " + noun
}

// Bytes prints an amount of bytes, powers of 1024: 820 B, 1.2 kB, 34 MB.
func Bytes(n uint64) string { return short(float64(n), 1024, " ") + "B" }

// Rate prints a rate a second: 0.5, 34, 1.2k. Zero prints as 0.
func Rate(r float64) string {
	switch {
	case r <= 0:
		return "0"
	case r < 9.95:
		return strconv.FormatFloat(r, 'f', 1, 64)
	}
	return short(r, 1000, "")
}

func short(v, base float64, space string) string {
	const units = "kMGTPE"
	i := -1
	for v >= base-0.5 && i < len(units)-1 {
		v /= base
		i++
	}
	switch {
	case i < 0:
		return strconv.FormatFloat(v, 'f', 0, 64) + space
	case v < 9.95:
		return strconv.FormatFloat(v, 'f', 1, 64) + space + units[i:i+1]
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + space + units[i:i+1]
}

// Span prints a duration in one or two units: 27 s, 4 min 5 s, 4 d 23 h.
func Span(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 0:
		return "0 s"
	case s < 100:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%d d %d h", s/86400, s%86400/3600)
}
