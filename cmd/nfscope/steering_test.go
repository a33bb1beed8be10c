package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOneWayOut: a command's output goes through app.objects, which takes away what steers a
// terminal. Whoever uses stdout itself is named here, with the reason.
func TestOneWayOut(t *testing.T) {
	t.Parallel()
	known := map[string]string{
		"app.go command":        "help, of our own words",
		"app.go terminal":       "asks what it is",
		"app.go width":          "asks how wide it is",
		"escape.go objects":     "is the way",
		"escape.go verbatim":    "bytes for a program",
		"files.go noTerminal":   "asks what it is",
		"files.go createBeside": "bytes for a program",
		"recording.go recordTo": "bytes for a program",
		"replay.go replayPlain": "newJourneyPrinter cleans",
		"trace.go tracePrinter": "newJourneyPrinter cleans",
		"why.go why":            "text has colours of our own: whyPrinter cleans the rest",
		"why.go colored":        "asks what it is",
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 50 {
		t.Fatal(len(files), err)
	}
	met := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "out" && isApp(s.X) {
					met[name+" "+fn.Name.Name] = true
				}
				return true
			})
		}
	}
	for f := range met {
		if known[f] == "" {
			t.Errorf("%s writes to stdout itself: write to objects", f)
		}
	}
	for f := range known {
		if !met[f] {
			t.Errorf("%s does not use stdout any more", f)
		}
	}
}

// isApp reports whether an expression is what an app is called here: a, or the app of something.
func isApp(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name == "a"
	case *ast.SelectorExpr:
		return x.Sel.Name == "app"
	}
	return false
}

// TestHostileFile: a file of rules does not steer the terminal, in whatever form it is printed.
func TestHostileFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "rules")
	text := "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m comment --comment \"" + strings.ReplaceAll(hostile, "\r", "") + "\" -j DROP\nCOMMIT\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"rules --format tree", "rules --format json", "rules --format dot", "tables", "tables --json"} {
		var out, errs strings.Builder
		a := &app{ctx: t.Context(), out: &out, err: &errs}
		c := a.command()
		c.SetArgs(append(strings.Fields(args), "--file", name))
		if err := c.Execute(); err != nil || out.Len() < 20 {
			t.Errorf("%s: %v: %s%s", args, err, out.String(), errs.String())
		}
		if s := steers(out.String()); s != "" {
			t.Errorf("%s: %q steers", args, s)
		}
	}
}
