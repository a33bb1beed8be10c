package speech

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"nfscope/model/drop"
)

// answers are the errors of a Go file, or all its texts of some words, with a word where something
// is filled in.
func answers(t *testing.T, path string, all bool) (out []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var text func(ast.Expr) string
	text = func(x ast.Expr) string {
		switch x := x.(type) {
		case *ast.BasicLit:
			if s, err := strconv.Unquote(x.Value); err == nil {
				return s
			}
		case *ast.BinaryExpr:
			return text(x.X) + text(x.Y)
		}
		return "x"
	}
	put := func(x ast.Expr) bool {
		s := strings.NewReplacer("%d", "7", "%w", "x", "%v", "x", "%s", "x").Replace(text(x))
		if strings.Contains(s, " ") && !strings.HasPrefix(s, "CAP_") {
			out = append(out, s)
			return false
		}
		return true
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			return n.Name.Name != "inUserNamespace" && n.Name.Name != "missed"
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && (f.Sel.Name == "Errorf" || f.Sel.Name == "New" && len(n.Args) == 1) {
				put(n.Args[0])
			}
			return all
		case *ast.BinaryExpr:
			return !all || put(n)
		case *ast.BasicLit:
			return all && put(n)
		}
		return true
	})
	return out
}

// TestLifts: why drops are not all seen is known in Chinese as package trace/drops says it, and
// what is being watched as package drop does.
func TestLifts(t *testing.T) {
	t.Parallel()
	said := []string{"it needs CAP_BPF and CAP_PERFMON (or CAP_SYS_ADMIN)", "sudo nfscope ..., or give the container CAP_BPF and CAP_PERFMON"}
	for _, s := range []drop.Step{drop.StepBPF, drop.StepPerf, drop.StepProc} {
		said = append(said, s.Words())
	}
	for _, file := range []string{"lift_linux", "layout_linux", "perf_linux", "tracefs_linux", "bpf_linux", "format"} {
		said = append(said, answers(t, "../../trace/drops/"+file+".go", file == "lift_linux")...)
	}
	if len(said) < 25 {
		t.Errorf("%d texts", len(said))
	}
	say := In("zh").Drop()
	for _, text := range said {
		if got := say(text); !strings.ContainsFunc(got, han) && !strings.HasPrefix(text, "mount -t ") {
			t.Errorf("%q is %q", text, got)
		}
	}
	for _, pattern := range unused(lifts(), said) {
		t.Errorf("nothing fits the pattern %q", pattern)
	}
}
