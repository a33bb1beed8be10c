package journey

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestCloneKnows: Clone copies what a Fold changes behind a pointer. A field that is
// added must be thought of there, and then here.
func TestCloneKnows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ  reflect.Type
		want string
	}{
		{reflect.TypeFor[Fold](), "rules flows chose going held byID byKey bases inForce older talks done unlooked cut view armings datagrams heads"},
		{reflect.TypeFor[builder](), "walks nft legacy owner link entry prev next same bases rules alikes end pub"},
		{reflect.TypeFor[alikes](), "of"},
		{reflect.TypeFor[walk](), "steps head stack"},
		{reflect.TypeFor[talk](), ""},
		{reflect.TypeFor[lane](), "head tail"},
		{reflect.TypeFor[falls](), "words by line over"},
		{reflect.TypeFor[sights](), "by line"},
		{reflect.TypeFor[following](), "beside"},
	} {
		var got []string
		for i := range c.typ.NumField() {
			f := c.typ.Field(i)
			switch f.Type.Kind() {
			case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface, reflect.Func:
				got = append(got, f.Name)
			}
			if f.Type == reflect.TypeFor[lane]() {
				got = append(got, f.Name)
			}
		}
		if !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%v has\n%q, Clone was written for\n%q", c.typ, got, strings.Fields(c.want))
		}
	}
}

// TestClone: two folds that were one go their own ways.
func TestClone(t *testing.T) {
	t.Parallel()
	k, events := flood(4000)
	fold := func(f *Fold, from, to int) {
		for i := from; i < to; i++ {
			e := events[i]
			f.Event(&e)
		}
	}
	a := NewFold(Options{Probes: true})
	a.SetRules(k.index(), began)
	fold(a, 0, 2000)
	b := a.Clone()
	fold(a, 2000, 3000)
	a.Flush()
	fold(b, 2000, 4000)
	b.Flush()
	want := NewFold(Options{Probes: true})
	want.SetRules(k.index(), began)
	fold(want, 0, 4000)
	want.Flush()
	x, err := json.Marshal(want.Journeys())
	y, err2 := json.Marshal(b.Journeys())
	if err != nil || err2 != nil || !bytes.Equal(x, y) || len(want.Journeys()) < 50 {
		t.Errorf("%d journeys, %d of a clone in the middle, or others", len(want.Journeys()), len(b.Journeys()))
	}
}
