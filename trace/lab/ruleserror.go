package lab

import "fmt"

// RulesError is what the program that loads a rules file has against it.
type RulesError struct {
	File string
	// Line is 0 where the program does not name one.
	Line int
	Err  error
}

// Error begins with the file, and the line where it is known.
func (e *RulesError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

// Unwrap is the program's own error.
func (e *RulesError) Unwrap() error { return e.Err }
