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
	var got []string
	for i := range reflect.TypeFor[Table]().NumField() {
		switch f := reflect.TypeFor[Table]().Field(i); f.Type.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface, reflect.Func:
			got = append(got, f.Name)
		}
	}
	if want := strings.Fields("host flows order"); !slices.Equal(got, want) {
		t.Errorf("a Table has %q, Clone was written for %q", got, want)
	}
}
