package speech

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/ruleset"
)

// asked are the phrases that the functions of a Go file ask a model.Say for: what Of and Word are
// called with, and the texts of tables and variables that they are called with.
func asked(t *testing.T, path string) (list []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	no := map[ast.Node]bool{} // what is compared, cut off or put between is asked for nowhere
	texts := func(x ast.Expr, all bool) {
		ast.Inspect(x, func(n ast.Node) bool {
			if kv, ok := n.(*ast.KeyValueExpr); ok {
				no[kv.Key] = true
			}
			if b, ok := n.(*ast.BasicLit); ok && b.Kind == token.STRING && !no[n] {
				if s, err := strconv.Unquote(b.Value); err == nil && s != "" && (all || strings.Contains(s, " ")) {
					list = append(list, s)
				}
			}
			return !no[n]
		})
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && (f.Sel.Name == "Of" || f.Sel.Name == "Word" || f.Sel.Name == "Between") {
				texts(n.Args[0], true)
			}
		case *ast.CompositeLit:
			if m, ok := n.Type.(*ast.MapType); ok {
				if v, ok := m.Value.(*ast.Ident); ok && v.Name == "string" {
					texts(n, true)
				}
			}
		case *ast.AssignStmt:
			for i, x := range n.Rhs {
				if f, ok := n.Lhs[i].(*ast.SelectorExpr); ok && f.Sel.Name == "Unknown" { // why something is not put in words
					continue
				}
				if b, ok := x.(*ast.BasicLit); ok {
					texts(b, false)
				}
			}
		}
		return true
	})
	return list
}

// wordsAsked are all that package match and package nft ask for when they put a rule in words.
func wordsAsked(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	never := regexp.MustCompile(`^(?:which|an entry|by the rate that|the list|and the test) is `) // no such option can be negated
	for _, file := range []string{"model/match/phrases", "model/match/does", "model/match/parts", "model/nft/parts", "model/nft/actionwords", "model/nft/fieldwords", "model/say", "ui/page/rules/inspect"} {
		for _, s := range asked(t, "../../"+file+".go") {
			switch {
			case file == "ui/page/rules/inspect" && !strings.HasPrefix(s, "any packet") && !strings.HasPrefix(s, "not known to"): // a notice
				continue
			case s == "%" || s == "%s": // a value alone
				continue
			case (file == "model/match/phrases" || file == "model/match/does") && !strings.Contains(s, "%s") && !strings.Contains(s, "%["):
				s = strings.ReplaceAll(s, "%", "%s")
			}
			if all[s] = true; file == "model/match/phrases" && strings.Contains(s, " is ") && !never.MatchString(s) {
				all[strings.Replace(s, " is ", " is not ", 1)] = true
			}
		}
	}
	for _, per := range []string{"second", "minute", "hour", "day", "week"} {
		say := model.Say(func(phrase string, _ ...any) string {
			all[phrase] = true
			return phrase
		})
		ruleset.ExplainIn(&model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet}, &model.Rule{Text: "limit rate 3/" + per}, say)
	}
	return all
}

// TestRuleWords: each phrase that a rule is put in words with has its Chinese, with a place for each
// that it has, and nothing else has.
func TestRuleWords(t *testing.T) {
	t.Parallel()
	all, known := wordsAsked(t), rulePhrases()
	verbs := regexp.MustCompile(`%(\[\d\])?[sd%]`)
	for en := range all {
		zh, ok := known[en]
		if !ok {
			t.Errorf("%q has no Chinese", en)
			continue
		}
		if a, b := len(verbs.FindAllString(en, -1)), len(verbs.FindAllString(zh, -1)); a != b {
			t.Errorf("%q has %d places, %q has %d", en, a, zh, b)
		}
		if left := english.FindString(zh); left != "" {
			t.Errorf("%q is %q: %q", en, zh, left)
		}
	}
	for en := range known {
		if !all[en] {
			t.Errorf("no rule is put in words with %q", en)
		}
	}
	if len(all) < 350 {
		t.Errorf("%d phrases", len(all))
	}
}
