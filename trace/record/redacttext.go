package record

import (
	"bytes"
	"encoding/hex"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// patterns find in a text what may be an address or a name.
type patterns struct {
	secret, raw, typed, hex, numbers, number, mac, enx, v6, v4, name, span *regexp.Regexp
}

// asked is what may stand in nft's text between what is compared and the values: it may be
// one of several that are compared together, and a map may be asked.
const asked = `(?:\. [a-z0-9@, ]+? )*(?:[!=<>]=? |set |v?map )*`

func textPatterns() *patterns {
	sets, number := numberPatterns()
	return &patterns{
		span: regexp.MustCompile(`[0-9a-fA-F.:]{2,}-[0-9a-fA-F.:]{2,}`),
		// What these options compare is a piece of a packet, or a program for one.
		secret:  regexp.MustCompile(`(--(?:string|hex-string|u32|bytecode|object-pinned) )("(?:[^"\\]|\\.)*"|\S+)`),
		raw:     regexp.MustCompile(`(@(?:ll|nh|th|ih),\d+,\d+ (?:(?:[&|^]|<<|>>) (?:0x[0-9a-f]+|\d+) )*` + asked + `)(\{[^{}]*\}|0x[0-9a-f]+(?:-0x[0-9a-f]+)?)`),
		typed:   regexp.MustCompile(`(typeof [^{}\n]*@(?:ll|nh|th|ih),\d+,\d+[^{}]*elements = )(\{[^{}]*\})`),
		hex:     regexp.MustCompile(`0x[0-9a-f]+`),
		numbers: sets, number: number,
		mac: regexp.MustCompile(`\b[0-9a-fA-F]{2}(?:(?::[0-9a-fA-F]{2}){5}|(?:-[0-9a-fA-F]{2}){5})\b|\b[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}\b`),
		enx: regexp.MustCompile(`\benx[0-9a-f]{12}\b`),
		v6:  regexp.MustCompile(`[0-9a-fA-F]*(?::[0-9a-fA-F.]*){2,}(?:/[0-9a-fA-F.:]*[0-9a-fA-F:])?`),
		v4:  regexp.MustCompile(`\d{1,3}(?:\.\d{1,3}){3}(?:/\d+(?:\.\d+){0,3})?`),
		// Letters of either size, and what stands in a name's place in many networks.
		name: regexp.MustCompile(`(?i)\b(?:[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?\.)+(?:` + endings + `)\b`),
	}
}

// endings of names of hosts: the oldest, those of countries but for the ones that end files
// too, those that are met most, and those of networks of one's own.
const endings = `com|org|net|edu|gov|mil|int|arpa|biz|info|name|pro|mobi|aero|coop|museum|jobs|travel|asia|cat|tel|` +
	`io|dev|app|cloud|online|site|tech|store|shop|xyz|top|club|live|life|world|today|agency|digital|network|systems|solutions|services|email|host|hosting|website|space|` +
	`local|localdomain|lan|home|internal|intranet|private|corp|test|example|invalid|onion|` +
	`a[cdefgilmoqrstuwxz]|b[abdefghijmnorstvwyz]|c[acdfghklmnoruvwxyz]|d[ejkmoz]|e[cegrstu]|f[ijkmor]|g[abdefghilmnpqrstuwy]|h[kmnrtu]|i[delmnqrst]|j[emop]|k[eghimnprwyz]|` +
	`l[abcikrstuvy]|m[aceghklmnopqrstuvwxyz]|n[acefgilopruz]|om|p[aefghklmnrstw]|qa|r[eouw]|s[abcdegiklmnrtuvxyz]|t[cdfghjklmnortvwz]|u[agksyz]|v[aceginu]|w[fs]|y[et]|z[amw]`

// Text gives a text in which all addresses and names are replaced.
func (r *Redactor) Text(s string) string {
	if len(s) < 4 || !strings.ContainsAny(s, ".:@-{") && !strings.Contains(s, "enx") && !r.named(s) {
		return r.known(s)
	}
	if t, ok := r.texts[s]; ok {
		return t
	}
	if len(r.texts) >= kept {
		clear(r.texts)
	}
	t := r.rewrite(s)
	r.texts[s] = t
	return t
}

// known replaces a text that is a host's name and nothing else.
func (r *Redactor) known(s string) string {
	if n := r.names[s]; n != "" {
		return n
	}
	return s
}

func (r *Redactor) named(s string) bool {
	for n := range r.names {
		if strings.Contains(s, n) {
			return true
		}
	}
	return false
}

func (r *Redactor) rewrite(s string) string {
	p := r.find
	var done put
	aside := done.aside
	bare := strings.NewReplacer("\x00", "", "\x01", "", "\x02", "")
	s = bare.Replace(s)
	s = p.secret.ReplaceAllStringFunc(s, func(m string) string { return aside(p.secret.ReplaceAllString(m, `$1"redacted"`)) })
	for _, re := range []*regexp.Regexp{p.raw, p.typed} {
		s = re.ReplaceAllStringFunc(s, func(m string) string {
			sub := re.FindStringSubmatch(m)
			return sub[1] + p.hex.ReplaceAllStringFunc(sub[2], func(string) string { return aside("0x0") })
		})
	}
	s = p.numbers.ReplaceAllStringFunc(s, func(m string) string { return r.numbers(m, aside) })
	s = p.enx.ReplaceAllStringFunc(s, func(m string) string { return aside("enx" + strings.ReplaceAll(r.mac(m[3:]), ":", "")) })
	s = p.mac.ReplaceAllStringFunc(s, func(m string) string { return aside(r.mac(m)) })
	s = replaceAt(p.v6, s, func(m string, before, after byte) string {
		if after != '_' && word(after) {
			return m
		}
		return r.v6(m, before, aside)
	})
	s = replaceAt(p.v4, s, func(m string, before, after byte) string {
		if before >= '0' && before <= '9' || before == '.' || after >= '0' && after <= '9' {
			return m
		}
		return aside(r.v4(m))
	})
	s = p.name.ReplaceAllStringFunc(s, func(m string) string {
		if l := strings.ToLower(m); strings.HasPrefix(l, "net.") || strings.HasPrefix(l, "github.com") {
			return m
		}
		return aside(r.host(m))
	})
	for _, n := range r.longest() {
		called := bare.Replace(n)
		if called == "" {
			continue
		}
		s = replaceAt(regexp.MustCompile(regexp.QuoteMeta(called)), s, func(m string, before, after byte) string {
			if word(before) || word(after) {
				return m
			}
			return aside(r.names[n])
		})
	}
	return order(p, done.back(s))
}

// put is what was replaced: it is not looked at again, and stands aside under a sign of its
// own, a number of two digits that are in no text.
type put []string

func (p *put) aside(t string) string {
	sign := []byte{0}
	for n := len(*p); n > 0; n /= 2 {
		sign = append(sign, byte(1+n%2))
	}
	*p = append(*p, t)
	return string(append(sign, 0))
}

// back puts everything in its place again.
func (p put) back(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		before, rest, found := strings.Cut(s, "\x00")
		b.WriteString(before)
		if !found {
			break
		}
		sign, after, _ := strings.Cut(rest, "\x00")
		n := 0
		for i := len(sign) - 1; i >= 0; i-- {
			n = 2*n + int(sign[i]-1)
		}
		b.WriteString(p[n])
		s = after
	}
	return b.String()
}

// longest are the known names, so that none is replaced inside another.
func (r *Redactor) longest() []string {
	var out []string
	for n := range r.names {
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return out
}

func word(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// replaceAt is ReplaceAllStringFunc for a function that is told what stands around; 0
// at the ends.
func replaceAt(re *regexp.Regexp, s string, fn func(m string, before, after byte) string) string {
	var b strings.Builder
	last := 0
	for _, at := range re.FindAllStringIndex(s, -1) {
		var before, after byte
		if at[0] > 0 {
			before = s[at[0]-1]
		}
		if at[1] < len(s) {
			after = s[at[1]]
		}
		b.WriteString(s[last:at[0]])
		b.WriteString(fn(s[at[0]:at[1]], before, after))
		last = at[1]
	}
	b.WriteString(s[last:])
	return b.String()
}

// v4 replaces an address, one with a length, or one with a mask: that is kept.
func (r *Redactor) v4(m string) string {
	host, tail, cut := strings.Cut(m, "/")
	a, err := netip.ParseAddr(host)
	if err != nil {
		return m
	}
	if !cut {
		return r.Addr(a).String()
	}
	if p, err := netip.ParsePrefix(m); err == nil {
		return r.prefix(p).String()
	}
	mask, err := netip.ParseAddr(tail)
	if err != nil || !mask.Is4() {
		return r.Addr(a).String() + "/" + tail
	}
	x, k := r.Addr(a).As4(), mask.As4()
	if y := a.As4(); y[0]&^k[0]|y[1]&^k[1]|y[2]&^k[2]|y[3]&^k[3] == 0 {
		for i := range x {
			x[i] &= k[i]
		}
	}
	return netip.AddrFrom4(x).String() + "/" + tail
}

// v6 replaces an address, with what may follow it in a text: a colon, a dot. Behind a word
// ("from:fd00::1", "ip6:fd00::1") the word's end looks like a part of it.
func (r *Redactor) v6(m string, before byte, aside func(string) string) string {
	if i := strings.IndexByte(m, ':'); before == '.' || before != '_' && word(before) {
		if rest, ok := r.v6At(m[i+1:], aside); ok {
			return m[:i+1] + rest
		} else if before != '.' {
			return m
		}
	}
	rest, _ := r.v6At(m, aside)
	return rest
}

// v6At replaces the address that m begins with; false where there is none. A mask is kept.
func (r *Redactor) v6At(m string, aside func(string) string) (string, bool) {
	if p, err := netip.ParsePrefix(m); err == nil {
		return aside(r.prefix(p).String()), true
	}
	host, tail, cut := strings.Cut(m, "/")
	if a, err := netip.ParseAddr(host); err == nil && cut && a.Is6() && isMask(tail) {
		return aside(r.Addr(a).String() + "/" + tail), true
	}
	for n := len(host); n > 1; n-- {
		if a, err := netip.ParseAddr(host[:n]); err == nil && a.Is6() {
			host = aside(r.Addr(a).String()) + host[n:]
			if !cut {
				return host, true
			}
			tail, _ = r.v6At(tail, aside)
			return host + "/" + tail, true
		}
		if host[n-1] != ':' && host[n-1] != '.' {
			break
		}
	}
	return m, false
}

// isMask reports whether s is a mask of IPv6: whole groups are looked at or are not.
func isMask(s string) bool {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is6() {
		return false
	}
	for _, b := range a.AsSlice() {
		if b != 0 && b != 0xff {
			return false
		}
	}
	return true
}

// mac replaces a hardware address. Groups stay groups; what stands for a station is of
// no maker's.
func (r *Redactor) mac(m string) string {
	b, err := hex.DecodeString(strings.NewReplacer(":", "", "-", "", ".", "").Replace(m))
	if err != nil || len(b) != 6 || bytes.Equal(b, make([]byte, 6)) || b[0]&1 != 0 && (b[0] == 0xff || b[0] == 0x01 && b[1] == 0x80) {
		return m
	}
	out := r.sum("mac", net.HardwareAddr(b).String())[:6]
	if out[0] = out[0]&^1 | 2; b[0]&1 != 0 {
		group := out[2]
		if copy(out, b[:3]); b[0] == 0x33 {
			out[2] = group
		}
	}
	text := net.HardwareAddr(out).String()
	switch {
	case strings.Contains(m, "-"):
		return strings.ReplaceAll(text, ":", "-")
	case strings.Contains(m, "."):
		h := hex.EncodeToString(out)
		return h[:4] + "." + h[4:8] + "." + h[8:]
	}
	return text
}

// host replaces a domain name label by label, so that what is of one domain stays so.
func (r *Redactor) host(m string) string {
	labels := strings.Split(strings.ToLower(m), ".")
	out := slices.Clone(labels)
	for i := range labels[:len(labels)-1] {
		out[i] = "h-" + r.word("name", strings.Join(labels[i:], "."))
	}
	return strings.Join(out, ".")
}

// order puts the ends of a range in their order, so that it can still be read.
func order(p *patterns, s string) string {
	if !strings.Contains(s, "-") {
		return s
	}
	return p.span.ReplaceAllStringFunc(s, func(m string) string {
		a, b, _ := strings.Cut(m, "-")
		x, err := netip.ParseAddr(a)
		y, err2 := netip.ParseAddr(b)
		if err == nil && err2 == nil && y.Less(x) {
			return b + "-" + a
		}
		return m
	})
}
