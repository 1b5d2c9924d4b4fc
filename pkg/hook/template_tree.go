package hook

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
)

// The functions that rewrite puts into a template.
const (
	getName   = "_get"   // a key of a value, whatever the value is
	textName  = "_text"  // a key of a value, as text
	printName = "_print" // a value as text
	eachName  = "_each"  // a list or an object, to range over
	tickName  = "_tick"  // ends a run that takes too long
)

// rewrite makes a parsed template safe: missing keys are nothing, loops look at the time,
// and what could go on without end is refused.
func rewrite(t *template.Template) error {
	w := &rewriter{includes: make(map[string][]string)}
	for _, part := range t.Templates() {
		if part.Tree == nil {
			continue
		}
		w.tree, w.name = part.Tree, part.Name()
		w.list(part.Root)
		part.Root.Nodes = append([]parse.Node{tick()}, part.Root.Nodes...)
	}
	if w.err != nil {
		return w.err
	}
	for name, all := range w.includes {
		for _, other := range all {
			if t.Lookup(other) == nil {
				return fmt.Errorf("{{template %q}}: there is no define of this name", other)
			}
		}
		if w.reaches(name, name, make(map[string]bool)) {
			return fmt.Errorf("{{define %q}} includes itself, which may never end", name)
		}
	}
	return nil
}

type rewriter struct {
	tree     *parse.Tree
	name     string
	includes map[string][]string // the defines that a define includes
	err      error               // the first
}

func (w *rewriter) reaches(from, to string, seen map[string]bool) bool {
	for _, next := range w.includes[from] {
		if next == to {
			return true
		}
		if !seen[next] {
			seen[next] = true
			if w.reaches(next, to, seen) {
				return true
			}
		}
	}
	return false
}

func (w *rewriter) refuse(n parse.Node, why string) {
	if w.err == nil {
		where, _ := w.tree.ErrorContext(n)
		w.err = errors.New("template: " + where + ": " + why)
	}
}

func (w *rewriter) list(l *parse.ListNode) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			w.pipe(n.Pipe)
			if len(n.Pipe.Decl) == 0 {
				printed(n.Pipe)
			}
		case *parse.IfNode:
			w.branch(&n.BranchNode)
		case *parse.WithNode:
			w.branch(&n.BranchNode)
		case *parse.RangeNode:
			if cmds := n.Pipe.Cmds; len(cmds) == 1 && len(cmds[0].Args) == 1 {
				if _, ok := cmds[0].Args[0].(*parse.NumberNode); ok {
					w.refuse(n, "range over a number is not available; range over a list")
				}
			}
			w.branch(&n.BranchNode)
			n.Pipe.Cmds = append(n.Pipe.Cmds, command(eachName))
			n.List.Nodes = append([]parse.Node{tick()}, n.List.Nodes...)
		case *parse.TemplateNode:
			w.includes[w.name] = append(w.includes[w.name], n.Name)
			w.pipe(n.Pipe)
		}
	}
}

// printed makes a pipe end in a text.
func printed(p *parse.PipeNode) {
	if last, ok := p.Cmds[len(p.Cmds)-1].Args[0].(*parse.IdentifierNode); ok {
		switch last.Ident {
		case getName:
			p.Cmds[len(p.Cmds)-1].Args[0] = parse.NewIdentifier(textName)
			return
		case "upper", "lower", "title", "trim", "line", "short", "ref", "trunc", "replace", "join", "date", "ago", "duration", "num", "json", "urlquery", "mdtext", "slacktext", "header", "query", "print", "println", "printf":
			return // make texts themselves
		}
	}
	p.Cmds = append(p.Cmds, command(printName))
}

func (w *rewriter) branch(b *parse.BranchNode) {
	w.pipe(b.Pipe)
	w.list(b.List)
	w.list(b.ElseList)
}

func (w *rewriter) pipe(p *parse.PipeNode) {
	if p == nil {
		return
	}
	for i, c := range p.Cmds {
		c.Args[0] = w.bare(c.Args[0])
		for j := 1; j < len(c.Args); j++ {
			c.Args[j] = w.operand(c.Args[j])
		}
		path, ok := w.path(c.Args[0])
		if !ok {
			continue
		}
		if i > 0 || len(c.Args) > 1 {
			w.refuse(c, fmt.Sprintf("%s is not a function", c.Args[0]))
			continue
		}
		c.Args = path.Args
	}
}

// bare rewrites what is inside the first word of a command.
func (w *rewriter) bare(n parse.Node) parse.Node {
	switch n := n.(type) {
	case *parse.PipeNode:
		w.pipe(n)
	case *parse.IdentifierNode:
		switch n.Ident {
		case "call", "html", "js", "slice":
			w.refuse(n, n.Ident+" is not available")
		}
	}
	return n
}

// operand rewrites an argument.
func (w *rewriter) operand(n parse.Node) parse.Node {
	w.bare(n)
	if path, ok := w.path(n); ok {
		return &parse.PipeNode{NodeType: parse.NodePipe, Pos: n.Position(), Cmds: []*parse.CommandNode{path}}
	}
	return n
}

// path returns the command that gets what a chain of fields names; ok is false for
// other nodes.
func (w *rewriter) path(n parse.Node) (c *parse.CommandNode, ok bool) {
	var from parse.Node
	var keys []string
	switch n := n.(type) {
	case *parse.FieldNode:
		from, keys = &parse.DotNode{NodeType: parse.NodeDot, Pos: n.Pos}, n.Ident
	case *parse.VariableNode:
		if len(n.Ident) == 1 {
			return nil, false
		}
		whole := n.Copy().(*parse.VariableNode)
		keys = n.Ident[1:]
		whole.Ident = n.Ident[:1]
		from = whole
	case *parse.ChainNode:
		from, keys = w.operand(n.Node), n.Field
	default:
		return nil, false
	}
	path := strings.Join(keys, pathSep)
	return command(getName, from, &parse.StringNode{NodeType: parse.NodeString, Quoted: strconv.Quote(path), Text: path}), true
}

// pathSep is between the keys of a path: no name of a field has it.
const pathSep = "."

func command(name string, args ...parse.Node) *parse.CommandNode {
	return &parse.CommandNode{NodeType: parse.NodeCommand, Args: append([]parse.Node{parse.NewIdentifier(name)}, args...)}
}

func tick() parse.Node {
	return &parse.ActionNode{NodeType: parse.NodeAction, Pipe: &parse.PipeNode{NodeType: parse.NodePipe, Cmds: []*parse.CommandNode{command(tickName)}}}
}
