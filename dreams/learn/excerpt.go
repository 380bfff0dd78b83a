package learn

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"

	"example.com/acme-dreams/dreams/flow"
)

// text is the declaration with its comment, as it was compiled. A name that is not
// there gives nothing (TestEveryExcerptIsThere).
func (e Excerpt) text() string {
	source, err := fs.ReadFile(flow.Source, e.File)
	if err != nil {
		return ""
	}
	files := gotoken.NewFileSet()
	file, err := parser.ParseFile(files, e.File, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return ""
	}
	for _, d := range file.Decls {
		name, comment := nameOf(d)
		if name != e.Name {
			continue
		}
		from := d.Pos()
		if comment != nil {
			from = comment.Pos()
		}
		return string(source[files.Position(from).Offset:files.Position(d.End()).Offset])
	}
	return ""
}

// nameOf is "push", or "AuthorizationCode.push" for a method.
func nameOf(d ast.Decl) (name string, comment *ast.CommentGroup) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name = d.Name.Name
		if d.Recv != nil {
			receiver := d.Recv.List[0].Type
			if pointer, ok := receiver.(*ast.StarExpr); ok {
				receiver = pointer.X
			}
			if of, ok := receiver.(*ast.Ident); ok {
				name = of.Name + "." + name
			}
		}
		return name, d.Doc
	case *ast.GenDecl:
		if len(d.Specs) == 1 {
			switch s := d.Specs[0].(type) {
			case *ast.TypeSpec:
				return s.Name.Name, d.Doc
			case *ast.ValueSpec:
				return s.Names[0].Name, d.Doc
			}
		}
	}
	return "", nil
}
