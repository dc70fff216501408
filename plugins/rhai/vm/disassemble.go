package vm

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/picloud/picloud/plugins/rhai/syntax"
)

// Disassemble writes the code of all functions of p, in the order of their definition, each
// followed by its closures. A line is the number of the instruction, its position in the source
// as line:column, its name and its operands: R2 is a register, K1 a constant, #3 an integer, -> 7
// the instruction that a jump goes to. What is known by a number in a table of the function
// (a call site, a callee) is shown with its name.
func Disassemble(w io.Writer, p *Program) error {
	var text bytes.Buffer
	disassemble(&text, "main", p.Main)
	for _, f := range p.Functions {
		name := f.Name
		if f.ThisType != "" {
			name = f.ThisType + "." + name
		}
		disassemble(&text, name, f)
	}
	_, err := text.WriteTo(w)
	return err
}

// DisassembleFunction works as [Disassemble], for one function, such as the code of an eval, under
// a name.
func DisassembleFunction(w io.Writer, name string, f *Function) error {
	var text bytes.Buffer
	disassemble(&text, name, f)
	_, err := text.WriteTo(w)
	return err
}

func disassemble(w *bytes.Buffer, name string, f *Function) {
	fmt.Fprintf(w, "function %s: %d parameters, %d registers", name, f.Params, f.Registers)
	for i, r := range f.Captures {
		fmt.Fprintf(w, ", captures R%d as R%d", r, i)
	}
	w.WriteByte('\n')
	for i, k := range f.Consts {
		fmt.Fprintf(w, "  K%d = %s\n", i, Debug(k))
	}
	for pc, in := range f.Code {
		at := ""
		if p := f.Positions[pc]; p.IsKnown() {
			at = fmt.Sprintf("%d:%d", p.Line, p.Column)
		}
		line := fmt.Sprintf("  %4d %7s  %-13s %s", pc, at, in.Op(), strings.Join(f.operands(pc, in), " "))
		w.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	for _, h := range f.Handlers {
		if h.Rethrow {
			fmt.Fprintf(w, "  rethrow in %d..%d: of R%d\n", h.Start, h.End, h.Error)
		} else {
			fmt.Fprintf(w, "  catch in %d..%d: -> %d, R%d = value, R%d = error\n", h.Start, h.End, h.Target, h.Value, h.Error)
		}
	}
	w.WriteByte('\n')
	for _, c := range f.Closures {
		disassemble(w, name+"/"+c.Name, c)
	}
}

// operands shows the fields of the instruction at pc.
func (f *Function) operands(pc int, in Instr) (shown []string) {
	show := func(what operand, n int) {
		if what != "" {
			shown = append(shown, f.operand(what, n, pc))
		}
	}
	row := opcodes[in.Op()]
	show(row.a, int(in.A()))
	if row.d != "" {
		show(row.d, int(in.D()))
	} else {
		show(row.b, signed(row.b, in.B()))
		show(row.c, signed(row.c, in.C()))
	}
	show(row.x, int(in.X()))
	return shown
}

// signed returns a field of 16 bits, which has a sign only as an integer or the target of a jump.
func signed(what operand, n uint16) int {
	if what == "i" || what == "->" {
		return int(int16(n))
	}
	return int(n)
}

// operand shows a field n of the instruction at pc.
func (f *Function) operand(what operand, n, pc int) string {
	number := strconv.Itoa(n)
	switch what {
	case "R", "K":
		return string(what) + number
	case "i":
		return "#" + number
	case "->":
		return "-> " + strconv.Itoa(pc+1+n)
	case "op", "op=":
		return syntax.Operator(n).String() + strings.TrimPrefix(string(what), "op")
	case "charge":
		return "charge " + number
	case "Sites":
		return f.Sites[n].describe()
	case "Calls":
		return f.Calls[n].Name
	case "Closures":
		return f.Closures[n].Name
	case "Errors":
		return strconv.Quote(f.Errors[n].Text)
	case "Switches":
		return f.Switches[n].describe(pc)
	}
	return number
}

// describe shows what a site calls or looks up.
func (s *Site) describe() string {
	name := s.Name
	if len(s.Path) > 0 {
		name = syntax.Qualified(s.Path, name)
	}
	return strconv.Quote(name)
}

// describe shows where the OpSwitch at pc goes for which value.
func (s *Switch) describe(pc int) string {
	arms := make([]string, len(s.Values))
	for i, v := range s.Values {
		arms[i] = fmt.Sprintf("%s -> %d", Debug(v), pc+1+int(s.Targets[i]))
	}
	return strings.Join(arms, ", ")
}
