package model

import "fmt"

// Say puts a phrase of nfscope's own into another language and fills in what stands for its
// verbs, as fmt.Sprintf does: names, values and texts of the user's are filled in, and never
// asked about. nil is English.
type Say func(phrase string, with ...any) string

// Of says a phrase.
func (s Say) Of(phrase string, with ...any) string {
	switch {
	case s != nil:
		return s(phrase, with...)
	case len(with) == 0:
		return phrase
	}
	return fmt.Sprintf(phrase, with...)
}

// Word says a phrase that has no verbs.
func (s Say) Word(phrase string) string {
	if s == nil || phrase == "" {
		return phrase
	}
	return s(phrase)
}

// Or says a list, with "or" before its last.
func (s Say) Or(list []string) string {
	switch n := len(list); n {
	case 0:
		return ""
	case 1:
		return list[0]
	default:
		return s.Of("%s or %s", s.List(list[:n-1]), list[n-1])
	}
}

// List says a list of values.
func (s Say) List(list []string) string { return s.Between("%s, %s", list) }

// Between says a list with a phrase of two verbs for each two of it.
func (s Say) Between(phrase string, list []string) (text string) {
	for i, one := range list {
		if text += one; i > 0 {
			text = s.Of(phrase, text[:len(text)-len(one)], one)
		}
	}
	return text
}
