package nft

import (
	"iter"
	"strings"
)

// Len counts the elements without reading them.
func (b *Block) Len() int {
	n := 0
	for i := b.from; i < b.to; {
		end := elemEnd(b.text[:b.to], i)
		if strings.Trim(b.text[i:end], blanks) != "" {
			n++
		}
		i = end + 1
	}
	return n
}

// Elements reads the elements one by one. One that is not understood has an *Unknown
// as its key.
func (b *Block) Elements() iter.Seq[Elem] { return b.page(0, -1) }

// Page reads at most n elements from the one of a number on, counted from 0. Those
// before it are passed over without being read.
func (b *Block) Page(from, n int) []Elem {
	var l []Elem
	if n <= 0 {
		return l
	}
	for e := range b.page(from, n) {
		l = append(l, e)
	}
	return l
}

func (b *Block) page(from, n int) iter.Seq[Elem] {
	return func(yield func(Elem) bool) {
		for i, at := b.from, 0; i < b.to; {
			end := elemEnd(b.text[:b.to], i)
			text := strings.Trim(b.text[i:end], blanks)
			i = end + 1
			if text == "" {
				continue
			}
			if at++; at <= from {
				continue
			}
			if n >= 0 && at > from+n || !yield(b.elem(text)) {
				return
			}
		}
	}
}

// elem reads one element.
func (b *Block) elem(text string) Elem {
	p := &parser{lexer: lexer{s: text}}
	var data []Type
	if b.Kind == "map" {
		if data = b.Data; data == nil {
			data = []Type{AnyType}
		}
	}
	e := p.elem(b.Key, data, false)
	if p.why == "" && p.peek().kind != kindEnd {
		p.unexpected(`","`)
	}
	if p.why != "" {
		return Elem{Key: &Unknown{text, p.why}}
	}
	return e
}

// elemEnd finds the comma after an element.
func elemEnd(s string, i int) int { return outside(s, i, ",") }
