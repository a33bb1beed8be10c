package match

import "strings"

// stateMatches keep a state of their own, or look at one outside of the packet.
func stateMatches() []extension {
	counter := func(name string) []option {
		return []option{opt("--"+name+"-eq", u64).not(), opt("--"+name+"-lt", u64), opt("--"+name+"-gt", u64)}
	}
	setOptions := []option{opt("--match-set --set", setRef).not(), flag("--return-nomatch"),
		flag("--update-counters").not(), flag("--update-subcounters").not()}
	setOptions = append(append(setOptions, counter("packets")...), counter("bytes")...)
	return []extension{
		{name: "set", options: setOptions, finish: func(_ *Rule, o []Option) []Option {
			return drop(o, func(o *Option) bool { // to update is the default
				return !o.Negated && (o.Name == "--update-counters" || o.Name == "--update-subcounters")
			})
		}},
		{name: "limit", options: []option{opt("--limit", one(limitRate)), opt("--limit-burst", between(0, 10000, Dec))},
			finish: func(_ *Rule, o []Option) []Option {
				return dropValue(add(o, "--limit", Rate{N: 3, Per: "hour"}), "--limit-burst", Number{N: 5})
			}},
		{name: "hashlimit", options: []option{
			opt("--hashlimit-upto --hashlimit", one(hashRate)).not(), opt("--hashlimit-above", one(hashRate)).not(),
			opt("--hashlimit-burst", one(hashBurst)),
			opt("--hashlimit-mode", hashModes.kind()), opt("--hashlimit-name", anyName),
			opt("--hashlimit-htable-size", u32), opt("--hashlimit-htable-max", u32),
			opt("--hashlimit-htable-gcinterval", u32), opt("--hashlimit-htable-expire", u32),
			opt("--hashlimit-srcmask", plen), opt("--hashlimit-dstmask", plen),
			flag("--hashlimit-rate-match"), opt("--hashlimit-rate-interval", u32)}, finish: finishHashlimit},
		{name: "recent", options: []option{
			flag("--set").not(), flag("--rcheck").not(), flag("--update").not(), flag("--remove").not(),
			opt("--seconds", between(1, 0xffffffff, Dec)), flag("--reap"), opt("--hitcount", between(1, 0xffffffff, Dec)), flag("--rttl"),
			opt("--name", anyName), opt("--mask", host), flag("--rsource"), flag("--rdest")},
			finish: func(r *Rule, o []Option) []Option {
				o = add(o, "--name", Name("DEFAULT"))
				size := 32
				if r.Family == only6 {
					size = 128
				}
				if o = add(o, "--mask", Addr{maskOf(size, size)}); !hasAny(o, "--rdest") {
					o = add(o, "--rsource", nil)
				}
				return o
			}},
		{name: "statistic", options: []option{
			opt("--mode", words(false, "random", "nth")), opt("--probability", one(probability)).not(),
			opt("--every", between(1, 0xffffffff, Dec)).not(), opt("--packet", u32)},
			finish: func(_ *Rule, o []Option) []Option {
				if hasAny(o, "--every") {
					o = add(o, "--packet", Number{})
				}
				return o
			}},
		{name: "time", options: []option{
			opt("--timestart", one(clock)), opt("--timestop", one(clock)),
			opt("--monthdays", numbers(1, 31, nil)).not(), opt("--weekdays", one(weekdays)).not(),
			opt("--datestart", one(date)), opt("--datestop", one(date)), flag("--kerneltz"), flag("--contiguous")},
			finish: finishTime},
		{name: "nfacct", options: []option{opt("--nfacct-name", one(account))}},
		{name: "quota", options: []option{opt("--quota", u64).not()}},
	}
}

var hashModes = namesOf("", "srcip", "srcport", "dstip", "dstport")

// finishHashlimit turns a negation into the opposite option and leaves out defaults.
func finishHashlimit(r *Rule, o []Option) []Option {
	var rate Value
	matchRate := hasAny(o, "--hashlimit-rate-match")
	for i := range o {
		if o[i].Unknown != "" || o[i].Name != "--hashlimit-upto" && o[i].Name != "--hashlimit-above" {
			continue
		}
		rate = o[i].Value
		if v, ok := rate.(Rate); ok && matchRate && v.written > 1 { // then iptables forgets the unit
			unit := v.written
			v = rateOf(max(v.period/unit, 1), 1000000)
			v.written = unit
			rate, o[i].Value = v, v
			o = add(o, "--hashlimit-rate-interval", Number{N: unit})
		}
		if o[i].Negated {
			o[i].Negated = false
			if o[i].Name == "--hashlimit-upto" {
				o[i].Name = "--hashlimit-above"
			} else {
				o[i].Name = "--hashlimit-upto"
			}
		}
	}
	if rate == nil {
		return o
	}
	size := uint64(32)
	if r.Family == only6 {
		size = 128
	}
	o = dropValue(dropValue(o, "--hashlimit-srcmask", Number{N: size}), "--hashlimit-dstmask", Number{N: size})
	o = dropValue(dropValue(o, "--hashlimit-htable-size", Number{}), "--hashlimit-htable-max", Number{})
	o = dropValue(dropValue(o, "--hashlimit-htable-gcinterval", Number{N: 1000}), "--hashlimit-rate-interval", Number{N: 1})
	// An entry lives as long as the rate's unit, if nothing else is said.
	expire := uint64(1000)
	switch v := rate.(type) {
	case Rate:
		expire = 1000 * unitSeconds(v.Per)
		o = add(o, "--hashlimit-burst", Number{N: 5})
		if v.written != 0 { // it is the written unit that counts
			o = add(o, "--hashlimit-htable-expire", Number{N: 1000 * v.written})
		}
	case ByteRate:
		expire = 15 * 1000
		if b := find(o, "--hashlimit-burst"); b != nil {
			expire = 60 * 1000
			if n, ok := b.Value.(Bytes); ok && b.Unknown == "" {
				b.Value = v.burst(n)
			}
		}
	}
	return dropValue(o, "--hashlimit-htable-expire", Number{N: expire})
}

// Probability is the share of packets that statistic says yes to, in units of 1/2^31.
type Probability uint32

// Share gives it as a number from 0 to 1.
func (p Probability) Share() float64 { return float64(p) / (1 << 31) }

// weekdays reads names, of which the first two letters count, and numbers from 1 for
// Monday.
func weekdays(s string) (Value, bool) {
	n := Names{of: weekdayNames}
	for _, w := range strings.Split(s, ",") {
		found := false
		for i, name := range weekdayNames.list {
			if strings.HasPrefix(w, name[:2]) || w == string(rune('1'+i)) {
				n.Bits |= 1 << i
				found = true
			}
		}
		if !found {
			return nil, false
		}
	}
	return n, true
}

var weekdayNames = namesOf("", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

// Account is the name of an accounting object.
type Account string

// String prints the name behind one blank more than others have, as iptables does.
func (a Account) String() string { return " " + Text(a).String() }

func account(s string) (Value, bool) { return Account(s), s != "" && len(s) <= 31 }
