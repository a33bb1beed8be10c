package main

import (
	"os"
	"strings"
)

// language is that of the lessons, en or zh, for the environment that env gives. The first
// variable that names a language counts; "C" and "C.UTF-8", which containers set, name none.
func language(env func(string) string) string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		switch l, _, _ := strings.Cut(env(name), "."); l {
		case "", "C", "POSIX":
		default:
			if strings.HasPrefix(l, "zh") {
				return "zh"
			}
			return "en"
		}
	}
	return "en"
}

// asciiLocale reports whether the environment names a locale that is not UTF-8: there
// box-drawing characters come out as rubbish. Where none is named, as in containers
// and over many an ssh, the terminal is taken for one of today.
func asciiLocale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} { // the first that is set counts, locale(7)
		if l := strings.ToLower(os.Getenv(name)); l != "" {
			return !strings.Contains(l, "utf-8") && !strings.Contains(l, "utf8")
		}
	}
	return false
}
