package match

import "strings"

// Chunks are SCTP's chunk types as the sctp module has them (RFC 9260, 3.2).
type Chunks struct {
	// Mode is any, all or only: which of the packet's chunks must be among them.
	Mode string
	// All stands for every type; else Types says which. None of both prints NONE.
	All   bool
	Types []Chunk
}

// Chunk is a chunk type with the flags looked at.
type Chunk struct {
	Type uint8
	// Mask are the flag bits looked at, Set those of them that must be set.
	Mask, Set uint8
}

// String prints all DATA:Be,ABORT.
func (c Chunks) String() string {
	if c.All {
		return c.Mode + " ALL"
	}
	if len(c.Types) == 0 {
		return c.Mode + " NONE"
	}
	s := make([]string, len(c.Types))
	for i := range c.Types {
		s[i] = c.Types[i].String()
	}
	return c.Mode + " " + strings.Join(s, ",")
}

// String prints DATA:Be: a capital letter is a flag that must be set.
func (c Chunk) String() string {
	var name, letters string
	for _, t := range chunkNames() {
		if t.typ == c.Type {
			name, letters = t.name, t.flags
		}
	}
	if c.Mask == 0 || letters == "" {
		return name
	}
	b := []byte(name + ":")
	for i := range 8 {
		bit := uint8(0x80) >> i
		switch {
		case c.Set&bit != 0:
			b = append(b, letters[i])
		case c.Mask&bit != 0:
			b = append(b, letters[i]|0x20)
		}
	}
	return string(b)
}

type chunkName struct {
	name  string
	typ   uint8
	flags string // a letter for each bit that has a name, highest first
}

// chunkNames stand in the order of their numbers, which is that of iptables-save.
func chunkNames() []chunkName {
	return []chunkName{{"DATA", 0, "----IUBE"}, {"INIT", 1, ""}, {"INIT_ACK", 2, ""}, {"SACK", 3, ""}, {"HEARTBEAT", 4, ""},
		{"HEARTBEAT_ACK", 5, ""}, {"ABORT", 6, "-------T"}, {"SHUTDOWN", 7, ""}, {"SHUTDOWN_ACK", 8, ""}, {"ERROR", 9, ""},
		{"COOKIE_ECHO", 10, ""}, {"COOKIE_ACK", 11, ""}, {"ECN_ECNE", 12, ""}, {"ECN_CWR", 13, ""},
		{"SHUTDOWN_COMPLETE", 14, "-------T"}, {"I_DATA", 64, "----IUBE"}, {"ASCONF_ACK", 128, ""}, {"RE_CONFIG", 130, ""},
		{"PAD", 132, ""}, {"FORWARD_TSN", 192, ""}, {"ASCONF", 193, ""}, {"I_FORWARD_TSN", 194, ""}}
}

func chunkTypes(in input) (Value, bool) {
	c := Chunks{Mode: strings.ToLower(in.words[0])}
	if c.Mode != "any" && c.Mode != "all" && c.Mode != "only" {
		return nil, false
	}
	switch {
	case strings.EqualFold(in.words[1], "ALL"):
		c.All = true
		return c, true
	case strings.EqualFold(in.words[1], "NONE"):
		return c, true
	}
	given := map[uint8]Chunk{}
	for _, w := range strings.Split(in.words[1], ",") {
		name, flags, _ := strings.Cut(w, ":")
		ok := false
		for _, t := range chunkNames() {
			if strings.EqualFold(t.name, name) {
				var k Chunk
				if k, ok = chunk(t, flags); ok {
					given[t.typ] = k
				}
			}
		}
		if !ok {
			return nil, false
		}
	}
	for _, t := range chunkNames() {
		if k, ok := given[t.typ]; ok {
			c.Types = append(c.Types, k)
		}
	}
	return c, true
}

func chunk(t chunkName, flags string) (Chunk, bool) {
	k := Chunk{Type: t.typ}
	for i := range len(flags) {
		at := strings.IndexByte(t.flags, flags[i]&^0x20)
		if at < 0 || flags[i] < 'A' {
			return k, false
		}
		bit := uint8(0x80) >> at
		k.Mask |= bit
		if k.Set &^= bit; flags[i]&0x20 == 0 {
			k.Set |= bit
		}
	}
	return k, true
}
