package match

// conntrackMatches look at the connection that a packet belongs to.
func conntrackMatches() []extension {
	port := span(0xffff, false)
	return []extension{
		{name: "conntrack", options: []option{
			opt("--ctstate", ctStates.kind()).not(), opt("--ctproto", one(ctProto)).not(),
			opt("--ctorigsrc", shortNet).not(), opt("--ctorigdst", shortNet).not(),
			opt("--ctreplsrc", shortNet).not(), opt("--ctrepldst", shortNet).not(),
			opt("--ctorigsrcport", port).not(), opt("--ctorigdstport", port).not(),
			opt("--ctreplsrcport", port).not(), opt("--ctrepldstport", port).not(),
			opt("--ctstatus", ctStatuses.kind()).not(), opt("--ctexpire", span(0xffffffff, false)).not(),
			opt("--ctdir", words(true, "ORIGINAL", "REPLY"))}},
		{name: "state", options: []option{opt("--state", plainStates.kind()).not()}},
		{name: "connmark", options: []option{opt("--mark", mark(false)).not()}},
		{name: "connlimit", options: []option{
			opt("--connlimit-upto", u32).not(), opt("--connlimit-above", u32).not(), opt("--connlimit-mask", plen),
			flag("--connlimit-saddr"), flag("--connlimit-daddr")}, finish: finishConnlimit},
		{name: "connbytes", options: []option{
			opt("--connbytes", one(connbytes)).not(),
			opt("--connbytes-mode", words(false, "packets", "bytes", "avgpkt")),
			opt("--connbytes-dir", words(false, "original", "reply", "both"))}, finish: finishConnbytes},
		{name: "connlabel", options: []option{opt("--label", quoted).not(), flag("--set")}},
		{name: "helper", options: []option{opt("--helper", textUpTo(29)).not()}},
	}
}

var (
	// ctStates are conntrack's states in the order of iptables-save; SNAT and DNAT are
	// what the connection's status says.
	ctStates    = namesOf("", "INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED", "SNAT", "DNAT")
	plainStates = namesOf("", "INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED")
	ctStatuses  = namesOf("NONE", "EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED")
)

// ctProto is a protocol that iptables prints as a number.
func ctProto(s string) (Value, bool) {
	p, ok := parseProto(s)
	return Number{N: uint64(p)}, ok
}

// finishConnlimit turns a negation into the opposite option and fills in what the
// module counts by: the source address, all of it.
func finishConnlimit(r *Rule, o []Option) []Option {
	for i := range o {
		if o[i].Negated && o[i].Unknown == "" {
			o[i].Negated = false
			if o[i].Name == "--connlimit-upto" {
				o[i].Name = "--connlimit-above"
			} else {
				o[i].Name = "--connlimit-upto"
			}
		}
	}
	if !hasAny(o, "--connlimit-upto", "--connlimit-above") {
		return o
	}
	size := uint64(32)
	if r.Family == only6 {
		size = 128
	}
	if o = add(o, "--connlimit-mask", Number{N: size}); !hasAny(o, "--connlimit-daddr") {
		o = add(o, "--connlimit-saddr", nil)
	}
	return o
}

// finishConnbytes marks a negation that iptables keeps by exchanging the ends, and so
// loses where both are the same.
func finishConnbytes(r *Rule, o []Option) []Option {
	if c := find(o, "--connbytes"); c != nil && c.Negated && c.Unknown == "" {
		if v, ok := c.Value.(Range); ok && v.Lo == v.Hi {
			c.Unknown = "a negation that iptables loses"
			r.Unknown = append(r.Unknown, Unknown{optionText(c), c.Unknown})
		}
	}
	return o
}

// connbytes reads from[:[to]]; iptables leaves out an end that is as far as it goes.
func connbytes(s string) (Value, bool) {
	const top = 1<<64 - 1
	r, ok := rangeOf(s, top)
	for i := range len(s) {
		r.Pair = r.Pair || s[i] == ':'
	}
	if r.Hi == top || !r.Pair {
		return OpenRange(r.Lo), ok
	}
	return r, ok && r.Lo <= r.Hi
}

// OpenRange is a range that has no upper end.
type OpenRange uint64

// String prints the lower end.
func (r OpenRange) String() string { return Number{N: uint64(r)}.String() }
