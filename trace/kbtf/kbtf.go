// Package kbtf finds where the running kernel keeps the members of its structures, by BTF.
package kbtf

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Finder looks members up, and keeps the first error.
type Finder struct {
	Spec *btf.Spec
	Err  error
}

func (f *Finder) structure(name string) *btf.Struct {
	var st *btf.Struct
	if err := f.Spec.TypeByName(name, &st); err != nil && f.Err == nil {
		f.Err = fmt.Errorf("BTF: struct %s: %w", name, err)
	}
	return st
}

// Size gives that of a structure, in bytes.
func (f *Finder) Size(name string) int {
	if st := f.structure(name); st != nil {
		return int(st.Size)
	}
	return 0
}

// At gives the offset in bytes of the first of the paths (member.member) that is there.
func (f *Finder) At(of string, paths ...string) int {
	n := f.Optional(of, paths...)
	if n < 0 && f.Err == nil {
		f.Err = fmt.Errorf("BTF: struct %s of this kernel has no %s", of, strings.Join(paths, " or "))
	}
	return n
}

// Optional is At for what may be missing: -1.
func (f *Finder) Optional(of string, paths ...string) int {
	st := f.structure(of)
	if st == nil {
		return -1
	}
	for _, p := range paths {
		if m, at, ok := member(st, p); ok && m.BitfieldSize == 0 {
			return int(at / 8)
		}
	}
	return -1
}

// Bits finds a bit field: its byte, and how far to shift that.
func (f *Finder) Bits(of, name string) (int, uint) {
	st := f.structure(of)
	if st == nil {
		return 0, 0
	}
	_, at, ok := member(st, name)
	if !ok && f.Err == nil {
		f.Err = fmt.Errorf("BTF: struct %s of this kernel has no %s", of, name)
	}
	return int(at / 8), uint(at % 8)
}

// member finds a member by a path of names, through what has none, and gives its
// offset in bits.
func member(t btf.Type, path string) (btf.Member, btf.Bits, bool) {
	name, rest, deeper := strings.Cut(path, ".")
	for _, m := range members(t) {
		if m.Name == name {
			if !deeper {
				return m, m.Offset, true
			}
			in, at, ok := member(m.Type, rest)
			return in, m.Offset + at, ok
		}
		if m.Name == "" {
			if in, at, ok := member(m.Type, path); ok {
				return in, m.Offset + at, true
			}
		}
	}
	return btf.Member{}, 0, false
}

func members(t btf.Type) []btf.Member {
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		return t.Members
	case *btf.Union:
		return t.Members
	}
	return nil
}
