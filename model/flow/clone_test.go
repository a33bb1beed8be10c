package flow

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestCloneKnows: Clone copies what a Table changes behind a pointer. A field that is
// added must be thought of there, and then here.
func TestCloneKnows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of   reflect.Type
		want string
	}{
		{reflect.TypeFor[Table](), "host max expects leaving known scratch hashes"},
		{reflect.TypeFor[slab](), "chunks ids origs replies"},
		{reflect.TypeFor[addrs](), "chunks heads"},
		{reflect.TypeFor[noted](), "texts places free"},
	} {
		var got []string
		for i := range c.of.NumField() {
			switch f := c.of.Field(i); f.Type.Kind() {
			case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface, reflect.Func:
				got = append(got, f.Name)
			}
		}
		if want := strings.Fields(c.want); !slices.Equal(got, want) {
			t.Errorf("a %s has %q, Clone was written for %q", c.of.Name(), got, want)
		}
	}
}
