package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// The operators.
const (
	condition   = "condition"    // true or false instead of a condition; of an operand of && or ||, as if it were not there
	boundary    = "boundary"     // < and <= change places, > and >= too
	returnValue = "return value" // the zero value, true for false, an error for none, none for an error
	removal     = "removal"      // the statement is not there
)

// add makes a mutant and returns the place in the list, which becomes its id.
func (f finder) add(n ast.Node, operator, to string) int {
	from := f.words(n)
	if runes := []rune(from); len(runes) > 90 {
		from = string(runes[:89]) + "…"
	}
	f.mutants = append(f.mutants, &mutant{file: f.name, function: f.function, operator: operator, from: from, to: to, line: f.fset.Position(n.Pos()).Line})
	return len(f.mutants)
}

func (f finder) edit(n ast.Node, depth int, ids []int, wrap func(inner func(start, end int) string) string) {
	start, end := f.span(n)
	f.edits = append(f.edits, edit{start, end, depth, ids, wrap})
}

// always replaces the value of a boolean expression, by true if t is not 0 and by false if n is not 0.
func (f finder) always(e ast.Expr, t, n int) {
	start, end := f.span(e)
	ids := slices.DeleteFunc([]int{t, n}, func(id int) bool { return id == 0 })
	f.edit(e, 1, ids, func(inner func(int, int) string) string {
		s := "(" + inner(start, end) + ")"
		if n != 0 {
			s = "!" + on(n) + " && " + s
		}
		if t != 0 {
			s = on(t) + " || " + s
		}
		return "(" + s + ")"
	})
}

func (f finder) condition(e ast.Expr, both bool) {
	f.see(e)
	t := 0
	if both {
		t = f.add(e, condition, "true")
	}
	f.always(e, t, f.add(e, condition, "false"))
	f.operands(e)
}

func (f finder) see(e ast.Expr) { f.seen[e], f.seen[ast.Unparen(e)] = true, true }

// operands makes each operand of && and || what does not matter to the others.
func (f finder) operands(e ast.Expr) {
	switch e := ast.Unparen(e).(type) {
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			f.see(e.X)
			f.operands(e.X)
		}
	case *ast.BinaryExpr:
		if e.Op != token.LAND && e.Op != token.LOR {
			return
		}
		for _, x := range chain(e, e.Op) {
			f.see(x)
			if e.Op == token.LAND {
				f.always(x, f.add(x, condition, "true"), 0)
			} else {
				f.always(x, 0, f.add(x, condition, "false"))
			}
			f.operands(x)
		}
	}
}

// chain takes a && b && c apart.
func chain(e ast.Expr, op token.Token) []ast.Expr {
	if b, ok := e.(*ast.BinaryExpr); ok && b.Op == op {
		return append(chain(b.X, op), chain(b.Y, op)...)
	}
	return []ast.Expr{e}
}

var boundaries = map[token.Token]string{token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">"}

func (f finder) binary(e *ast.BinaryExpr) {
	switch e.Op {
	case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		if !f.seen[e] {
			f.condition(e, true)
		}
	case token.LAND, token.LOR:
		// The inner pairs of a chain are no conditions of their own.
		for _, x := range []ast.Expr{e.X, e.Y} {
			if b, ok := x.(*ast.BinaryExpr); ok && b.Op == e.Op {
				f.see(b)
			}
		}
		if !f.seen[e] {
			f.condition(e, true)
		}
	}
	if op := boundaries[e.Op]; op != "" {
		id := f.add(e, boundary, f.words(e.X)+" "+op+" "+f.words(e.Y))
		xs, xe := f.span(e.X)
		ys, ye := f.span(e.Y)
		was := e.Op.String()
		f.edit(e, 0, []int{id}, func(inner func(int, int) string) string {
			x, y := inner(xs, xe), inner(ys, ye)
			return fmt.Sprintf("(%s && (%s %s %s) || !%s && (%s %s %s))", on(id), x, op, y, on(id), x, was, y)
		})
	}
}

// head counts what stands in the head of a statement, from where nothing can be removed.
func (f finder) head(s ast.Stmt) {
	if s != nil {
		f.skipped++
	}
}

func (f finder) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				f.skipped++
				continue
			}
		case *ast.DeclStmt:
			f.skipped++
			continue
		case *ast.BranchStmt:
			if s.Tok == token.FALLTHROUGH {
				f.skipped++
				continue
			}
		case *ast.ReturnStmt:
			if len(s.Results) > 0 || len(f.results) > 0 {
				continue
			}
		case *ast.ExprStmt:
			if call, ok := s.X.(*ast.CallExpr); ok && f.is(call.Fun, "panic") {
				f.skipped++ // the function may have to end there
				continue
			}
		case *ast.IncDecStmt, *ast.DeferStmt, *ast.GoStmt, *ast.SendStmt:
		default:
			continue // what it consists of is changed
		}
		id := f.add(s, removal, "")
		start, end := f.span(s)
		f.edit(s, 2, []int{id}, func(inner func(int, int) string) string {
			return "if !" + on(id) + " { " + inner(start, end) + " }"
		})
	}
}

func (f finder) returns(r *ast.ReturnStmt) {
	type replacement struct {
		id, at int
		by     string
	}
	var replaced []replacement
	whole := len(r.Results) == 1 && len(f.results) > 1 // return f(), several results of one call
	for i, t := range f.results {
		if len(r.Results) == 0 {
			break
		}
		e := r.Results[0]
		if !whole {
			e = r.Results[i]
		}
		by, to := f.instead(t, e, whole)
		switch {
		case by != "":
			if len(f.results) > 1 {
				to = "result " + strconv.Itoa(i+1) + " is " + to
			}
			replaced = append(replaced, replacement{f.add(r, returnValue, to), i, by})
		case f.is(t, "bool") && !whole:
			f.returnsBool(e)
		}
	}
	if len(replaced) == 0 {
		return
	}
	var ids []int
	for _, m := range replaced {
		ids = append(ids, m.id)
	}
	start, end := f.span(r)
	f.edit(r, 0, ids, func(inner func(int, int) string) string {
		var b strings.Builder
		b.WriteString("{ ")
		for _, m := range replaced {
			b.WriteString("if " + on(m.id) + " { ")
			values, names := make([]string, len(f.results)), make([]string, len(f.results))
			for i := range values {
				switch {
				case i == m.at:
					values[i], names[i] = m.by, "_"
				case whole:
					values[i] = "mutant" + strconv.Itoa(i)
					names[i] = values[i]
				default:
					values[i] = inner(f.span(r.Results[i]))
				}
			}
			if whole {
				b.WriteString(strings.Join(names, ", ") + " := " + inner(f.span(r.Results[0])) + "; ")
			}
			b.WriteString("return " + strings.Join(values, ", ") + " }; ")
		}
		return b.String() + inner(start, end) + " }"
	})
}

// instead is what is returned instead of e, and what that is called; nothing where no other value is known.
func (f finder) instead(t, e ast.Expr, whole bool) (by, to string) {
	kind, value := f.words(t), f.words(e)
	zero := !whole && (value == "nil" || value == `""` || value == "0" || value == kind+"{}")
	switch {
	case kind == "bool" && !whole:
		return "", ""
	case zero && kind != "error" && len(f.results) > 1:
		return "", "" // beside false or an error a value means nothing
	case !zero:
		return "*new(" + kind + ")", map[string]string{"error": "nil", "string": `""`, "int": "0", "int64": "0", "bool": "false"}[kind] +
			map[bool]string{true: "the zero value"}[!slices.Contains([]string{"error", "string", "int", "int64", "bool"}, kind)]
	case kind == "error":
		return "errMutant", "an error"
	case kind == "string":
		return `"mutant"`, `"mutant"`
	case kind == "int" || kind == "int64" || kind == "byte":
		return "1", "1"
	}
	return "", ""
}

func (f finder) returnsBool(e ast.Expr) {
	if f.seen[e] {
		return
	}
	switch x := ast.Unparen(e).(type) {
	case *ast.BinaryExpr:
		return // a condition, which the walk will find
	case *ast.UnaryExpr:
		if x.Op == token.NOT {
			return
		}
	}
	f.see(e)
	switch f.words(e) {
	case "true":
		f.always(e, 0, f.add(e, returnValue, "false"))
	case "false":
		f.always(e, f.add(e, returnValue, "true"), 0)
	default:
		f.always(e, f.add(e, returnValue, "true"), f.add(e, returnValue, "false"))
	}
}
