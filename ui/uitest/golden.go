package uitest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nfscope/ui/theme"
)

// Golden files tell the time of UTC, wherever they are compared.
func init() { time.Local = time.UTC }

// Golden holds got against testdata/name.golden. Under -update, a flag that the test
// package declares, the file is written instead.
func Golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update makes it)", err)
	}
	if want := string(b); got != want {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", path, difference(want, got))
	}
}

// difference shows the lines that differ.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	var b strings.Builder
	for i := range max(len(w), len(g)) {
		var x, y string
		if i < len(w) {
			x = w[i]
		}
		if i < len(g) {
			y = g[i]
		}
		if x != y {
			fmt.Fprintf(&b, "line %d\n- %s\n+ %s\n", i+1, x, y)
		}
	}
	return b.String()
}

// Themes are the three looks that goldens are made in, by name.
func Themes() map[string]theme.Options {
	return map[string]theme.Options{
		"colour": {Color: true, Dark: true},
		"plain":  {},
		"ascii":  {ASCII: true},
	}
}

// Sizes are the sizes that goldens are made at.
func Sizes() [][2]int { return [][2]int{{80, 24}, {120, 40}, {200, 60}} }
