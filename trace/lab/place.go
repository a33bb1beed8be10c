package lab

import (
	"net/netip"
	"strconv"
	"strings"
)

// splitPlace takes "table/chain 2" apart; rule is 0 for "table/chain policy".
func splitPlace(s string) (table, chain string, rule int, ok bool) {
	at, num, ok1 := strings.Cut(s, " ")
	table, chain, ok2 := strings.Cut(at, "/")
	if !ok1 || !ok2 || table == "" || chain == "" {
		return "", "", 0, false
	}
	if num == "policy" {
		return table, chain, 0, true
	}
	rule, err := strconv.Atoi(num)
	return table, chain, rule, err == nil && rule > 0
}

// splitEnd reads an address with or without port; port is 0 where there is none.
func splitEnd(s string) (netip.Addr, uint16, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr(), ap.Port(), true
	}
	a, err := netip.ParseAddr(s)
	return a, 0, err == nil
}

// splitNever takes "table", "table/chain" or "table/chain 2" apart; what is not said is
// "" or 0.
func splitNever(s string) (table, chain string, rule int, ok bool) {
	if !strings.Contains(s, " ") {
		table, chain, _ = strings.Cut(s, "/")
		return table, chain, 0, table != "" && (chain != "" || !strings.Contains(s, "/"))
	}
	table, chain, rule, ok = splitPlace(s)
	return table, chain, rule, ok && rule > 0
}

// splitRange reads "50" or "50-58".
func splitRange(s string) (from, to uint16, ok bool) {
	a, b, more := strings.Cut(s, "-")
	if !more {
		b = a
	}
	f, err1 := strconv.ParseUint(a, 10, 16)
	t, err2 := strconv.ParseUint(b, 10, 16)
	return uint16(f), uint16(t), err1 == nil && err2 == nil && f <= t
}
