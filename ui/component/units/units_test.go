package units

import (
	"math"
	"testing"
	"time"
)

func TestPrinted(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Count(0, 7), "0"}, {Count(9999999, 7), "9999999"}, {Count(10000000, 7), "10M"},
		{Count(12345678, 7), "12M"}, {Count(math.MaxUint64, 7), "18E"},
		{Bytes(0), "0 B"}, {Bytes(1023), "1023 B"}, {Bytes(1024), "1.0 kB"}, {Bytes(1245184), "1.2 MB"}, {Bytes(35 << 20), "35 MB"},
		{Plural(0, 7, "packet"), "0 packets"}, {Plural(1, 7, "packet"), "1 packet"}, {Plural(12345678, 7, "rule"), "12M rules"},
		{Rate(0), "0"}, {Rate(0.5), "0.5"}, {Rate(34), "34"}, {Rate(1234), "1.2k"},
		{Rate(999.7), "1.0k"},
		{Span(27 * time.Second), "27 s"}, {Span(245 * time.Second), "4 min 5 s"}, {Span(431997 * time.Second), "4 d 23 h"},
		{Span(-time.Second), "0 s"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	for v := 1.0; v < 1e18; v *= 1.07 {
		if n := len(Rate(v)); n > 4 {
			t.Fatalf("Rate(%v) = %q", v, Rate(v))
		}
		if n := len(Bytes(uint64(v))); n > 7 {
			t.Fatalf("Bytes(%v) = %q", v, Bytes(uint64(v)))
		}
	}
}
