package speech

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// translator puts English phrases into Chinese by a list of patterns and what stands for
// them: $1 is the first group as it is, and what stands between two @ is itself put into
// Chinese. The first pattern that fits a whole phrase counts; a phrase that none fits stays.
func translator(list [][2]string) func(string) string { return worded(nil, list) }

// worded is a translator that looks whole phrases up in texts first; "" there is one that stays.
func worded(texts map[string]string, list [][2]string) func(string) string {
	return asking(texts, list, func(text string) string { return text })
}

// asking is a translator that asks another one about a phrase, or a part of one, that is neither in
// texts nor fits a pattern. Patterns are made ready when the first phrase comes that they may fit:
// there are hundreds, of which a screen takes a few.
func asking(texts map[string]string, list [][2]string, other func(string) string) func(string) string {
	patterns, begins := make([]*regexp.Regexp, len(list)), make([]string, len(list))
	for i := range list {
		begins[i] = beginning(list[i][0])
	}
	var put func(string) string
	put = func(text string) string {
		if said, ok := texts[text]; ok {
			return cmp.Or(said, text)
		}
		for i := range list {
			if !strings.HasPrefix(text, begins[i]) {
				continue
			}
			if patterns[i] == nil {
				patterns[i] = regexp.MustCompile("(?s)^(?:" + list[i][0] + ")$")
			}
			m := patterns[i].FindStringSubmatch(text)
			if m == nil {
				continue
			}
			var with []string
			for n := len(m) - 1; n > 0; n-- {
				with = append(with, "$"+strconv.Itoa(n), m[n])
			}
			groups := strings.NewReplacer(with...)
			parts := strings.Split(list[i][1], "@")
			for n := range parts {
				if parts[n] = groups.Replace(parts[n]); n%2 == 1 {
					parts[n] = put(parts[n])
				}
			}
			return strings.Join(parts, "")
		}
		return other(text)
	}
	return put
}

// beginning is the text that all phrases begin with that a pattern fits: what stands before the
// first character with a meaning of its own. One that may be left out is none of it, and a pattern
// of which a part stands for the whole has none.
func beginning(pattern string) string {
	depth := 0
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			depth--
		case '|':
			if depth == 0 {
				return ""
			}
		}
	}
	i := strings.IndexAny(pattern, `\.+*?()[]{}|^$`)
	switch {
	case i < 0:
		return pattern
	case i > 0 && strings.IndexByte("?*{", pattern[i]) >= 0:
		return pattern[:i-1]
	}
	return pattern[:i]
}
