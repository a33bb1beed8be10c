// Package jsontree reads JSON (RFC 8259) into a tree that knows where in the text each
// value stands, so that what is said of a value can name line and column. encoding/json
// does the reading.
package jsontree

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Kind is the kind of a value.
type Kind uint8

// The kinds. None is what a missing member has.
const (
	None Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// String gives the kind's name with its article.
func (k Kind) String() string {
	return [...]string{"nothing", "null", "a boolean", "a number", "a string", "a list", "an object"}[k]
}

// Value is one value.
type Value struct {
	Kind Kind
	// Text is a string's content, a number as written, true or false.
	Text string
	// Items are those of a list, Members those of an object.
	Items   []Value
	Members []Member
	// Begin and End enclose the value in the text.
	Begin, End int
	// Cut is true where the text ended or broke inside of the value.
	Cut bool
}

// Member is a member of an object.
type Member struct {
	Name  string
	Value Value
}

// Error is where a text is no JSON, and why.
type Error struct {
	At  int // offset in bytes
	Msg string
}

// Error gives the reason.
func (e *Error) Error() string { return e.Msg }

// maxDepth bounds how deep values may stand inside of each other; nft's have a dozen.
const maxDepth = 256

// Parse reads the values of a text, one or several after another. Where the text
// breaks, the tree up to there is given besides the error, with Cut set on what is not
// whole.
func Parse(text string) ([]Value, *Error) {
	p := parser{dec: json.NewDecoder(strings.NewReader(text)), text: text}
	p.dec.UseNumber()
	var l []Value
	for {
		v, err := p.value(0)
		if err == io.EOF {
			return l, nil
		}
		if v.Kind != None {
			l = append(l, v)
		}
		if err != nil {
			return l, p.reason(err)
		}
	}
}

type parser struct {
	dec  *json.Decoder
	text string
}

// reason makes a sentence of encoding/json's words.
func (p *parser) reason(err error) *Error {
	var own *Error
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &syntax):
		at := len(p.text)
		if !strings.HasPrefix(syntax.Error(), "unexpected end") {
			at = p.skip() // the error's own offset is behind or before the byte it names
		}
		return &Error{at, syntax.Error()}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &Error{len(p.text), "unexpected end of JSON input"}
	}
	return &Error{int(p.dec.InputOffset()), err.Error()}
}

// next gives a token and where it begins.
func (p *parser) next() (json.Token, int, error) {
	at := p.skip()
	t, err := p.dec.Token()
	return t, at, err
}

// skip finds where the next token begins.
func (p *parser) skip() int {
	at := int(p.dec.InputOffset())
	for at < len(p.text) && strings.IndexByte(" \t\r\n,:", p.text[at]) >= 0 {
		at++
	}
	return at
}

func (p *parser) value(depth int) (Value, error) {
	t, at, err := p.next()
	if err != nil {
		return Value{}, err
	}
	v := Value{Begin: at}
	switch t := t.(type) {
	case nil:
		v.Kind = Null
	case bool:
		v.Kind, v.Text = Bool, fmt.Sprint(t)
	case json.Number:
		v.Kind, v.Text = Number, t.String()
	case string:
		v.Kind, v.Text = String, t
	case json.Delim:
		if depth == maxDepth {
			return Value{}, &Error{at, fmt.Sprintf("more than %d values inside of each other", maxDepth)}
		}
		err = p.inside(&v, t, depth)
	}
	v.End, v.Cut = int(p.dec.InputOffset()), err != nil
	return v, err
}

// inside reads what stands in a list or an object.
func (p *parser) inside(v *Value, open json.Delim, depth int) error {
	v.Kind = Array
	if open == '{' {
		v.Kind = Object
	}
	for p.dec.More() {
		name := ""
		if v.Kind == Object {
			t, _, err := p.next()
			if err != nil {
				return unexpected(err)
			}
			name, _ = t.(string) // Token gives nothing else here
		}
		in, err := p.value(depth + 1)
		if in.Kind != None {
			if v.Kind == Object {
				v.Members = append(v.Members, Member{name, in})
			} else {
				v.Items = append(v.Items, in)
			}
		}
		if err != nil {
			return unexpected(err)
		}
	}
	_, _, err := p.next()
	return unexpected(err)
}

// unexpected tells an end inside of a value from one between values.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Get gives a member of an object, nil where there is none. A name that stands there
// twice means the last, as with encoding/json. v may be nil.
func (v *Value) Get(name string) *Value {
	if v == nil {
		return nil
	}
	for i := len(v.Members) - 1; i >= 0; i-- {
		if v.Members[i].Name == name {
			return &v.Members[i].Value
		}
	}
	return nil
}

// Only gives name and value of an object with a single member.
func (v *Value) Only() (string, *Value) {
	if v == nil || v.Kind != Object || len(v.Members) != 1 {
		return "", nil
	}
	return v.Members[0].Name, &v.Members[0].Value
}

// Str gives the content of a string, "" of anything else. v may be nil.
func (v *Value) Str() string {
	if v == nil || v.Kind != String {
		return ""
	}
	return v.Text
}

// Is reports whether the value is of a kind. v may be nil.
func (v *Value) Is(k Kind) bool { return v != nil && v.Kind == k }

// True reports whether the value is true. v may be nil.
func (v *Value) True() bool { return v != nil && v.Kind == Bool && v.Text == "true" }

// Compact gives the value's JSON on one line, from its tree: what was cut off is not
// in it.
func (v *Value) Compact() string {
	var b strings.Builder
	v.compact(&b)
	return b.String()
}

func (v *Value) compact(b *strings.Builder) {
	switch v.Kind {
	case None, Null:
		b.WriteString("null")
	case Bool, Number:
		b.WriteString(v.Text)
	case String:
		quote(b, v.Text)
	case Array:
		b.WriteByte('[')
		for i := range v.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			v.Items[i].compact(b)
		}
		b.WriteByte(']')
	case Object:
		b.WriteByte('{')
		for i := range v.Members {
			if i > 0 {
				b.WriteByte(',')
			}
			quote(b, v.Members[i].Name)
			b.WriteByte(':')
			v.Members[i].Value.compact(b)
		}
		b.WriteByte('}')
	}
}

func quote(b *strings.Builder, s string) {
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always has a form
	b.WriteString(strings.TrimSuffix(text.String(), "\n"))
}
