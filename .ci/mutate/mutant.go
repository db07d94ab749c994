package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// A mutant is one change to the code.
type mutant struct {
	id       int // from 1
	file     string
	function string // or the variable; in a table also the name of the row
	operator string
	from, to string
	again    int // how many mutants before this one have the same words
	line     int
}

// key names the mutant by what it changes, so that it keeps its name when lines move.
func (m *mutant) key() string {
	s := m.file + ": " + m.function + ": " + m.operator + ": " + m.from
	if m.operator != removal {
		s += " => " + m.to
	}
	if m.again > 0 {
		s += " #" + strconv.Itoa(m.again+1)
	}
	return s
}

// source is one file with its mutants and the edits that hold them.
type source struct {
	name    string
	text    []byte
	fset    *token.FileSet
	pkg     string
	mutants []*mutant
	edits   []edit
	skipped int // statements that cannot be removed: declarations, and those in the head of an if, a for or a switch
	seen    map[ast.Expr]bool
}

// edit replaces the text from start to end; inner gives what lies within, with the edits that belong there.
type edit struct {
	start, end int
	depth      int // of several with the same range: the greatest is outermost
	ids        []int
	wrap       func(inner func(start, end int) string) string
}

// find finds the mutants of a file. Functions whose name is in texts, and those that return two strings and have no name (what a check
// says it expected and got), are left alone: they only make messages.
func find(name string, text []byte, texts []string) (*source, error) {
	s := &source{name: name, text: text, fset: token.NewFileSet(), seen: map[ast.Expr]bool{}}
	file, err := parser.ParseFile(s.fset, name, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	s.pkg = file.Name.Name
	ast.Walk(finder{source: s, texts: texts}, file)
	count := map[string]int{}
	for i, m := range s.mutants {
		m.id = i + 1
		key := m.key()
		m.again = count[key]
		count[key]++
	}
	return s, nil
}

// finder is where the walk is.
type finder struct {
	*source
	texts    []string
	function string
	results  []ast.Expr // the types that a return statement gives
}

func (f finder) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.GenDecl:
		if n.Tok != token.VAR {
			return nil
		}
	case *ast.ArrayType, *ast.FuncType:
		return nil // a length is a constant
	case *ast.FuncDecl:
		if slices.Contains(f.texts, n.Name.Name) {
			return nil
		}
		f.function, f.results = functionName(n), results(n.Type)
	case *ast.FuncLit:
		f.results = results(n.Type)
		if len(f.results) == 2 && f.is(f.results[0], "string") && f.is(f.results[1], "string") {
			return nil
		}
	case *ast.ValueSpec:
		if f.function == "" {
			f.function = n.Names[0].Name
		}
	case *ast.CompositeLit:
		if len(n.Elts) > 0 {
			if lit, ok := n.Elts[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				f.function += "[" + lit.Value + "]"
			}
		}
	case *ast.BlockStmt:
		f.statements(n.List)
	case *ast.CaseClause:
		f.statements(n.Body)
	case *ast.CommClause:
		f.statements(n.Body)
	case *ast.IfStmt:
		f.head(n.Init)
		f.condition(n.Cond, true)
	case *ast.ForStmt:
		f.head(n.Init)
		f.head(n.Post)
		if n.Cond != nil {
			f.condition(n.Cond, false) // true would never end
		}
	case *ast.SwitchStmt:
		f.head(n.Init)
		if n.Tag == nil {
			for _, clause := range n.Body.List {
				for _, e := range clause.(*ast.CaseClause).List {
					f.condition(e, true)
				}
			}
		}
	case *ast.BinaryExpr:
		f.binary(n)
	case *ast.UnaryExpr:
		if n.Op == token.NOT && !f.seen[n] {
			f.condition(n, true)
		}
	case *ast.ReturnStmt:
		f.returns(n)
	}
	return f
}

func functionName(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return d.Name.Name
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	if name, ok := t.(*ast.Ident); ok {
		return name.Name + "." + d.Name.Name
	}
	return d.Name.Name
}

// results are the types of a function's results, one for each.
func results(t *ast.FuncType) (types []ast.Expr) {
	if t.Results == nil {
		return nil
	}
	for _, field := range t.Results.List {
		for range max(1, len(field.Names)) {
			types = append(types, field.Type)
		}
	}
	return types
}

func (s *source) offset(p token.Pos) int       { return s.fset.Position(p).Offset }
func (s *source) span(n ast.Node) (int, int)   { return s.offset(n.Pos()), s.offset(n.End()) }
func (s *source) is(e ast.Expr, w string) bool { return s.words(e) == w }

// words is a node's text on one line.
func (s *source) words(n ast.Node) string {
	start, end := s.span(n)
	return strings.Join(strings.Fields(string(s.text[start:end])), " ")
}
