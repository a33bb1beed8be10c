package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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
