package lab

import (
	"fmt"
	"strings"
)

// RulesError is what the program that loads a rules file has against it.
type RulesError struct {
	File string
	// Line is 0 where the program does not name one.
	Line int
	Err  error
}

// Error begins with the file, and the line where it is known, and is one line.
func (e *RulesError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.says())
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.says())
}

// says is what the program wrote, without how it was called and what it says of its help.
func (e *RulesError) says() string {
	text := e.Err.Error()
	if _, after, ok := strings.Cut(text, ": exit status "); ok {
		_, text, _ = strings.Cut(after, ": ")
	}
	var keep []string
	for l := range strings.Lines(text) {
		if !strings.HasPrefix(l, "Try `") && !strings.HasPrefix(l, "Error occurred at line") {
			keep = append(keep, l)
		}
	}
	return oneLine(strings.Join(keep, " "))
}

// Unwrap is the program's own error.
func (e *RulesError) Unwrap() error { return e.Err }
