package sets

import (
	"fmt"

	"nfscope/model"
	"nfscope/model/set"
)

// statement prints what hangs on an element: a limit, a connection limit, a quota. A
// counter goes into c.
func statement(b []byte, c *model.Counters) (s, unknown string) {
	name, data := text(find(b, 1)), find(b, 2)
	n := func(typ uint16) (n uint64) {
		n, _ = number(find(data, typ))
		return n
	}
	over := func(flags uint64) string {
		if flags&1 != 0 {
			return "over "
		}
		return ""
	}
	switch name {
	case "counter":
		c.Valid, c.Bytes, c.Packets = true, n(1), n(2)
		return "", ""
	case "limit":
		return limit(n(1), n(2), n(3), n(4) == 1, over(n(5))), ""
	case "connlimit":
		return fmt.Sprintf("ct count %s%d", over(n(2)), n(1)), ""
	case "quota":
		s := "quota " + over(n(2)) + size(n(1))
		if used := n(4); used > 0 {
			s += " used " + size(used)
		}
		return s, ""
	case "last":
		if n(1) == 0 {
			return "last used never", ""
		}
		return fmt.Sprintf("last used %s", set.Duration(milliseconds(n(2)))), ""
	}
	return "", "statement " + name
}

func limit(rate, unit, burst uint64, bytes bool, over string) string {
	per, ok := map[uint64]string{1: "second", 60: "minute", 3600: "hour", 86400: "day", 604800: "week"}[unit]
	if !ok {
		per = fmt.Sprintf("%d seconds", unit)
	}
	if bytes {
		s := "limit rate " + over + size(rate) + "/" + per
		if burst > 0 {
			s += " burst " + size(burst)
		}
		return s
	}
	s := fmt.Sprintf("limit rate %s%d/%s", over, rate, per)
	if burst > 0 && burst != 5 { // nft's default
		s += fmt.Sprintf(" burst %d packets", burst)
	}
	return s
}

// size prints bytes in the largest unit that needs no fraction, as nft does.
func size(n uint64) string {
	units := []string{"bytes", "kbytes", "mbytes"}
	i := 0
	for n > 0 && n%1024 == 0 && i < len(units)-1 {
		n /= 1024
		i++
	}
	return fmt.Sprintf("%d %s", n, units[i])
}
