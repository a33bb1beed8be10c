package record

import (
	"fmt"
	"reflect"
	"time"

	"nfscope/model/feed"
)

// settle puts right what an item's coded form leaves out, and refuses what cannot be.
func settle(it *feed.Item) error {
	if err := sound(it); err != nil {
		return err
	}
	if it.Rules != nil {
		it.Rules.Number()
	}
	return nil
}

// leftOut is the Problem in place of an item that says nothing to this nfscope.
func leftOut(where, version string) string {
	return fmt.Sprintf("%s: an item of a kind that this nfscope does not know was left out; the recording was made by nfscope %s", where, version)
}

// blank reports whether an item says nothing but a time.
func blank(it *feed.Item) bool {
	c := *it
	c.Time = time.Time{}
	return reflect.ValueOf(&c).Elem().IsZero()
}

// sound refuses what no source says and what those behind it rely on: tables and
// chains that are there, a step that the lab has.
func sound(it *feed.Item) error {
	if it.Rules != nil {
		for i, t := range it.Rules.Tables {
			if t == nil {
				return fmt.Errorf("table %d is null", i)
			}
			for k, c := range t.Chains {
				if c == nil {
					return fmt.Errorf("chain %d of table %q is null", k, t.Name)
				}
			}
		}
	}
	if l := it.Lab; l != nil && (l.Current < 0 || l.Current > len(l.Steps)) {
		return fmt.Errorf("step %d of a lab that has %d", l.Current, len(l.Steps))
	}
	return nil
}
