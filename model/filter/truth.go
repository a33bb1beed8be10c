package filter

// Truth is a three-valued answer, in Kleene's logic: what was not seen is Unknown,
// and so is all that depends on it.
type Truth uint8

// The answers, ordered so that and is the least and or the greatest.
const (
	No Truth = iota
	Unknown
	Yes
)

// String gives no, unknown or yes.
func (t Truth) String() string { return [...]string{"no", "unknown", "yes"}[t] }

// Not turns Yes and No around.
func (t Truth) Not() Truth { return Yes - t }

func truth(b bool) Truth {
	if b {
		return Yes
	}
	return No
}
