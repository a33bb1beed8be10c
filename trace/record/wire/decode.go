package wire

import (
	"encoding"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"net/netip"
	"reflect"
	"strconv"
	"time"
)

// Decoder knows how a description and a Go type fit together. It is safe for
// concurrent use; what it has read of a block is kept by a Reader.
type Decoder struct {
	root  *shape
	texts int
	zone  *time.Location
}

// NewDecoder makes the Decoder of what was described as root in types, into values of
// Go type t. Times are given in zone.
func NewDecoder(types Types, root string, t reflect.Type, zone *time.Location) (*Decoder, error) {
	j := &joiner{types: types, known: map[joint]*shape{}}
	s, err := j.join(root, t)
	if err != nil {
		return nil, err
	}
	if s.form != formStruct || s.typ == nil {
		return nil, fmt.Errorf("the form %.40q is no struct", root)
	}
	return &Decoder{s, j.texts, zone}, nil
}

// ErrShort says that the bytes end inside a value.
var ErrShort = errors.New("the bytes end inside a value")

var errDamaged = errors.New("a value that cannot be")

// Reader reads the values of one block, in the order in which they were put.
type Reader struct {
	d       *Decoder
	b       []byte
	strings []string
	addrs   []netip.Addr
	texts   [][]reflect.Value
	last    time.Time
	depth   int
	// room is what may still be asked for in memory: a hostile block says a thousand
	// times what it has.
	room int
}

// roomy is the memory that any block may ask for, roomyByte how much more for each of its
// bytes, and roomyMost all that a block may: a ruleset of 100,000 rules asks for 25 MB.
const roomy, roomyByte, roomyMost = 1 << 20, 48, 512 << 20

// costs of what is kept beside the values: a text or an address that was said once, and
// what a byte of JSON may become.
const (
	costText = 32
	costJSON = 32
)

// NewReader reads what Block.Bytes gave.
func (d *Decoder) NewReader(b []byte) *Reader {
	return &Reader{d: d, b: b, texts: make([][]reflect.Value, d.texts), last: time.Time{}, room: min(roomy+roomyByte*len(b), roomyMost)}
}

// Len is how many bytes are left.
func (r *Reader) Len() int { return len(r.b) }

// Next reads a value into what v points to, which must be zero. After an error nothing
// more of the block can be read.
func (r *Reader) Next(v any) error {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.Type().Elem() != r.d.root.typ {
		return fmt.Errorf("wire: a %T, expected a pointer to %v", v, r.d.root.typ)
	}
	return r.value(r.d.root, p.Elem())
}

func (r *Reader) uint() (uint64, error) {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		n := uint64(r.b[0])
		r.b = r.b[1:]
		return n, nil
	}
	n, k := binary.Uvarint(r.b)
	switch {
	case k == 0:
		return 0, ErrShort
	case k < 0:
		return 0, errDamaged
	}
	r.b = r.b[k:]
	return n, nil
}

func (r *Reader) int() (int64, error) {
	u, err := r.uint()
	n := int64(u >> 1)
	if u&1 != 0 {
		n = ^n
	}
	return n, err
}

// bytes gives the next bytes after their number. They are the block's own.
func (r *Reader) bytes() ([]byte, error) {
	n, err := r.uint()
	if err != nil {
		return nil, err
	}
	if n > uint64(len(r.b)) {
		return nil, ErrShort
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out, nil
}

// ask takes n values of a type from the room that is left.
func (r *Reader) ask(n uint64, t reflect.Type) error {
	if t == nil {
		return nil
	}
	return r.take(n, int(t.Size()))
}

// take takes n times so many bytes from it.
func (r *Reader) take(n uint64, size int) error {
	if n > uint64(r.room) || int(n)*size > r.room {
		return fmt.Errorf("%w: it asks for more memory than a block may have", errDamaged)
	}
	r.room -= int(n) * size
	return nil
}

// deepestValue bounds how far values may be nested.
const deepestValue = 64

// value reads into v, or over the value where the shape has no type.
func (r *Reader) value(s *shape, v reflect.Value) (err error) {
	keep := s.typ != nil
	var n uint64
	switch s.form {
	case formBool:
		n, err = r.uint()
		if err == nil && keep {
			v.SetBool(n != 0)
		}
	case formInt:
		var i int64
		if i, err = r.int(); err == nil && keep {
			if v.OverflowInt(i) {
				return errDamaged
			}
			v.SetInt(i)
		}
	case formUint:
		if n, err = r.uint(); err == nil && keep {
			if v.OverflowUint(n) {
				return errDamaged
			}
			v.SetUint(n)
		}
	case formFloat:
		if len(r.b) < 8 {
			return ErrShort
		}
		if keep {
			v.SetFloat(math.Float64frombits(binary.LittleEndian.Uint64(r.b)))
		}
		r.b = r.b[8:]
	case formString:
		var text string
		if text, err = r.word(); err == nil && keep {
			v.SetString(text)
		}
	case formBytes:
		var raw []byte
		if raw, err = r.bytes(); err == nil && keep {
			v.SetBytes(append(make([]byte, 0, len(raw)), raw...))
		}
	case formTime:
		err = r.time(v, keep)
	case formAddr:
		err = r.addr(v, keep)
	case formText:
		err = r.text(s, v)
	case formJSON:
		var raw []byte
		if raw, err = r.bytes(); err == nil && keep {
			if err = r.take(uint64(len(raw)), costJSON); err == nil {
				err = json.Unmarshal(raw, v.Addr().Interface())
			}
		}
	default:
		if r.depth++; r.depth > deepestValue {
			return errDamaged
		}
		err = r.nested(s, v)
		r.depth--
	}
	return err
}

func (r *Reader) nested(s *shape, v reflect.Value) error {
	keep := s.typ != nil
	switch s.form {
	case formPointer:
		n, err := r.uint()
		if err != nil || n == 0 {
			return err
		}
		if !keep {
			return r.value(s.elem, v)
		}
		if err := r.ask(1, s.elem.typ); err != nil {
			return err
		}
		p := reflect.New(s.elem.typ)
		v.Set(p)
		return r.value(s.elem, p.Elem())
	case formList:
		n, err := r.uint()
		if err != nil {
			return err
		}
		if n > uint64(len(r.b)) { // each has a byte at least
			return ErrShort
		}
		if keep {
			if err := r.ask(n, s.elem.typ); err != nil {
				return err
			}
			v.Set(reflect.MakeSlice(s.typ, int(n), int(n)))
		}
		for i := range int(n) {
			e := v
			if keep {
				e = v.Index(i)
			}
			if err := r.value(s.elem, e); err != nil {
				return err
			}
		}
		return nil
	}
	set, err := r.uint()
	if err != nil {
		return err
	}
	if bits.Len64(set) > len(s.fields) {
		return errDamaged
	}
	for ; set != 0; set &= set - 1 {
		f := &s.fields[bits.TrailingZeros64(set)]
		switch {
		case f.shape.form == formBool:
			if f.index >= 0 {
				v.Field(f.index).SetBool(true)
			}
		case f.index >= 0:
			err = r.value(f.shape, v.Field(f.index))
		default:
			err = r.value(f.shape, reflect.Value{})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) word() (string, error) {
	n, err := r.uint()
	switch {
	case err != nil:
		return "", err
	case n > uint64(len(r.strings)):
		return "", errDamaged
	case n > 0:
		return r.strings[n-1], nil
	}
	raw, err := r.bytes()
	if err == nil {
		err = r.take(1, costText+len(raw))
	}
	if err != nil {
		return "", err
	}
	r.strings = append(r.strings, string(raw))
	return r.strings[len(r.strings)-1], nil
}

func (r *Reader) addr(v reflect.Value, keep bool) error {
	n, err := r.uint()
	switch {
	case err != nil:
		return err
	case n > uint64(len(r.addrs)):
		return errDamaged
	case n == 0:
		raw, err := r.bytes()
		if err == nil {
			err = r.take(1, costText)
		}
		if err != nil {
			return err
		}
		var a netip.Addr
		if a.UnmarshalBinary(raw) != nil {
			return errDamaged
		}
		r.addrs = append(r.addrs, a)
		n = uint64(len(r.addrs))
	}
	if keep {
		*v.Addr().Interface().(*netip.Addr) = r.addrs[n-1]
	}
	return nil
}

func (r *Reader) time(v reflect.Value, keep bool) error {
	d, err := r.int()
	if err != nil {
		return err
	}
	t := r.last.Add(time.Duration(d))
	if d == far {
		sec, err := r.int()
		if err != nil {
			return err
		}
		ns, err := r.uint()
		if err != nil {
			return err
		}
		if ns >= uint64(time.Second) {
			return errDamaged
		}
		t = time.Unix(sec, int64(ns))
	}
	r.last = t
	if keep {
		*v.Addr().Interface().(*time.Time) = t.In(r.d.zone)
	}
	return nil
}

// text reads a value by its text. Each text is understood once.
func (r *Reader) text(s *shape, v reflect.Value) error {
	n, err := r.uint()
	if err != nil {
		return err
	}
	if n > uint64(len(r.texts[s.text])) {
		return errDamaged
	}
	if n == 0 {
		raw, err := r.bytes()
		if err == nil {
			err = r.take(1, costText)
		}
		if err != nil {
			return err
		}
		var known reflect.Value
		if s.typ != nil {
			known = reflect.New(s.typ)
			if err := understand(known, raw); err != nil {
				return err
			}
			known = known.Elem()
		}
		r.texts[s.text] = append(r.texts[s.text], known)
		n = uint64(len(r.texts[s.text]))
	}
	if s.typ != nil {
		v.Set(r.texts[s.text][n-1])
	}
	return nil
}

func understand(p reflect.Value, raw []byte) error {
	if v := p.Elem(); len(raw) > 1 && raw[0] == '#' && (v.CanInt() || v.CanUint()) {
		n, err := strconv.ParseUint(string(raw[1:]), 10, 64)
		switch {
		case err != nil || v.CanUint() && v.OverflowUint(n) || v.CanInt() && v.OverflowInt(int64(n)):
			return errDamaged
		case v.CanUint():
			v.SetUint(n)
		default:
			v.SetInt(int64(n))
		}
		return nil
	}
	return p.Interface().(encoding.TextUnmarshaler).UnmarshalText(raw)
}
