package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A program is all of nfscope's code, with what is assigned to each variable, field,
// parameter and result: so that the texts can be found that reach a place, without naming
// the functions that make them.
type program struct {
	info     *types.Info
	packages map[string]*types.Package
	into     map[types.Object][]source // what is assigned to a variable, a field or a parameter
	results  map[types.Object][]source // what a function gives, by its result's variable
	bodies   map[types.Object]*types.Signature
	literals map[*ast.FuncLit]*types.Signature
	through  []call                   // calls of functions that are values
	methods  map[string][]*types.Func // by name, those with a body
	files    map[string][]*ast.File   // by package
	longer   map[ast.Expr]bool        // what stands before +=
}

// source is an expression, or one of the results of a call.
type source struct {
	expr   ast.Expr
	result int
}

type call struct {
	fun  ast.Expr
	expr *ast.CallExpr
}

// loaded is the program, read once.
var loaded = sync.OnceValues(load)

func read(t *testing.T) *program {
	t.Helper()
	p, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// load checks the types of nfscope's packages; others are taken from what the compiler made.
func load() (*program, error) {
	list := exec.Command("go", "list", "-deps", "-export", "-json=ImportPath,Dir,Export,GoFiles", "./../../...")
	out, err := list.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = errors.New(string(exit.Stderr))
		}
		return nil, err
	}
	p := &program{packages: map[string]*types.Package{}, into: map[types.Object][]source{}, results: map[types.Object][]source{},
		bodies: map[types.Object]*types.Signature{}, literals: map[*ast.FuncLit]*types.Signature{}, methods: map[string][]*types.Func{}, files: map[string][]*ast.File{}, longer: map[ast.Expr]bool{},
		info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
			Selections: map[*ast.SelectorExpr]*types.Selection{}, Implicits: map[ast.Node]types.Object{}}}
	fset, exports := token.NewFileSet(), map[string]string{}
	compiled := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	var files []*ast.File
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var pkg struct {
			ImportPath, Dir, Export string
			GoFiles                 []string
		}
		if err := d.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if exports[pkg.ImportPath] = pkg.Export; pkg.ImportPath != "nfscope" && !strings.HasPrefix(pkg.ImportPath, "nfscope/") {
			continue
		}
		var own []*ast.File
		for _, name := range pkg.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(pkg.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			own = append(own, f)
		}
		conf := types.Config{Importer: importing(func(path string) (*types.Package, error) {
			if own := p.packages[path]; own != nil {
				return own, nil
			}
			return compiled.Import(path)
		})}
		checked, err := conf.Check(pkg.ImportPath, fset, own, p.info)
		if err != nil {
			return nil, err
		}
		p.packages[pkg.ImportPath], p.files[pkg.ImportPath], files = checked, own, append(files, own...)
	}
	for _, f := range files {
		p.declared(f)
	}
	for _, f := range files {
		p.assigned(f)
	}
	for range 3 { // a function may be handed on as a value
		for _, c := range p.through {
			for _, sig := range p.functions(c.fun, map[ast.Expr]bool{}) {
				p.bind(sig, c.expr)
			}
		}
	}
	return p, nil
}

type importing func(string) (*types.Package, error)

func (f importing) Import(path string) (*types.Package, error) { return f(path) }

// declared notes which functions have a body here.
func (p *program) declared(f *ast.File) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			fn := p.info.Defs[n.Name].(*types.Func)
			p.bodies[fn] = fn.Signature()
			if n.Recv != nil {
				p.methods[fn.Name()] = append(p.methods[fn.Name()], fn)
			}
		case *ast.FuncLit:
			p.literals[n], _ = p.info.TypeOf(n).(*types.Signature)
		}
		return true
	})
}

// assigned notes what every assignment, call and return of a file gives to whom.
func (p *program) assigned(f *ast.File) {
	var within []*types.Signature // the functions that are open
	var ends []ast.Node
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			if last := len(ends) - 1; ends[last] != nil {
				within = within[:len(within)-1]
			}
			ends = ends[:len(ends)-1]
			return true
		}
		ends = append(ends, nil)
		switch n := n.(type) {
		case *ast.FuncDecl:
			within, ends[len(ends)-1] = append(within, p.bodies[p.info.Defs[n.Name]]), n
		case *ast.FuncLit:
			within, ends[len(ends)-1] = append(within, p.literals[n]), n
		case *ast.ReturnStmt:
			p.returned(within[len(within)-1], n)
		case *ast.AssignStmt:
			if n.Tok == token.ADD_ASSIGN {
				sum := &ast.BinaryExpr{X: n.Lhs[0], Op: token.ADD, Y: n.Rhs[0]}
				p.info.Types[sum], p.longer[n.Lhs[0]] = p.info.Types[n.Lhs[0]], true
				p.give(n.Lhs[0], source{sum, 0})
				return true
			}
			for i, l := range n.Lhs {
				if len(n.Rhs) == len(n.Lhs) {
					p.give(l, source{n.Rhs[i], 0})
				} else {
					p.give(l, source{n.Rhs[0], i})
				}
			}
		case *ast.ValueSpec:
			for i, l := range n.Names {
				switch {
				case len(n.Values) == len(n.Names):
					p.give(l, source{n.Values[i], 0})
				case len(n.Values) == 1:
					p.give(l, source{n.Values[0], i})
				}
			}
		case *ast.RangeStmt:
			if n.Value != nil {
				p.give(n.Value, source{n.X, 0})
			}
		case *ast.CompositeLit:
			p.composed(n)
		case *ast.CallExpr:
			p.called(n)
		}
		return true
	})
}

func (p *program) returned(sig *types.Signature, n *ast.ReturnStmt) {
	if sig == nil {
		return
	}
	for i := range sig.Results().Len() {
		v := sig.Results().At(i)
		switch {
		case len(n.Results) == sig.Results().Len():
			p.results[v] = append(p.results[v], source{n.Results[i], 0})
		case len(n.Results) == 1:
			p.results[v] = append(p.results[v], source{n.Results[0], i})
		}
	}
}

func (p *program) composed(n *ast.CompositeLit) {
	t := p.info.TypeOf(n)
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
	}
	st, ok := t.Underlying().(*types.Struct)
	if !ok {
		return
	}
	for i, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			p.add(p.info.Uses[kv.Key.(*ast.Ident)], source{kv.Value, 0})
		} else {
			p.add(st.Field(i), source{e, 0})
		}
	}
}

// called gives a call's arguments to the parameters of all functions that it may be of.
func (p *program) called(n *ast.CallExpr) {
	switch fn := p.object(n.Fun).(type) {
	case *types.Func:
		for _, f := range p.bodiesOf(fn) {
			p.bind(f.Signature(), n)
		}
	case *types.Var:
		p.through = append(p.through, call{n.Fun, n})
	default:
		if lit, ok := ast.Unparen(n.Fun).(*ast.FuncLit); ok {
			p.bind(p.literals[lit], n)
		}
	}
}

// bodiesOf are the functions that a call of f may run: those that have the interface's method.
func (p *program) bodiesOf(f *types.Func) (list []*types.Func) {
	f = f.Origin()
	if p.bodies[f] != nil {
		return []*types.Func{f}
	}
	recv := f.Signature().Recv()
	if recv == nil {
		return nil
	}
	face, ok := recv.Type().Underlying().(*types.Interface)
	if !ok {
		return nil
	}
	for _, m := range p.methods[f.Name()] {
		if t := m.Signature().Recv().Type(); types.Implements(t, face) || types.Implements(types.NewPointer(t), face) {
			list = append(list, m)
		}
	}
	return list
}

func (p *program) bind(sig *types.Signature, n *ast.CallExpr) {
	if sig == nil {
		return
	}
	for i, a := range n.Args {
		if sig.Params().Len() == 0 {
			return
		}
		p.add(sig.Params().At(min(i, sig.Params().Len()-1)), source{a, 0})
	}
}

// give notes that an expression is assigned to what stands on the left.
func (p *program) give(left ast.Expr, s source) {
	switch l := ast.Unparen(left).(type) {
	case *ast.IndexExpr:
		p.give(l.X, s)
	case *ast.StarExpr:
		p.give(l.X, s)
	default:
		p.add(p.object(left), s)
	}
}

func (p *program) add(o types.Object, s source) {
	if v, ok := o.(*types.Var); ok && !slices.Contains(p.into[v.Origin()], s) {
		p.into[v.Origin()] = append(p.into[v.Origin()], s)
	}
}

// object is what a name or a selector stands for.
func (p *program) object(x ast.Expr) types.Object {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		if o := p.info.Defs[x]; o != nil {
			return o
		}
		return p.info.Uses[x]
	case *ast.SelectorExpr:
		return p.info.Uses[x.Sel]
	case *ast.IndexExpr: // of a generic function
		return p.object(x.X)
	}
	return nil
}

// functions are those that an expression may stand for.
func (p *program) functions(x ast.Expr, seen map[ast.Expr]bool) (list []*types.Signature) {
	x = ast.Unparen(x)
	if seen[x] {
		return nil
	}
	seen[x] = true
	if lit, ok := x.(*ast.FuncLit); ok {
		return []*types.Signature{p.literals[lit]}
	}
	if c, ok := x.(*ast.CallExpr); ok {
		for _, sig := range p.functions(c.Fun, seen) {
			for i := range sig.Results().Len() {
				for _, s := range p.results[sig.Results().At(i)] {
					list = append(list, p.functions(s.expr, seen)...)
				}
			}
		}
		return list
	}
	switch o := p.object(x).(type) {
	case *types.Func:
		for _, f := range p.bodiesOf(o) {
			list = append(list, f.Signature())
		}
	case *types.Var:
		for _, s := range p.into[o.Origin()] {
			list = append(list, p.functions(s.expr, seen)...)
		}
	}
	return list
}

// field is a package's variable, or the field of one of its types: "Item.Problem".
func (p *program) field(t *testing.T, pkg, name string) types.Object {
	t.Helper()
	of, field, _ := strings.Cut(name, ".")
	at := p.packages[pkg]
	if at == nil {
		t.Fatalf("no package %s", pkg)
	}
	o := at.Scope().Lookup(of)
	if o == nil {
		t.Fatalf("%s has no %s", pkg, of)
	}
	found, _, _ := types.LookupFieldOrMethod(o.Type(), true, at, field)
	if found == nil {
		t.Fatalf("%s.%s has no %s", pkg, of, field)
	}
	return found
}

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
