package source

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"sync"

	acmedreams "example.com/acme-dreams"
)

// place is where a declaration stands. The text stays where it is embedded, and
// so an index of everything is small.
type place struct {
	file              string
	name              string
	first, line, last int // lines; line is the declaration's own, below its comment
	from, to          int // bytes
}

func (p place) excerpt() Excerpt {
	text, _ := Text(p.file)
	return Excerpt{File: p.file, First: p.first, Line: p.line, Name: p.name, Text: text[p.from:p.to]}
}

type checkKey struct{ program, name string }

type index struct {
	files     map[string][]place  // what a file declares, from top to bottom
	functions map[string]place    // "dreams/flow.AuthorizationCode.Redeem"
	checks    map[checkKey]place  // the judge of each check
	variables map[string]place    // functions that are held by a variable
	judges    map[checkKey]verify // how the lists name them
	methods   map[string]place    // "dreams/site.callback", whosever it is
	constants map[string]ast.Expr
	handlers  map[routeKey]place
	routes    []route
}

type routeKey struct{ program, method, path string }

// route is a line of a route table, as it stands there.
type route struct {
	program, folder string
	imports         map[string]string
	elements        []ast.Expr // method, path, and among the others the handler
}

// verify is the function of a check, as a list names it.
type verify struct {
	folder  string
	imports map[string]string // of the file: "dpop" is "internal/dpop"
	fn      ast.Expr
	literal place // if fn is a function literal
}

// read parses everything once, when something is asked for the first time. The
// syntax trees are not kept.
var read = sync.OnceValue(parse)

func parse() *index {
	i := &index{files: map[string][]place{}, functions: map[string]place{}, checks: map[checkKey]place{},
		variables: map[string]place{}, judges: map[checkKey]verify{},
		methods: map[string]place{}, constants: map[string]ast.Expr{}, handlers: map[routeKey]place{}}
	_ = fs.WalkDir(acmedreams.Sources, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !shown(name) {
			return err
		}
		return i.add(name)
	})
	for key, v := range i.judges {
		if at, ok := i.resolve(v, v.fn); ok {
			i.checks[key] = at
		}
	}
	for _, r := range i.routes {
		method, path := i.text(r.folder, r.elements[0]), i.text(r.folder, r.elements[1])
		for _, element := range r.elements[2:] {
			if at, ok := i.handler(r, element); ok {
				i.handlers[routeKey{r.program, method, path}] = at
			}
		}
	}
	i.judges, i.variables, i.methods, i.constants, i.routes = nil, nil, nil, nil, nil
	return i
}

// add reads one file. It compiled, so it parses.
func (i *index) add(name string) error {
	text, err := fs.ReadFile(acmedreams.Sources, name)
	if err != nil {
		return err
	}
	lines := token.NewFileSet()
	file, err := parser.ParseFile(lines, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	folder, imports := path.Dir(name), importsOf(file)
	program, _, _ := strings.Cut(folder, "/")
	at := func(node ast.Node, comment *ast.CommentGroup, called string) place {
		from := node.Pos()
		if comment != nil {
			from = comment.Pos()
		}
		first, last := lines.Position(from), lines.Position(node.End())
		return place{file: name, name: called, first: first.Line, line: lines.Position(node.Pos()).Line, last: last.Line, from: first.Offset, to: last.Offset}
	}
	i.files[name] = nil
	for _, d := range file.Decls {
		called, comment := nameOf(d)
		declared := at(d, comment, called)
		i.files[name] = append(i.files[name], declared)
		switch d := d.(type) {
		case *ast.FuncDecl:
			i.functions[folder+"."+called] = declared
			if d.Recv != nil {
				i.methods[folder+"."+d.Name.Name] = declared
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if s, ok := s.(*ast.ValueSpec); ok {
					for _, n := range s.Names {
						i.variables[folder+"."+n.Name] = declared
					}
				}
			}
		}
		ast.Inspect(d, func(n ast.Node) bool {
			if check, fn, ok := checkIn(n); ok {
				v := verify{folder: folder, imports: imports, fn: fn}
				if literal, ok := fn.(*ast.FuncLit); ok {
					v.literal = at(literal, nil, called)
				}
				i.judges[checkKey{program, check}] = v
			}
			switch n := n.(type) {
			case *ast.ValueSpec:
				for at, value := range n.Values {
					i.constants[folder+"."+n.Names[at].Name] = value
				}
			case *ast.CompositeLit:
				if len(n.Elts) > 2 {
					i.routes = append(i.routes, route{program, folder, imports, n.Elts})
				}
			}
			return true
		})
	}
	return nil
}

// checkIn reads check.New("its name", "its source", fn) and {Name: "its name",
// Source: "its source", Verify: fn}.
func checkIn(n ast.Node) (name string, fn ast.Expr, ok bool) {
	var named ast.Expr
	switch n := n.(type) {
	case *ast.CallExpr:
		called, ok := n.Fun.(*ast.SelectorExpr)
		if !ok || called.Sel.Name != "New" || len(n.Args) != 3 {
			return "", nil, false
		}
		if of, ok := called.X.(*ast.Ident); !ok || of.Name != "check" {
			return "", nil, false
		}
		named, fn = n.Args[0], n.Args[2]
	case *ast.CompositeLit:
		for _, element := range n.Elts {
			if member, ok := element.(*ast.KeyValueExpr); ok {
				switch key, _ := member.Key.(*ast.Ident); {
				case key != nil && key.Name == "Name":
					named = member.Value
				case key != nil && key.Name == "Verify":
					fn = member.Value
				}
			}
		}
	}
	literal, ok := named.(*ast.BasicLit)
	if !ok || fn == nil || literal.Kind != token.STRING {
		return "", nil, false
	}
	name, err := strconv.Unquote(literal.Value)
	return name, fn, err == nil
}

// resolve finds where the function of a check is declared.
func (i *index) resolve(v verify, fn ast.Expr) (place, bool) {
	switch fn := fn.(type) {
	case *ast.FuncLit:
		return v.literal, v.literal.file != ""
	case *ast.ParenExpr:
		return i.resolve(v, fn.X)
	case *ast.StarExpr: // (*T).verify
		return i.resolve(v, fn.X)
	case *ast.IndexExpr: // of[T]
		return i.resolve(v, fn.X)
	case *ast.CallExpr: // a function that returns the judge
		return i.resolve(v, fn.Fun)
	case *ast.Ident:
		return i.declared(v.folder, fn.Name)
	case *ast.SelectorExpr:
		of := fn.X
		for {
			if inner, ok := of.(*ast.ParenExpr); ok {
				of = inner.X
			} else if inner, ok := of.(*ast.StarExpr); ok {
				of = inner.X
			} else {
				break
			}
		}
		name, ok := of.(*ast.Ident)
		if !ok {
			return place{}, false
		}
		if folder, ok := v.imports[name.Name]; ok {
			return i.declared(folder, fn.Sel.Name)
		}
		return i.declared(v.folder, name.Name+"."+fn.Sel.Name)
	}
	return place{}, false
}

// text is the value of a constant: "/token", CallbackPath, http.MethodGet.
func (i *index) text(folder string, e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value)
		return text
	case *ast.SelectorExpr:
		if method, ok := strings.CutPrefix(e.Sel.Name, "Method"); ok {
			return strings.ToUpper(method)
		}
	case *ast.Ident:
		if value, ok := i.constants[folder+"."+e.Name]; ok {
			return i.text(folder, value)
		}
	case *ast.BinaryExpr: // "/learn/" + slug
		return i.text(folder, e.X) + i.text(folder, e.Y)
	}
	return ""
}

// handler finds the function that a line of a route table names, be it wrapped
// in others: s.page(s.callback).
func (i *index) handler(r route, e ast.Expr) (place, bool) {
	switch e := e.(type) {
	case *ast.CallExpr:
		if len(e.Args) > 0 {
			return i.handler(r, e.Args[len(e.Args)-1])
		}
	case *ast.SelectorExpr:
		of, ok := e.X.(*ast.Ident)
		if !ok {
			return place{}, false
		}
		if folder, ok := r.imports[of.Name]; ok {
			at, ok := i.functions[folder+"."+e.Sel.Name]
			return at, ok
		}
		if at, ok := i.methods[r.folder+"."+e.Sel.Name]; ok {
			return at, true
		}
		for _, folder := range r.imports {
			if at, ok := i.methods[folder+"."+e.Sel.Name]; ok && strings.HasPrefix(folder, r.program+"/") {
				return at, true
			}
		}
	}
	return place{}, false
}

func (i *index) declared(folder, name string) (place, bool) {
	if at, ok := i.functions[folder+"."+name]; ok {
		return at, true
	}
	at, ok := i.variables[folder+"."+name]
	return at, ok
}

// importsOf is what of ours a file imports, by the name that it has there.
func importsOf(file *ast.File) map[string]string {
	imports := map[string]string{}
	for _, s := range file.Imports {
		imported, err := strconv.Unquote(s.Path.Value)
		folder, ours := strings.CutPrefix(imported, module)
		if err != nil || !ours {
			continue
		}
		name := path.Base(folder)
		if s.Name != nil {
			name = s.Name.Name
		}
		imports[name] = folder
	}
	return imports
}

// nameOf is "push", or "AuthorizationCode.push" for a method.
func nameOf(d ast.Decl) (name string, comment *ast.CommentGroup) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name = d.Name.Name
		if d.Recv != nil {
			name = receiver(d.Recv.List[0].Type) + "." + name
		}
		return name, d.Doc
	case *ast.GenDecl:
		if len(d.Specs) > 0 {
			switch s := d.Specs[0].(type) {
			case *ast.TypeSpec:
				return s.Name.Name, d.Doc
			case *ast.ValueSpec:
				return s.Names[0].Name, d.Doc
			}
		}
		return d.Tok.String(), d.Doc
	}
	return "", nil
}

// receiver is the name of a method's type, be it *T or T[In].
func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}
