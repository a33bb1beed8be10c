package wire

import (
	"encoding"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"time"
)

// Block collects values that are read together: what was said once in it is not said
// again.
type Block struct {
	coder   *Coder
	buf     []byte
	strings map[string]uint64
	addrs   map[netip.Addr]uint64
	texts   []map[uint64]uint64 // by shape, then by value
	words   []uint64            // how many texts each shape has said
	last    time.Time
}

// NewBlock makes an empty Block.
func (c *Coder) NewBlock() *Block {
	b := &Block{coder: c}
	b.Reset()
	return b
}

// Reset empties the Block. What Bytes gave is written over.
func (b *Block) Reset() {
	b.buf = b.buf[:0]
	b.strings, b.addrs, b.last = map[string]uint64{}, map[netip.Addr]uint64{}, time.Time{}
	b.texts, b.words = make([]map[uint64]uint64, b.coder.texts), make([]uint64, b.coder.texts)
}

// Bytes is what was put in so far.
func (b *Block) Bytes() []byte { return b.buf }

// Put adds the value that v points to. After an error the Block is good for nothing until
// Reset.
func (b *Block) Put(v any) error {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.Type().Elem() != b.coder.root.typ {
		return fmt.Errorf("wire: a %T, expected a pointer to %v", v, b.coder.root.typ)
	}
	return b.value(b.coder.root, p.Elem())
}

func (b *Block) uint(n uint64) { b.buf = binary.AppendUvarint(b.buf, n) }
func (b *Block) int(n int64)   { b.buf = binary.AppendVarint(b.buf, n) }

func (b *Block) string(s string) {
	b.uint(uint64(len(s)))
	b.buf = append(b.buf, s...)
}

func (b *Block) value(s *shape, v reflect.Value) error {
	switch s.form {
	case formBool:
		if n := byte(0); v.Bool() {
			b.buf = append(b.buf, n+1)
		} else {
			b.buf = append(b.buf, n)
		}
	case formInt:
		b.int(v.Int())
	case formUint:
		b.uint(v.Uint())
	case formFloat:
		b.buf = binary.LittleEndian.AppendUint64(b.buf, math.Float64bits(v.Float()))
	case formString:
		b.word(v.String())
	case formBytes:
		b.string(string(v.Bytes()))
	case formTime:
		b.time(v.Interface().(time.Time))
	case formAddr:
		b.addr(v.Interface().(netip.Addr))
	case formText:
		return b.text(s, v)
	case formJSON:
		j, err := json.Marshal(v.Interface())
		if err != nil {
			return err
		}
		b.string(string(j))
	case formPointer: // a nil one stands in a list; a field's is left out
		if v.IsNil() {
			b.buf = append(b.buf, 0)
			return nil
		}
		b.buf = append(b.buf, 1)
		return b.value(s.elem, v.Elem())
	case formList:
		b.uint(uint64(v.Len()))
		for i := range v.Len() {
			if err := b.value(s.elem, v.Index(i)); err != nil {
				return err
			}
		}
	case formStruct:
		return b.structure(s, v)
	}
	return nil
}

func (b *Block) structure(s *shape, v reflect.Value) error {
	var set uint64
	for i := range s.fields {
		if !v.Field(s.fields[i].index).IsZero() {
			set |= 1 << i
		}
	}
	b.uint(set)
	for i := range s.fields {
		if set&(1<<i) == 0 {
			continue
		}
		f := &s.fields[i]
		if f.shape.form == formBool {
			continue // that it is told is the value
		}
		if err := b.value(f.shape, v.Field(f.index)); err != nil {
			return err
		}
	}
	return nil
}

// word writes a string, or the number under which it was said before.
func (b *Block) word(s string) {
	if n, ok := b.strings[s]; ok {
		b.uint(n)
		return
	}
	b.strings[s] = uint64(len(b.strings) + 1)
	b.uint(0)
	b.string(s)
}

func (b *Block) addr(a netip.Addr) {
	if n, ok := b.addrs[a]; ok {
		b.uint(n)
		return
	}
	b.addrs[a] = uint64(len(b.addrs) + 1)
	b.uint(0)
	raw, _ := a.MarshalBinary()
	b.string(string(raw))
}

// far marks a time too far from the one before for a distance in nanoseconds.
const far = math.MinInt64

func (b *Block) time(t time.Time) {
	d := t.Sub(b.last)
	if !b.last.Add(d).Equal(t) || d == far {
		b.int(far)
		b.int(t.Unix())
		b.uint(uint64(t.Nanosecond()))
	} else {
		b.int(int64(d))
	}
	b.last = t.Round(0)
}

// text writes a value by its text. One whose text does not lead back to it goes by
// its number, behind a #.
func (b *Block) text(s *shape, v reflect.Value) error {
	var key uint64
	number := true
	switch {
	case v.CanUint():
		key = v.Uint()
	case v.CanInt():
		key = uint64(v.Int())
	default:
		number = false
	}
	if number {
		if n, ok := b.texts[s.text][key]; ok {
			b.uint(n)
			return nil
		}
	}
	raw, err := v.Interface().(encoding.TextMarshaler).MarshalText()
	back := reflect.New(s.typ)
	if err == nil {
		err = back.Interface().(encoding.TextUnmarshaler).UnmarshalText(raw)
	}
	word := string(raw)
	if err != nil || number && !back.Elem().Equal(v) {
		if !number {
			return fmt.Errorf("wire: a %v without a text: %w", s.typ, err)
		}
		word = fmt.Sprintf("#%d", key)
	}
	b.words[s.text]++
	if number {
		if b.texts[s.text] == nil {
			b.texts[s.text] = map[uint64]uint64{}
		}
		b.texts[s.text][key] = b.words[s.text]
	}
	b.uint(0)
	b.string(word)
	return nil
}
