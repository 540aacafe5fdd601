package sqs

// heap is a binary heap whose elements know their place, so that any of them
// can be removed or moved when its order changes.
type heap[T any] struct {
	items []T
	less  func(a, b T) bool
	// place is where an element keeps its index; -1 says it is not in the heap.
	place func(T) *int
}

func (h *heap[T]) len() int { return len(h.items) }

// min is the first element; the heap must not be empty.
func (h *heap[T]) min() T { return h.items[0] }

func (h *heap[T]) has(x T) bool { return *h.place(x) >= 0 }

func (h *heap[T]) push(x T) {
	h.items = append(h.items, x)
	*h.place(x) = len(h.items) - 1
	h.up(len(h.items) - 1)
}

// remove takes x out if it is in.
func (h *heap[T]) remove(x T) {
	i := *h.place(x)
	if i < 0 {
		return
	}
	last := len(h.items) - 1
	h.swap(i, last)
	var zero T
	h.items[last] = zero
	h.items = h.items[:last]
	*h.place(x) = -1
	if i < last {
		h.down(i)
		h.up(i)
	}
}

func (h *heap[T]) pop() T {
	x := h.items[0]
	h.remove(x)
	return x
}

func (h *heap[T]) swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	*h.place(h.items[i]), *h.place(h.items[j]) = i, j
}

func (h *heap[T]) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.less(h.items[i], h.items[parent]) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h *heap[T]) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h.items) {
			return
		}
		if child+1 < len(h.items) && h.less(h.items[child+1], h.items[child]) {
			child++
		}
		if !h.less(h.items[child], h.items[i]) {
			return
		}
		h.swap(i, child)
		i = child
	}
}
