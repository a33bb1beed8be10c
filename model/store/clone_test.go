package store

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestCloneKnows: Clone copies what a Store changes behind a pointer. A field that is
// added must be thought of there, and then here.
func TestCloneKnows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ  reflect.Type
		want string
	}{
		{reflect.TypeFor[Store](), "host local rules reading counts before apart sparks fold flows drops watch index names table health healthy trace heard lab problems rate turnover"},
		{reflect.TypeFor[sparks](), "base view"},
		{reflect.TypeFor[baseChain](), "chain key passed rates"},
		{reflect.TypeFor[flowIndex](), "Table"},
	} {
		var got []string
		for i := range c.typ.NumField() {
			switch f := c.typ.Field(i); f.Type.Kind() {
			case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface, reflect.Func, reflect.Struct:
				if f.Type.String() != "time.Time" {
					got = append(got, f.Name)
				}
			}
		}
		if !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%v has\n%q, Clone was written for\n%q", c.typ, got, strings.Fields(c.want))
		}
	}
}
