package learn

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"

	"example.com/acme-dreams/internal/source"
)

// text is the declaration with its comment, as it was compiled, and where it begins.
// A name that is not there gives nothing (TestEveryExcerptIsThere).
func (e Excerpt) text() (text string, line int) {
	whole, _ := source.Text("dreams/flow/" + e.File)
	files := gotoken.NewFileSet()
	file, err := parser.ParseFile(files, e.File, whole, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return "", 0
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
		return whole[files.Position(from).Offset:files.Position(d.End()).Offset], files.Position(d.Pos()).Line
	}
	return "", 0
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
