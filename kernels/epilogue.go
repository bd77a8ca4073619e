package kernels

// Epilogue is what Gemm makes of the elements of its result while they are still
// in the cache. Each part is left out while its Data is nil; they are done in this order:
//
//	c[m,n] += Add[m,n]
//	c[m,n] *= Gelu'(GradAt[m,n]), and Gelu[m,n] = Gelu(GradAt[m,n])
//	Gelu[m,n] = Gelu(c[m,n])  without GradAt
//	c[m,n] = 0 where it is negative, with Relu
//
// The first and the third are the ends of the two layers of an MLP, the middle one is
// what its backward pass needs: the gradient of the hidden layer's sums and, once more, its
// output. Every number is what Add, Gelu and GeluGrad would have made of a whole c.
//
// Shapes: [M,N], with unit ColStride.
// Aliasing: Gelu may be c without GradAt, and GradAt with it; no other overlap with c or the operands.
type Epilogue struct {
	Add, Gelu, GradAt Mat
	Relu              bool
}

// none reports whether there is nothing to do.
func (e *Epilogue) none() bool {
	return e.Add.Data == nil && e.Gelu.Data == nil && e.GradAt.Data == nil && !e.Relu
}

// check panics unless the parts that are there fit c.
func (e *Epilogue) check(op string, c Mat) {
	if e.none() {
		return
	}
	if c.Cols > 1 && c.ColStride != 1 {
		fail(op, "c.ColStride", c.ColStride, 1, "with an epilogue exactly")
	}
	for _, p := range [...]struct {
		name string
		m    Mat
	}{{"o.Add", e.Add}, {"o.Gelu", e.Gelu}, {"o.GradAt", e.GradAt}} {
		if p.m.Data == nil {
			continue
		}
		needShape(op, p.name, p.m, c.Rows, c.Cols)
		if p.m.Cols > 1 && p.m.ColStride != 1 {
			fail(op, p.name+".ColStride", p.m.ColStride, 1, "exactly")
		}
	}
}

// apply finishes columns [lo,hi) of rows [r,end) of c. Rows that touch are one: of 64 columns
// each they cost as much to begin as to finish.
func (e *Epilogue) apply(c Mat, r, end, lo, hi int) {
	if n := hi - lo; n == c.Cols && e.touch(c) {
		e.applyRun(c, r, 0, n*(end-r))
		return
	}
	for ; r < end; r++ {
		e.applyRun(c, r, lo, hi)
	}
}

// touch reports whether the rows of c and of all operands follow each other without gaps.
func (e *Epilogue) touch(c Mat) bool {
	for _, m := range [...]*Mat{&c, &e.Add, &e.GradAt, &e.Gelu} {
		if m.Data != nil && m.RowStride != c.Cols {
			return false
		}
	}
	return true
}

// applyRun finishes the elements [lo,hi) from where row r of c begins.
func (e *Epilogue) applyRun(c Mat, r, lo, hi int) {
	row := c.Data[r*c.RowStride+lo : r*c.RowStride+hi]
	if e.Add.Data != nil {
		add(row, row, e.Add.Data[r*e.Add.RowStride+lo:][:hi-lo])
	}
	switch {
	case e.GradAt.Data != nil && e.Gelu.Data != nil:
		geluBoth(e.Gelu.Data[r*e.Gelu.RowStride+lo:][:hi-lo], row, e.GradAt.Data[r*e.GradAt.RowStride+lo:][:hi-lo])
	case e.GradAt.Data != nil:
		geluGrad(row, row, e.GradAt.Data[r*e.GradAt.RowStride+lo:][:hi-lo])
	case e.Gelu.Data != nil:
		gelu(e.Gelu.Data[r*e.Gelu.RowStride+lo:][:hi-lo], row)
	}
	if e.Relu {
		relu(row, row)
	}
}

// ask asks for what apply reads and writes besides c in rows [r,r+rows) and columns
// [lo,hi).
func (e *Epilogue) ask(r, rows, lo, hi int) {
	for _, m := range [...]*Mat{&e.Add, &e.GradAt, &e.Gelu} {
		if m.Data != nil {
			prefetch(m.Data[r*m.RowStride+lo:], m.RowStride, rows, ceilDiv(hi-lo, slabAlign))
		}
	}
}

// epilogueJob is an epilogue apart from its product; an item is a row.
type epilogueJob struct {
	c Mat
	e Epilogue
}

var epilogueJobs freeList[epilogueJob]

func (j *epilogueJob) run(_, r int) { j.e.apply(j.c, r, r+1, 0, j.c.Cols) }

// applyAll finishes all of c, where the product could not.
func (e *Epilogue) applyAll(c Mat) {
	j := epilogueJobs.get()
	*j = epilogueJob{c: c, e: *e}
	parallelFor(c.Rows, j)
	*j = epilogueJob{}
	epilogueJobs.put(j)
}
