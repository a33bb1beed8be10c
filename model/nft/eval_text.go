package nft

import (
	"strconv"
	"strings"

	"nfscope/model"
	"nfscope/model/fact"
)

// format prints a value as nft does.
func format(v value, t Type) string {
	switch {
	case v.named:
		if v.text == "" {
			return "none"
		}
		return v.text
	case isAddress(t):
		return v.address().String()
	case t == EtherAddr:
		var b [6]byte
		for i := range b {
			b[i] = byte(v.bits.lo >> (40 - 8*i))
		}
		return fact.MAC(b).String()
	case t == Mark:
		return "0x" + strconv.FormatUint(v.bits.lo, 16)
	case t.Flags():
		return flagText(v.bits.lo, t)
	case t == TCClass:
		return strconv.FormatUint(v.bits.lo, 10)
	}
	if s := nameOf(v.bits.lo, t); s != "" && v.sure() {
		return s
	}
	return strconv.FormatUint(v.bits.lo, 10)
}

// nameOf is the shortest name of a number of a type: a number may have several.
func nameOf(n uint64, t Type) string {
	if t == InetProto && n < 256 {
		return model.Proto(n).String()
	}
	best := ""
	for s, v := range symbols[t] {
		if v == n && (best == "" || len(s) < len(best) || len(s) == len(best) && s < best) {
			best = s
		}
	}
	return best
}

func flagText(n uint64, t Type) string {
	var l []string
	for bit := range 64 {
		if n>>bit&1 == 1 {
			s := nameOf(1<<bit, t)
			if s == "" {
				s = "0x" + strconv.FormatUint(1<<bit, 16)
			}
			l = append(l, s)
		}
	}
	if len(l) == 0 {
		return "none"
	}
	return strings.Join(l, ",")
}
