// Package wire codes Go values in few bytes, with a description of their types beside
// them: whoever reads knows the fields by name, leaves out those it does not have, and
// keeps the rest. A program made later may add fields and take fields away.
//
// A struct is the set of its fields that are not zero, then their values. Texts and
// addresses are said once in a block and numbered from then on; times are told by their
// distance from the time before. Types with a text form of their own (families, hooks,
// verdicts) go by that text, so that their numbers may change. What the coder has no form
// for (maps) is JSON.
package wire

import (
	"encoding"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Types describes structs by name: each is a list of its fields, each a name and a form.
// Forms are bool, int, uint, float, string, bytes, time, addr, text, json, the name of a
// struct, and * or [] before another form.
type Types map[string][][2]string

// form is how a value is coded.
type form uint8

const (
	formBool form = iota
	formInt
	formUint
	formFloat
	formString
	formBytes
	formTime
	formAddr
	formText
	formJSON
	formPointer
	formList
	formStruct
)

var formNames = [...]string{"bool", "int", "uint", "float", "string", "bytes", "time", "addr", "text", "json"}

// shape is a form with the Go type that it is read into or written from.
type shape struct {
	form form
	// typ is nil where this program has no place for the value: it is read and left.
	typ reflect.Type
	// elem belongs to pointers and lists, fields to structs.
	elem   *shape
	fields []field
	// text is the shape's number among those with texts.
	text int
	name string
}

type field struct {
	name string
	// index is the field's in the Go struct, -1 where that has none of its name and form.
	index int
	shape *shape
}

// maxFields is how many fields a struct may have: they are one set of bits.
const maxFields = 64

var (
	timeType = reflect.TypeFor[time.Time]()
	addrType = reflect.TypeFor[netip.Addr]()
	marshals = reflect.TypeFor[encoding.TextMarshaler]()
	reads    = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// maker makes the shapes of Go types.
type maker struct {
	known map[reflect.Type]*shape
	types Types
	texts int
}

// of gives the shape that values of a type are written in.
func (m *maker) of(t reflect.Type) *shape {
	if s := m.known[t]; s != nil {
		return s
	}
	s := &shape{typ: t}
	m.known[t] = s
	switch {
	case t == timeType:
		s.form = formTime
	case t == addrType:
		s.form = formAddr
	case t.Implements(marshals) && reflect.PointerTo(t).Implements(reads) && t.Kind() != reflect.Pointer:
		s.form, s.text = formText, m.texts
		m.texts++
	default:
		m.plain(s, t)
	}
	return s
}

func (m *maker) plain(s *shape, t reflect.Type) {
	switch t.Kind() {
	case reflect.Bool:
		s.form = formBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s.form = formInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		s.form = formUint
	case reflect.Float32, reflect.Float64:
		s.form = formFloat
	case reflect.String:
		s.form = formString
	case reflect.Pointer:
		s.form, s.elem = formPointer, m.of(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			s.form = formBytes
			return
		}
		s.form, s.elem = formList, m.of(t.Elem())
	case reflect.Struct:
		m.structure(s, t)
	default:
		s.form = formJSON
	}
}

func (m *maker) structure(s *shape, t reflect.Type) {
	s.form, s.name = formStruct, t.String()
	var list [][2]string
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || f.Tag.Get("json") == "-" { // it is not written in any form
			continue
		}
		s.fields = append(s.fields, field{f.Name, i, m.of(f.Type)})
	}
	if len(s.fields) == 0 || len(s.fields) > maxFields {
		s.form, s.fields = formJSON, nil
		return
	}
	for _, f := range s.fields {
		list = append(list, [2]string{f.name, f.shape.String()})
	}
	m.types[s.name] = list
}

// String is the form as Types has it.
func (s *shape) String() string {
	switch s.form {
	case formPointer:
		return "*" + s.elem.String()
	case formList:
		return "[]" + s.elem.String()
	case formStruct:
		return s.name
	}
	return formNames[s.form]
}

// joiner makes the shapes that a description and Go types have together.
type joiner struct {
	types Types
	known map[joint]*shape
	texts int
}

type joint struct {
	name string
	typ  reflect.Type
}

// deepest bounds how many * and [] may stand before a form.
const deepest = 8

func (j *joiner) join(name string, t reflect.Type) (*shape, error) {
	if len(name)-len(strings.TrimLeft(name, "*[]")) > 2*deepest {
		return nil, fmt.Errorf("the form %.40q is nested too deep", name)
	}
	key := joint{name, t}
	if s := j.known[key]; s != nil {
		return s, nil
	}
	s := &shape{name: name}
	j.known[key] = s
	rest, pointer := strings.CutPrefix(name, "*")
	list := false
	if !pointer {
		rest, list = strings.CutPrefix(name, "[]")
	}
	if pointer || list {
		s.form = formList
		kind := reflect.Slice
		if pointer {
			s.form, kind = formPointer, reflect.Pointer
		}
		var elem reflect.Type
		if t != nil && t.Kind() == kind {
			elem = t.Elem()
		}
		var err error
		if s.elem, err = j.join(rest, elem); err != nil {
			return nil, err
		}
		if s.elem.typ != nil {
			s.typ = t
		}
		return s, nil
	}
	if f := slices.Index(formNames[:], name); f >= 0 {
		s.form = form(f)
		if t != nil && fits(s.form, t) {
			s.typ = t
		}
		if s.form == formText {
			s.text = j.texts
			j.texts++
		}
		return s, nil
	}
	return s, j.structure(s, t)
}

func (j *joiner) structure(s *shape, t reflect.Type) error {
	list, ok := j.types[s.name]
	if !ok || len(list) > maxFields {
		return fmt.Errorf("the form %.40q is not described, or has more than %d fields", s.name, maxFields)
	}
	s.form = formStruct
	if t != nil && t.Kind() == reflect.Struct && t != timeType && t != addrType {
		s.typ = t
	}
	for _, l := range list {
		f := field{name: l[0], index: -1}
		var ft reflect.Type
		if s.typ != nil {
			if sf, ok := s.typ.FieldByName(l[0]); ok && sf.IsExported() && len(sf.Index) == 1 {
				f.index, ft = sf.Index[0], sf.Type
			}
		}
		var err error
		if f.shape, err = j.join(l[1], ft); err != nil {
			return err
		}
		if f.shape.typ == nil {
			f.index = -1
		}
		s.fields = append(s.fields, f)
	}
	return nil
}

// fits reports whether values of a form can be kept in a type.
func fits(f form, t reflect.Type) bool {
	text := t.Implements(marshals) && reflect.PointerTo(t).Implements(reads)
	switch f {
	case formTime:
		return t == timeType
	case formAddr:
		return t == addrType
	case formText:
		return text && t != timeType && t != addrType
	case formJSON:
		return true
	case formBytes:
		return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
	}
	if text {
		return false
	}
	switch t.Kind() {
	case reflect.Bool:
		return f == formBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return f == formInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return f == formUint
	case reflect.Float32, reflect.Float64:
		return f == formFloat
	case reflect.String:
		return f == formString
	}
	return false
}

// Coder writes values of one type.
type Coder struct {
	root  *shape
	types Types
	texts int
}

// NewCoder makes the Coder of a struct type.
func NewCoder(t reflect.Type) *Coder {
	m := &maker{known: map[reflect.Type]*shape{}, types: Types{}}
	root := m.of(t)
	return &Coder{root, m.types, m.texts}
}

// Types describes what the Coder writes. It is put beside what was written.
func (c *Coder) Types() Types { return c.types }

// Root is the name of the type that the Coder writes.
func (c *Coder) Root() string { return c.root.String() }
