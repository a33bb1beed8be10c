package record

import (
	"encoding/hex"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// patterns find in a text what may be an address or a name.
type patterns struct {
	secret, raw, mac, v6, v4, name, span *regexp.Regexp
}

func textPatterns() *patterns {
	return &patterns{
		span: regexp.MustCompile(`[0-9a-fA-F.:]{2,}-[0-9a-fA-F.:]{2,}`),
		// What these options compare is a piece of a packet, or a program for one.
		secret: regexp.MustCompile(`(--(?:string|hex-string|u32|bytecode|object-pinned) )("(?:[^"\\]|\\.)*"|\S+)`),
		raw:    regexp.MustCompile(`(@(?:ll|nh|th|ih),\d+,\d+ (?:& 0x[0-9a-f]+ )?(?:[!=<>]=? )?)0x[0-9a-f]+`),
		mac:    regexp.MustCompile(`\b[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}\b`),
		v6:     regexp.MustCompile(`[0-9a-fA-F]*(?::[0-9a-fA-F.]*){2,}(?:/\d+)?`),
		v4:     regexp.MustCompile(`\d{1,3}(?:\.\d{1,3}){3}(?:/\d+(?:\.\d+){0,3})?`),
		name:   regexp.MustCompile(`\b(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+(?:com|org|net|edu|gov|mil|int|io|dev|app|info|biz|local|lan|home|internal|intranet|corp|test|example|invalid|arpa|eu|uk|de|at|ch|fr|nl|be|it|es|pl|se|no|fi|dk|cz|us|ca|au|nz|jp|cn|kr|in|br|ru|za)\b`),
	}
}

// Text gives a text in which all addresses and names are replaced.
func (r *Redactor) Text(s string) string {
	if len(s) < 4 || !strings.ContainsAny(s, ".:@") && !strings.Contains(s, "--") && !r.named(s) {
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
	// What is replaced is not looked at again: it is put aside under a sign of its own.
	var done []string
	aside := func(t string) string {
		done = append(done, t)
		return "\x00" + strings.Repeat("\x01", len(done)) + "\x00"
	}
	s = strings.NewReplacer("\x00", "", "\x01", "").Replace(s)
	s = p.secret.ReplaceAllStringFunc(s, func(m string) string { return aside(p.secret.ReplaceAllString(m, `$1"redacted"`)) })
	s = p.raw.ReplaceAllStringFunc(s, func(m string) string { return aside(p.raw.ReplaceAllString(m, "${1}0x0")) })
	s = p.mac.ReplaceAllStringFunc(s, func(m string) string { return aside(r.mac(m)) })
	s = replaceAt(p.v6, s, func(m string, before, after byte) string {
		if word(before) || word(after) {
			return m
		}
		return r.v6(m, aside)
	})
	s = replaceAt(p.v4, s, func(m string, before, after byte) string {
		if before >= '0' && before <= '9' || before == '.' || after >= '0' && after <= '9' {
			return m
		}
		return aside(r.v4(m))
	})
	s = p.name.ReplaceAllStringFunc(s, func(m string) string {
		if strings.HasPrefix(m, "net.") || strings.HasPrefix(m, "github.com") {
			return m
		}
		return aside(r.host(m))
	})
	for _, n := range r.longest() {
		s = replaceAt(regexp.MustCompile(regexp.QuoteMeta(n)), s, func(m string, before, after byte) string {
			if word(before) || word(after) {
				return m
			}
			return aside(r.names[n])
		})
	}
	for i := len(done); i > 0; i-- {
		s = strings.ReplaceAll(s, "\x00"+strings.Repeat("\x01", i)+"\x00", done[i-1])
	}
	return order(p, s)
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

// v6 replaces an address, with what may follow it in a text: a colon, a dot.
func (r *Redactor) v6(m string, aside func(string) string) string {
	if p, err := netip.ParsePrefix(m); err == nil {
		return aside(r.prefix(p).String())
	}
	host, tail, cut := strings.Cut(m, "/")
	if cut {
		tail = "/" + tail
	}
	for n := len(host); n > 1; n-- {
		if a, err := netip.ParseAddr(host[:n]); err == nil {
			return aside(r.Addr(a).String()) + host[n:] + tail
		}
		if host[n-1] != ':' && host[n-1] != '.' {
			break
		}
	}
	return m
}

// mac replaces a hardware address. Groups stay groups; what stands for a station is of
// no maker's.
func (r *Redactor) mac(m string) string {
	b, err := hex.DecodeString(strings.ReplaceAll(m, ":", ""))
	if err != nil || m == "00:00:00:00:00:00" || b[0]&1 != 0 && (b[0] == 0xff || b[0] == 0x01 && b[1] == 0x80) {
		return m
	}
	out := r.sum("mac", strings.ToLower(m))[:6]
	if out[0] = out[0]&^1 | 2; b[0]&1 != 0 {
		copy(out, b[:3])
		if b[0] == 0x33 {
			out[2] = r.sum("mac", m)[2]
		}
	}
	parts := make([]string, 6)
	for i, c := range out {
		parts[i] = hex.EncodeToString([]byte{c})
	}
	return strings.Join(parts, ":")
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
