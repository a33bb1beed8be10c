package record

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"net/netip"
	"reflect"
	"strconv"
	"strings"

	"nfscope/model/feed"
)

// Redactor replaces what tells who and where: addresses, MACs and the names of hosts and
// namespaces, wherever they stand, rule texts and comments included. Each is replaced by always the same
// other one, and addresses of one subnet stay in one subnet; interfaces, ports, chains
// and sets keep their names. What is meant is told apart from what it is by a random key
// that is written nowhere. It is not safe for concurrent use.
//
// A range of addresses in a rule does not hold the same addresses afterwards: which
// subnets two share is kept, which is the greater is not.
type Redactor struct {
	key   []byte
	addrs map[netip.Addr]netip.Addr
	texts map[string]string
	// names are hosts and namespaces that were named by an item.
	names map[string]string
	bits  bitSource
	find  *patterns
	meant []meaning
}

// NewRedactor makes a Redactor with a key of its own.
func NewRedactor() *Redactor {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	r := &Redactor{key: key, addrs: map[netip.Addr]netip.Addr{}, texts: map[string]string{}, names: map[string]string{}, find: textPatterns(), meant: meanings()}
	r.bits = newBitSource(r.sum("addresses", ""))
	return r
}

// sum is a number nobody can guess or turn back without the key.
func (r *Redactor) sum(kind, s string) []byte {
	h := hmac.New(sha256.New, r.key)
	h.Write([]byte(kind + "\x00" + s))
	return h.Sum(nil)
}

var letters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func (r *Redactor) word(kind, s string) string { return letters.EncodeToString(r.sum(kind, s))[:6] }

// kept bounds how many answers are remembered.
const kept = 1 << 16

// Item gives a redacted copy of an item.
func (r *Redactor) Item(it *feed.Item) *feed.Item {
	if h := it.Host; h != nil && !strings.HasPrefix(h.Source, "lab ") { // a lab's names are everybody's
		r.name(h.Name)
	}
	if b := it.Beside; b != nil {
		r.name(b.Netns)
	}
	if s := it.Sight; s != nil {
		r.name(s.Netns)
	}
	out := reflect.New(reflect.TypeFor[feed.Item]())
	r.value(out.Elem(), reflect.ValueOf(it).Elem())
	return out.Interface().(*feed.Item)
}

// name notes the name of a host or a namespace, which is replaced from now on.
func (r *Redactor) name(s string) {
	if s == "" || s == "host" || r.names[s] != "" {
		return
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return
	}
	r.names[s] = "host-" + r.word("name", s)
	clear(r.texts)
}

var (
	addrType   = reflect.TypeFor[netip.Addr]()
	prefixType = reflect.TypeFor[netip.Prefix]()
)

// value sets to, which is zero, to what may be shown of v. Bytes may be a packet's and
// are left out, but for those of a conntrack label.
func (r *Redactor) value(to, v reflect.Value) {
	switch t := v.Type(); t {
	case addrType:
		to.Set(reflect.ValueOf(r.Addr(v.Interface().(netip.Addr))))
		return
	case prefixType:
		to.Set(reflect.ValueOf(r.prefix(v.Interface().(netip.Prefix))))
		return
	}
	switch v.Kind() {
	case reflect.String:
		to.SetString(r.Text(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			to.Set(reflect.New(v.Type().Elem()))
			r.value(to.Elem(), v.Elem())
		}
	case reflect.Slice:
		if v.IsNil() || v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		to.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			r.value(to.Index(i), v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			r.value(to.Index(i), v.Index(i))
		}
	case reflect.Map:
		if v.IsNil() {
			return
		}
		to.Set(reflect.MakeMap(v.Type()))
		for _, k := range v.MapKeys() {
			key, val := reflect.New(k.Type()).Elem(), reflect.New(v.Type().Elem()).Elem()
			r.value(key, k)
			r.value(val, v.MapIndex(k))
			to.SetMapIndex(key, val)
		}
	case reflect.Struct:
		r.structure(to, v)
	case reflect.Interface: // nobody knows what it is
	default:
		to.Set(v)
	}
}

func (r *Redactor) structure(to, v reflect.Value) {
	to.Set(v) // fields that are not exported are numbers, or a time's
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "Skb" { // an address of the kernel's memory: what is the same stays the same
			if n := v.Field(i).Uint(); n != 0 {
				to.Field(i).SetUint(binary.NativeEndian.Uint64(r.sum("skb", strconv.FormatUint(n, 16))))
			}
			continue
		}
		if !f.IsExported() || f.Name == "Labels" && f.Type.Kind() == reflect.Slice {
			continue
		}
		switch f.Type.Kind() {
		case reflect.String, reflect.Pointer, reflect.Slice, reflect.Map, reflect.Struct, reflect.Interface, reflect.Array:
			to.Field(i).SetZero()
			r.value(to.Field(i), v.Field(i))
		}
	}
}
