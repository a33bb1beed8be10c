package nft

import "strings"

func (p *parser) log() Statement {
	l := &Log{}
	for p.why == "" {
		t := p.peek()
		k, ok := p.takeOne("prefix", "group", "snaplen", "queue-threshold", "level", "flags")
		if !ok {
			break
		}
		switch k {
		case "prefix":
			s := p.next()
			if s.kind != kindString {
				p.fail("a prefix without its text in quotes")
				break
			}
			// nft prints quotes inside of a prefix as they are: where the string ends
			// cannot be told.
			if s.end < len(p.s) && strings.IndexByte(blanks+"};", p.s[s.end]) < 0 {
				p.fail("the prefix has quotes of its own, its end cannot be told")
			}
			text := s.text[1 : len(s.text)-1]
			l.Prefix = &text
		case "group":
			l.Group = p.num()
		case "snaplen":
			l.Snaplen = p.num()
		case "queue-threshold":
			l.Threshold = p.num()
		case "level":
			lv := p.next()
			if _, ok := symbols[LogLevel][lv.text]; !ok {
				p.fail(`"` + clip(lv.text) + `" is not a level of the log`)
			}
			l.Level = lv.text
		case "flags":
			p.logFlags(l)
		}
		if p.i == t.begin {
			break
		}
	}
	return l
}

func (p *parser) num() *uint64 {
	n := p.number()
	return &n
}

func (p *parser) logFlags(l *Log) {
	t := p.next()
	switch t.text {
	case "all", "skuid", "ether":
		l.Flags = append(l.Flags, t.text)
	case "ip":
		p.expect("options")
		l.Flags = append(l.Flags, "ip options")
	case "tcp":
		for p.why == "" {
			k, ok := p.takeOne("sequence", "options")
			if !ok {
				p.unexpected("sequence or options")
			}
			l.Flags = append(l.Flags, "tcp "+k)
			if !p.take(",") {
				break
			}
		}
	default:
		p.fail(`"` + clip(t.text) + `" is not a flag of log`)
	}
}
