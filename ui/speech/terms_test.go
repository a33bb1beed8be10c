package speech

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestTerms: one word for one thing: an interface is no network card, which may be broken, and a
// client is not a customer, whose is no port. An entry of conntrack's is one of its table, and what is
// sent back is a reply.
func TestTerms(t *testing.T) {
	t.Parallel()
	card, customer := regexp.MustCompile(`\bNIC\b|network card`), regexp.MustCompile(`客户(?:[^端]|$)|客户端口`)
	other, entry := regexp.MustCompile(`回包|条目`), regexp.MustCompile(`\b(?:entry|entries)\b`)
	all := slices.Concat(phrases(), nouns(), conditions(), outcomes(), comparisons(), clauses(), advice(), connections(), problems(), simulations(), verdicts(), certainties(), findings(), suspicions(),
		actions(), waits(), sources(), listings(), healths(), lifts(), typing())
	for _, texts := range []map[string]string{meanings(), helps(), rulePhrases()} {
		for en, zh := range texts {
			all = append(all, [2]string{en, zh})
		}
	}
	all = append(all, picked(t)...)
	for _, p := range all {
		if strings.Contains(p[1], "网卡") != card.MatchString(p[0]) && p[0] != "where it was left to the card" { // who reckons a checksum
			t.Errorf("%q is %q", p[0], p[1])
		}
		if other.MatchString(p[1]) || entry.MatchString(p[0]) && strings.Contains(p[1], "记录") {
			t.Errorf("%q is %q", p[0], p[1])
		}
		if customer.MatchString(p[1]) {
			t.Errorf("%q is %q", p[0], p[1])
		}
	}
}

// picked are the texts that package speech picks one of by the language, where both stand there.
func picked(t *testing.T) (list [][2]string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 {
				return true
			}
			if f, ok := call.Fun.(*ast.SelectorExpr); !ok || f.Sel.Name != "pick" {
				return true
			}
			list = append(list, [2]string{written(call.Args[0]), written(call.Args[1])})
			return true
		})
	}
	if len(list) < 80 {
		t.Fatalf("%d texts are picked", len(list))
	}
	return list
}

// written are the texts in an expression.
func written(x ast.Expr) (text string) {
	ast.Inspect(x, func(n ast.Node) bool {
		if b, ok := n.(*ast.BasicLit); ok && b.Kind == token.STRING {
			s, err := strconv.Unquote(b.Value)
			if err == nil {
				text += s
			}
		}
		return true
	})
	return text
}
