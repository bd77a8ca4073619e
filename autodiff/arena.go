package autodiff

// bump hands out runs of T from a list of chunks and takes them back all at
// once: release returns to an earlier mark and keeps the chunks. Repeating the
// same sequence of takes after a release allocates nothing.
//
//	chunk 0 [############....]  chunk 1 [######..........]  chunk 2 [................]
//	                                     at=1  ^used
type bump[T any] struct {
	chunks [][]T
	starts []int // starts[i]: elements handed out of the chunks before i
	at     int   // chunk now being filled
	used   int   // elements handed out of it
	high   int   // most elements handed out at one time; ends of chunks that were skipped are not counted
	first  int   // elements of the first chunk
	limit  int   // largest chunk that growth alone asks for
	make   func(n int) []T
}

// mark is a position in a bump.
type mark struct{ at, used int }

func (b *bump[T]) mark() mark { return mark{b.at, b.used} }

// release takes back everything handed out since m.
func (b *bump[T]) release(m mark) { b.at, b.used = m.at, m.used }

// reserved returns the elements in all chunks.
func (b *bump[T]) reserved() int {
	n := 0
	for _, c := range b.chunks {
		n += len(c)
	}
	return n
}

// take returns n elements that hold whatever was in them before.
func (b *bump[T]) take(n int) []T {
	for b.at < len(b.chunks) && b.used+n > len(b.chunks[b.at]) {
		end := b.starts[b.at] + b.used
		if b.at, b.used = b.at+1, 0; b.at < len(b.chunks) {
			b.starts[b.at] = end
		} else {
			b.starts = append(b.starts, end)
		}
	}
	if b.at == len(b.chunks) {
		b.chunks = append(b.chunks, b.make(max(n, b.first, min(b.reserved(), b.limit))))
	}
	run := b.chunks[b.at][b.used : b.used+n : b.used+n]
	b.used += n
	b.high = max(b.high, b.starts[b.at]+b.used)
	return run
}

// since returns the elements of chunk c handed out after m; c runs from m.at
// to b.at. It is exact for runs of one element, which never skip a chunk's end.
func (b *bump[T]) since(m mark, c int) []T {
	if c >= len(b.chunks) {
		return nil
	}
	low, high := 0, len(b.chunks[c])
	if c == m.at {
		low = m.used
	}
	if c == b.at {
		high = b.used
	}
	return b.chunks[c][low:high]
}

// heapBump is a bump over the Go heap, for headers, shapes and indices.
func heapBump[T any](first int) bump[T] {
	return bump[T]{starts: make([]int, 1), first: first, limit: 1 << 16, make: func(n int) []T { return make([]T, n) }}
}
