package vm

import (
	"io"
	"strconv"
)

// Disassemble writes the code of all functions of p, in the order of their definition.
func Disassemble(w io.Writer, p *Program) error {
	var visit func(name string, f *Function) error
	visit = func(name string, f *Function) error {
		text := "function " + name + ": " + strconv.Itoa(f.Params) + " parameters, " + strconv.Itoa(f.Registers) + " registers\n"
		for i, k := range f.Consts {
			text += "  K" + strconv.Itoa(i) + " = " + Debug(k) + "\n"
		}
		for pc, in := range f.Code {
			text += pad(strconv.Itoa(pc), 6) + pad(positionText(f.Positions[pc]), 26) + "  " + in.describe(pc) + "\n"
		}
		for _, h := range f.Handlers {
			what := "catch"
			if h.Rethrow {
				what = "rethrow"
			}
			text += "  " + what + " " + strconv.Itoa(int(h.Start)) + ".." + strconv.Itoa(int(h.End)) + " -> " + strconv.Itoa(int(h.Target)) + "\n"
		}
		if _, err := io.WriteString(w, text+"\n"); err != nil {
			return err
		}
		for _, c := range f.Closures {
			if err := visit(name+"/"+c.Name, c); err != nil {
				return err
			}
		}
		return nil
	}
	if err := visit("main", p.Main); err != nil {
		return err
	}
	for _, f := range p.Functions {
		if err := visit(f.Name, f); err != nil {
			return err
		}
	}
	return nil
}

func pad(s string, n int) string {
	for len(s) < n {
		s = " " + s
	}
	return s
}

// describe is the instruction at pc as a line of text; jumps show their target.
func (i Instr) describe(pc int) string {
	op := i.Op()
	num := func(n int) string { return " " + strconv.Itoa(n) }
	a, b, c, d := int(i.A()), int(i.B()), int(i.C()), int(i.D())
	text := op.String()
	switch op {
	case OpBinary:
		return text + num(a) + num(b) + " " + i.Operator().String() + num(c)
	case OpLoadK, OpLoadInt, OpGetGlobal, OpSetGlobal, OpArray, OpMap, OpFnName, OpClosure, OpIsDefVar, OpEval, OpNameRef, OpNameLock, OpNameOwn, OpNameCell, OpNameConst, OpUnlessConst, OpDefine, OpImport, OpImportTrim, OpExport, OpGetQualified, OpFail, OpSwitch:
		return text + num(a) + num(d)
	case OpJump:
		return text + " ->" + num(pc+1+d)
	case OpJumpFalse, OpJumpTrue, OpJumpUnit, OpJumpValue, OpLoop, OpForRange, OpIterNext:
		return text + num(a) + " ->" + num(pc+1+d)
	case OpInRange:
		return text + num(a) + num(b) + " ->" + num(pc+1+int(int16(c)))
	}
	if op >= OpUnlessEq && op <= OpUnlessGeI {
		if op >= OpUnlessEqI {
			b = int(int16(b))
		}
		return text + num(a) + num(b) + " ->" + num(pc+1+int(int16(c)))
	}
	if op >= OpWhileLt && op <= OpWhileGeI {
		if op >= OpWhileNeI {
			b = int(int16(b))
		}
		return text + num(a) + num(b) + " ->" + num(pc+1+int(int16(c)))
	}
	return text + num(a) + num(b) + num(c)
}
