package ruleset

import (
	"regexp"
	"slices"
	"strings"
)

// sortedObjects puts a table's objects in an order of their own: nft lists them as it
// likes.
func sortedObjects(s string) string {
	lines := strings.Split(s, "\n")
	for i := 0; i < len(lines); {
		k := i
		for k < len(lines) && strings.HasPrefix(lines[k], " ") && !strings.HasPrefix(lines[k], " chain") && !strings.HasPrefix(lines[k], "  ") {
			k++
		}
		slices.Sort(lines[i:k])
		i = k + 1
	}
	return strings.Join(lines, "\n")
}

func handles() *regexp.Regexp { return regexp.MustCompile(` # handle \d+`) }
