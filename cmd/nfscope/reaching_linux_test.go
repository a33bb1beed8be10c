package main

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"
)

// mostTexts bounds what is found at one place, mostParts what is made at one.
const (
	mostTexts = 6000
	mostParts = 60
)

// texts are what may be assigned to an object, by whatever way: a number in it is 7, what is
// not known is x, and so is an error, which is what the kernel or a file answered.
func (p *program) texts(o types.Object) []string { return p.walk().object(o) }

func (p *program) walk() *walk {
	w := &walk{program: p, known: map[types.Object][]string{}, most: mostTexts}
	w.inner = &walk{program: p, known: map[types.Object][]string{}, within: true, most: mostTexts}
	w.inner.inner = w.inner
	return w
}

// written are the texts that are made anywhere in the code, those of errors too, but for
// package speech's own.
func (p *program) written() (list []string) {
	w, seen := p.walk().inner, map[string]bool{}
	w.most, w.deep = mostParts, true
	for path, files := range p.files {
		if path == "nfscope/ui/speech" {
			continue
		}
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				x, ok := n.(ast.Expr)
				if !ok {
					return true
				}
				var made []string
				switch call, _ := n.(*ast.CallExpr); {
				case p.info.Types[x].Value != nil || p.sum(x):
					made = w.expr(x, 0)
				case call != nil && len(call.Args) > 0 && p.formats(call):
					made = w.formatted(call.Args)
				}
				for _, s := range made {
					if !seen[s] && strings.Contains(s, " ") {
						seen[s] = true
						list = append(list, s)
					}
				}
				return p.info.Types[x].Value == nil
			})
		}
	}
	return list
}

// sum reports whether an expression puts texts together, formats whether a call does.
func (p *program) sum(x ast.Expr) bool {
	b, ok := x.(*ast.BinaryExpr)
	return ok && b.Op == token.ADD && speaks(p.info.TypeOf(b))
}

func (p *program) formats(x *ast.CallExpr) bool {
	fn, ok := p.object(x.Fun).(*types.Func)
	return ok && fn.Pkg() != nil && fn.Pkg().Path() == "fmt" && (fn.Name() == "Sprintf" || fn.Name() == "Errorf")
}

type walk struct {
	*program
	known map[types.Object][]string
	// inner looks at the parts that a sentence is made of: fields, and what other packages give,
	// are names there, the kernel's words, and texts of rules. deep is for unexported fields too.
	inner  *walk
	within bool
	deep   bool
	most   int
}

func (w *walk) object(o types.Object) []string {
	v, ok := o.(*types.Var)
	if !ok || w.within && (v.IsField() && (v.Exported() || !w.deep) || v.Parent() == v.Pkg().Scope()) {
		return []string{filled(o.Type())}
	}
	return w.all(v.Origin(), w.into[v.Origin()])
}

// all are the texts of a variable. Of one that is asked for while it is looked at, as by
// text += more, they are those that were found so far.
func (w *walk) all(v *types.Var, from []source) []string {
	if len(from) == 0 || !speaks(v.Type()) {
		return []string{filled(v.Type())}
	}
	if list, ok := w.known[v]; ok {
		return list
	}
	w.known[v] = nil
	for _, s := range from {
		list := slices.Concat(w.known[v], w.expr(s.expr, s.result))
		slices.Sort(list)
		if list = slices.Compact(list); len(list) > w.most {
			list = list[:w.most]
		}
		w.known[v] = list
	}
	return w.known[v]
}

// speaks reports whether a value of this type is a text, or holds some.
func speaks(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return u.Info()&types.IsString != 0
	case *types.Slice:
		return speaks(u.Elem())
	case *types.Array:
		return speaks(u.Elem())
	case *types.Map:
		return speaks(u.Elem())
	}
	return false
}

// filled stands for a value that is not known.
func filled(t types.Type) string {
	if b, ok := t.Underlying().(*types.Basic); ok && b.Info()&types.IsNumeric != 0 {
		return "7"
	}
	return "x"
}

func (w *walk) expr(x ast.Expr, result int) []string {
	tv := w.info.Types[x]
	if tv.Value != nil && tv.Value.Kind() == constant.String {
		return []string{constant.StringVal(tv.Value)}
	}
	switch x := ast.Unparen(x).(type) {
	case *ast.BinaryExpr:
		if x.Op == token.ADD {
			return w.product(w.begin(x.X), w.inner.expr(x.Y, 0))
		}
	case *ast.CallExpr:
		return w.call(x, result)
	case *ast.CompositeLit:
		var list []string
		if speaks(tv.Type) {
			for _, e := range x.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok {
					e = kv.Value
				}
				list = append(list, w.expr(e, 0)...)
			}
		}
		return list
	case *ast.IndexExpr:
		return w.expr(x.X, 0)
	case *ast.SliceExpr:
		if _, ok := tv.Type.Underlying().(*types.Slice); ok {
			return w.expr(x.X, 0)
		}
	case *ast.Ident, *ast.SelectorExpr:
		if id, ok := x.(*ast.Ident); ok && id.Name == "nil" {
			return nil
		}
		if o := w.program.object(x); o != nil {
			return w.object(o)
		}
	}
	if tv.Type == nil {
		return []string{"x"}
	}
	return []string{filled(tv.Type)}
}

// begin are the texts that a sum begins with: a sentence that gets longer, or a part.
func (w *walk) begin(x ast.Expr) []string {
	if sum, ok := ast.Unparen(x).(*ast.BinaryExpr); ok {
		return w.expr(sum, 0)
	}
	if _, ok := ast.Unparen(x).(*ast.Ident); ok || w.longer[x] {
		return w.expr(x, 0)
	}
	return w.inner.expr(x, 0)
}

func (w *walk) product(a, b []string) (list []string) {
	for _, x := range a {
		for _, y := range b {
			if len(list) < w.most {
				list = append(list, x+y)
			}
		}
	}
	return list
}

// joined are the texts of a list: one of it, or two with what stands between.
func joined(list, between []string) (all []string) {
	for i, a := range list {
		all = append(all, a)
		for _, sep := range between {
			all = append(all, a+sep+list[(i+1)%len(list)])
		}
	}
	return all
}

func (w *walk) call(x *ast.CallExpr, result int) (list []string) {
	tv := w.info.Types[x]
	if w.info.Types[x.Fun].IsType() {
		return w.expr(x.Args[0], 0)
	}
	union := func(args []ast.Expr) (list []string) {
		for _, a := range args {
			list = append(list, w.expr(a, 0)...)
		}
		return list
	}
	if id, ok := ast.Unparen(x.Fun).(*ast.Ident); ok && id.Name == "append" {
		return union(x.Args)
	}
	fn, _ := w.program.object(x.Fun).(*types.Func)
	if fn != nil && (fn.Name() == "Error" || fn.Name() == "String") { // what was answered, and names
		return []string{"x"}
	}
	if fn != nil && fn.Pkg() != nil {
		switch path := fn.Pkg().Path(); { // what is put into Chinese already
		case path == "nfscope/ui/speech" && fn.Name() == "Problem":
			return w.expr(x.Args[0], 0)
		case path == "nfscope/ui/speech", path == "nfscope/ui/component/ladder" && fn.Name() == "Of":
			return []string{"x"}
		}
		switch fn.Pkg().Path() + "." + fn.Name() {
		case "fmt.Sprintf":
			return w.formatted(x.Args)
		case "slices.Clone", "slices.Concat", "slices.Compact", "slices.Sorted":
			return union(x.Args)
		case "strings.Join":
			return joined(w.expr(x.Args[0], 0), w.expr(x.Args[1], 0))
		case "strings.TrimSpace", "strings.TrimPrefix", "strings.TrimSuffix", "strings.Trim", "cmp.Or":
			return union(x.Args[:1])
		}
	}
	if w.within {
		if fn == nil || fn.Signature().Recv() != nil || len(w.functions(x.Fun, map[ast.Expr]bool{})) == 0 || fn.Exported() {
			return []string{filled(tv.Type)}
		}
	}
	sigs := w.functions(x.Fun, map[ast.Expr]bool{})
	for _, sig := range sigs {
		if sig.Results().Len() > result {
			v := sig.Results().At(result)
			list = append(list, w.all(v, slices.Concat(w.results[v], w.into[v]))...)
		}
	}
	if len(sigs) > 0 {
		return list
	}
	if t, ok := tv.Type.(*types.Tuple); ok {
		return []string{filled(t.At(result).Type())}
	}
	return []string{filled(tv.Type)}
}

// fmtVerb is a verb of package fmt.
var fmtVerb = regexp.MustCompile(`%[#+.\d]*(\[\d\])?[a-zA-Z%]`)

// formatted is what Sprintf makes of its arguments.
func (w *walk) formatted(args []ast.Expr) (list []string) {
	for _, format := range w.expr(args[0], 0) {
		made, rest, n := []string{""}, format, 0
		for loc := fmtVerb.FindStringIndex(rest); loc != nil; loc = fmtVerb.FindStringIndex(rest) {
			verb := rest[loc[0]:loc[1]]
			with := []string{"x"}
			switch {
			case verb == "%%":
				with = []string{"%"}
			case n+1 < len(args):
				n++
				with = w.inner.expr(args[n], 0)
			}
			if strings.HasSuffix(verb, "q") {
				for i := range with {
					with[i] = `"` + with[i] + `"`
				}
			}
			made, rest = w.product(w.product(made, []string{rest[:loc[0]]}), with), rest[loc[1]:]
		}
		list = append(list, w.product(made, []string{rest})...)
	}
	return list
}
