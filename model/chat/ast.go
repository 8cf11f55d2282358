package chat

// expr is a node that yields a value; node is one that writes output or changes names. machine.eval
// and machine.exec are the only callers of their methods, so that both are counted.
type expr interface {
	eval(m *machine, s *scope) (Value, error)
}

type node interface {
	exec(m *machine, s *scope) (signal, error)
	at() int
}

// signal says how a statement ended.
type signal uint8

const (
	goOn signal = iota
	doBreak
	doContinue
)

// place is the source line of a node.
type place int

func (p place) at() int { return int(p) }

type (
	constExpr struct{ v Value }
	nameExpr  struct {
		name string
		ref  ref
	}
	listExpr struct {
		items []expr
		tuple bool
	}
	dictExpr  struct{ keys, vals []expr }
	unaryExpr struct {
		op string // not - +
		x  expr
	}
	binaryExpr struct {
		op   string // + - * / // % **
		x, y expr
	}
	logicExpr struct {
		and  bool
		x, y expr
	}
	concatExpr  struct{ parts []expr }
	compareExpr struct {
		first expr
		ops   []string // == != < <= > >= in notin
		rest  []expr
	}
	condExpr struct {
		place
		test, then, other expr // other may be nil
	}
	attrExpr struct {
		x    expr
		name string
	}
	itemExpr  struct{ x, key expr }
	sliceExpr struct{ x, from, to, step expr } // all but x may be nil
	callExpr  struct {
		fn   expr
		args *callArgs
	}
	filterExpr struct {
		x    expr // nil: the body of a block
		name string
		def  *filterDef
		args *callArgs
	}
	testExpr struct {
		x    expr
		name string
		def  *testDef
		args *callArgs
	}
)

// callArgs are the arguments as written; star and starstar may be nil.
type callArgs struct {
	pos      []expr
	names    []string
	kw       []expr
	star     expr
	starstar expr
}

// target is what set, for and with assign to: a name, a namespace's attribute, or several.
type target struct {
	name  string
	ref   ref
	attr  string // not empty: a namespace's attribute
	parts []target
	multi bool
}

type (
	dataNode struct {
		place
		text string
	}
	printNode struct {
		place
		x expr
	}
	ifNode struct {
		place
		tests  []expr
		bodies [][]node
		other  []node
	}
	forNode struct {
		place
		target target
		iter   expr
		test   expr
		body   []node
		other  []node

		recursive  bool
		loopSlot   int
		frame      *frame
		testTarget target
		testFrame  *frame
		otherFrame *frame
	}
	setNode struct {
		place
		target target
		x      expr
	}
	setBlockNode struct {
		place
		target target
		filter expr
		body   []node
		frame  *frame
	}
	withNode struct {
		place
		targets []target
		vals    []expr
		body    []node
		frame   *frame
	}
	filterNode struct {
		place
		filter expr
		body   []node
		frame  *frame
	}
	macroNode struct {
		place
		name     string
		params   []string
		defaults []expr // for the last parameters
		body     []node
		varargs  bool
		kwargs   bool
		caller   bool
		ref      ref
		frame    *frame
		slots    []int // of params, then of special
	}
	callNode struct {
		place
		call  *callExpr
		macro *macroNode
	}
	scopeNode struct { // {% generation %}, which Jinja2 sees as a call whose caller writes the body
		place
		macro *macroNode
	}
	jumpNode struct {
		place
		signal signal
	}
)
