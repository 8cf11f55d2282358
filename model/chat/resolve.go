package chat

// analyse binds every name of a template to its place and returns the frame of the template itself and
// the names of the render's variables that it uses.
func analyse(body []node) (*frame, []string) {
	b := newBlock(nil)
	b.collect(body)
	b.bind(body)
	f := b.frame()
	names := make([]string, len(b.context))
	for name, i := range b.context {
		names[i] = name
	}
	return f, names
}

// collect finds the names of a block in the order of their appearance, not looking into blocks inside.
func (b *block) collect(body []node) {
	for _, n := range body {
		switch n := n.(type) {
		case *printNode:
			b.collectExpr(n.x)
		case *ifNode:
			b.collectIf(n)
		case *forNode:
			b.collectExpr(n.iter)
		case *setNode:
			b.collectExpr(n.x)
			b.collectTarget(&n.target, b.store)
		case *setBlockNode:
			b.collectTarget(&n.target, b.store)
		case *withNode:
			for _, x := range n.vals {
				b.collectExpr(x)
			}
		case *filterNode:
			b.collectExpr(n.filter)
		case *macroNode:
			b.store(n.name)
		case *callNode:
			b.collectExpr(n.call)
		}
	}
}

// collectIf treats each elif as an if of its own inside one branch, as the parser of Jinja2 does.
func (b *block) collectIf(n *ifNode) {
	b.collectExpr(n.tests[0])
	b.branches(
		func() { b.collect(n.bodies[0]) },
		func() {
			for i := 1; i < len(n.tests); i++ {
				b.collectExpr(n.tests[i])
				b.branches(func() { b.collect(n.bodies[i]) })
			}
		},
		func() { b.collect(n.other) },
	)
}

func (b *block) collectExpr(x expr) {
	eachName(x, func(n *nameExpr) { b.load(n.name) })
}

func (b *block) collectTarget(t *target, store func(name string)) {
	switch {
	case t.multi:
		for i := range t.parts {
			b.collectTarget(&t.parts[i], store)
		}
	case t.attr != "":
		b.load(t.name)
	default:
		store(t.name)
	}
}

// bind gives the names of a block their places and analyses the blocks inside.
func (b *block) bind(body []node) {
	for _, n := range body {
		switch n := n.(type) {
		case *printNode:
			b.bindExpr(n.x)
		case *ifNode:
			for i, test := range n.tests {
				b.bindExpr(test)
				b.bind(n.bodies[i])
			}
			b.bind(n.other)
		case *forNode:
			b.bindFor(n)
		case *setNode:
			b.bindExpr(n.x)
			b.bindTarget(&n.target)
		case *setBlockNode:
			n.frame = b.inner(n.body, n.filter)
			b.bindTarget(&n.target)
		case *withNode:
			for _, x := range n.vals {
				b.bindExpr(x)
			}
			in := newBlock(b)
			for i := range n.targets {
				in.collectTarget(&n.targets[i], in.param)
			}
			in.collect(n.body)
			for i := range n.targets {
				in.bindTarget(&n.targets[i])
			}
			in.bind(n.body)
			n.frame = in.frame()
		case *filterNode:
			n.frame = b.inner(n.body, n.filter)
		case *macroNode:
			n.ref = b.find(n.name)
			b.bindMacro(n)
		case *callNode:
			b.bindExpr(n.call)
			b.bindMacro(n.macro)
		case *scopeNode:
			b.bindMacro(n.macro)
		}
	}
}

// inner analyses a block without parameters whose text filters work on.
func (b *block) inner(body []node, filter expr) *frame {
	in := newBlock(b)
	in.collect(body)
	in.collectExpr(filter)
	in.bind(body)
	in.bindExpr(filter)
	return in.frame()
}

func (b *block) bindFor(n *forNode) {
	b.bindExpr(n.iter)
	in := newBlock(b)
	in.param("loop")
	in.collectTarget(&n.target, in.param)
	in.collect(n.body)
	in.bindTarget(&n.target)
	in.bind(n.body)
	n.loopSlot = in.slots["loop"]
	n.frame = in.frame()
	if n.test != nil {
		test := newBlock(b)
		n.testTarget = n.target.clone()
		test.collectTarget(&n.testTarget, test.param)
		test.collectExpr(n.test)
		test.bindTarget(&n.testTarget)
		test.bindExpr(n.test)
		n.testFrame = test.frame()
	}
	if n.other != nil {
		n.otherFrame = b.inner(n.other, nil)
	}
}

func (b *block) bindMacro(n *macroNode) {
	in := newBlock(b)
	for _, p := range n.params {
		in.param(p)
	}
	for _, x := range n.defaults {
		in.collectExpr(x)
	}
	for _, p := range n.special() {
		in.param(p)
	}
	in.collect(n.body)
	for _, x := range n.defaults {
		in.bindExpr(x)
	}
	in.bind(n.body)
	n.slots = n.slots[:0]
	for _, p := range n.params {
		n.slots = append(n.slots, in.slots[p])
	}
	for _, p := range n.special() {
		n.slots = append(n.slots, in.slots[p])
	}
	n.frame = in.frame()
}

func (b *block) bindExpr(x expr) {
	eachName(x, func(n *nameExpr) { n.ref = b.find(n.name) })
}

func (b *block) bindTarget(t *target) {
	for i := range t.parts {
		b.bindTarget(&t.parts[i])
	}
	if !t.multi {
		t.ref = b.find(t.name)
	}
}

func (t target) clone() target {
	parts := make([]target, len(t.parts))
	for i, p := range t.parts {
		parts[i] = p.clone()
	}
	t.parts = parts
	return t
}

// eachName visits the names in an expression.
func eachName(x expr, visit func(*nameExpr)) {
	all := func(xs ...expr) {
		for _, x := range xs {
			eachName(x, visit)
		}
	}
	switch x := x.(type) {
	case nil, *constExpr:
	case *nameExpr:
		visit(x)
	case *listExpr:
		all(x.items...)
	case *dictExpr:
		all(x.keys...)
		all(x.vals...)
	case *unaryExpr:
		all(x.x)
	case *binaryExpr:
		all(x.x, x.y)
	case *logicExpr:
		all(x.x, x.y)
	case *concatExpr:
		all(x.parts...)
	case *compareExpr:
		all(x.first)
		all(x.rest...)
	case *condExpr:
		all(x.test, x.then, x.other)
	case *attrExpr:
		all(x.x)
	case *itemExpr:
		all(x.x, x.key)
	case *sliceExpr:
		all(x.x, x.from, x.to, x.step)
	case *callExpr:
		all(x.fn)
		x.args.each(all)
	case *filterExpr:
		all(x.x)
		x.args.each(all)
	case *testExpr:
		all(x.x)
		x.args.each(all)
	}
}

func (a *callArgs) each(visit func(...expr)) {
	visit(a.pos...)
	visit(a.kw...)
	visit(a.star, a.starstar)
}
