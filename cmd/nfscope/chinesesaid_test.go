package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"nfscope/model/fact"
	"nfscope/model/feed"
	"nfscope/ui/speech"
)

// verb is a verb of package fmt.
var verb = regexp.MustCompile(`%[.\d]*[a-z]`)

// sentences are the texts with a space in them within the declarations of these names, of
// the Go files that a pattern names; what is filled in is a number, or a word.
func sentences(t *testing.T, pattern, names string) (list []string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	wanted := regexp.MustCompile("^(?:" + names + ")$")
	var text func(ast.Expr) string
	text = func(x ast.Expr) string {
		switch x := x.(type) {
		case *ast.BasicLit:
			if s, err := strconv.Unquote(x.Value); err == nil && x.Kind == token.STRING {
				return s
			}
		case *ast.BinaryExpr:
			if x.Op == token.ADD {
				return text(x.X) + text(x.Y)
			}
		case *ast.SelectorExpr:
			if x.Sel.Name == "Missing" { // package fact's
				return ""
			}
		}
		return "x"
	}
	find := func(n ast.Node) bool {
		x, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		s := verb.ReplaceAllStringFunc(text(x), func(v string) string { return map[bool]string{true: "7", false: "x"}[v == "%d"] })
		if strings.Contains(s, " ") {
			list = append(list, s)
			return false
		}
		return true
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if wanted.MatchString(d.Name.Name) {
					ast.Inspect(d.Body, find)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if v, ok := s.(*ast.ValueSpec); ok && wanted.MatchString(v.Names[0].Name) {
						ast.Inspect(v, find)
					}
				}
			}
		}
	}
	return list
}

// TestSaidInChinese: the sentences of the code that a learner meets in a ladder, below it, or
// in the list of labs are known to package speech: one that is changed or added without it
// would be English.
func TestSaidInChinese(t *testing.T) {
	t.Parallel()
	ladder, problem := speech.In("zh").Ladder(), speech.In("zh").Problem
	const all, missing = "", "^(?:not known: |the |how |what |when |whether )" // the facts that a condition lacks
	for _, c := range []struct {
		files, names, only string
		least              int
		head               string
		say                func(string) string
	}{
		{"../../trace/lab/*_linux.go", "Lacks|noBridge|CanUserns|refused|resolve", all, 10, "", problem},
		{"../../cmd/nfscope/lessons.go", "canBuild", all, 1, "", problem},
		{"../../model/journey/*.go", "complete|unseen|untaken|unsent|twins|unlisted", all, 12, "incomplete: ", ladder},
		{"../../model/journey/*.go", "unordered|evenly|byConnection", all, 4, "assumed: ", ladder},
		{"../../model/miss/*.go", "ofNow|rulesGone|oddState|Look", all, 4, "assumed: ", ladder},
		{"../../model/journey/*.go", "inferred", all, 1, "", ladder},
		{"../../model/miss/*.go", "judge", all, 2, "", ladder},
		{"../../model/match/*.go", "questions|cutShort|unseen|about.*", missing, 20, "x is not known: ", ladder},
		{"../../model/nft/eval_*.go", ".*", missing, 20, "x is not known: ", ladder},
	} {
		n := 0
		for _, s := range sentences(t, c.files, c.names) {
			if !regexp.MustCompile(c.only).MatchString(s) {
				continue
			}
			n++
			s = strings.TrimPrefix(s, fact.Missing)
			if said := c.say(c.head + s); strings.HasSuffix(said, s) {
				t.Errorf("%s: %s: %q is %q", c.files, c.names, c.head+s, said)
			}
		}
		if n < c.least {
			t.Errorf("%s: %s: %d sentences", c.files, c.names, n)
		}
	}
}

// TestProblemInChinese: what keeps a lab from standing as its files say is told in the story
// of a Chinese lesson, in Chinese.
func TestProblemInChinese(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	newStory(&out, 80, "zh").put(feed.Item{Problem: "the program nft is missing: lab gateway runs with iptables-nft instead"})
	if want := "! 缺少程序 nft：实验 gateway 改用 iptables-nft\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
