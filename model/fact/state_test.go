package fact

import "testing"

// TestState: names, what has an entry, and what leaving tracking makes of it.
func TestState(t *testing.T) {
	for _, c := range []struct {
		c     *Connection
		text  string
		there Answer
		after string
	}{
		{nil, "INVALID", No, "UNTRACKED"},
		{&Connection{State: New}, "NEW", Yes, "NEW"},
		{&Connection{State: New | Invalid}, "NEW or INVALID", Unsure, "NEW or UNTRACKED"},
		{&Connection{State: AnyState}, "NEW, ESTABLISHED, RELATED, INVALID or UNTRACKED", Unsure, "NEW, ESTABLISHED, RELATED or UNTRACKED"},
		{&Connection{State: Untracked}, "UNTRACKED", No, "UNTRACKED"},
		{&Connection{State: Established | Related}, "ESTABLISHED or RELATED", Yes, "ESTABLISHED or RELATED"},
	} {
		if s := c.c.States(); s.String() != c.text || c.c.Exists() != c.there || c.c.Untrack().State.String() != c.after {
			t.Errorf("%s: exists %s, untracked %s", s, c.c.Exists(), c.c.Untrack().State)
		}
		for _, s := range c.c.States().List() {
			if one := c.c.As(s); one.States() != s || StateOf(s.String()) != s || !s.Sure() {
				t.Errorf("%s of %s is %s", s, c.text, one.States())
			}
		}
	}
}
