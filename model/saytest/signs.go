// Package saytest has a language for tests of what is put into another one.
package saytest

import (
	"fmt"
	"regexp"
)

// worded is what of a phrase is a word or a verb of fmt.Sprintf.
var worded = regexp.MustCompile(`%(?:\[\d\])?[sd%]|[A-Za-z']+`)

// Signs is a model.Say into a language of signs: what a phrase says of itself becomes # for each
// word, and what is filled in stays. So a word that is left, and was not filled in, was never
// asked for.
func Signs(phrase string, with ...any) string {
	signs := worded.ReplaceAllStringFunc(phrase, func(s string) string {
		if s[0] == '%' {
			return s
		}
		return "#"
	})
	if len(with) == 0 {
		return signs
	}
	return fmt.Sprintf(signs, with...)
}
