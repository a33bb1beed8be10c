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
	patterns := make([]*regexp.Regexp, len(list))
	for i := range list {
		patterns[i] = regexp.MustCompile("^(?:" + list[i][0] + ")$")
	}
	var put func(string) string
	put = func(text string) string {
		if said, ok := texts[text]; ok {
			return cmp.Or(said, text)
		}
		for i, re := range patterns {
			m := re.FindStringSubmatch(text)
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
		return text
	}
	return put
}
