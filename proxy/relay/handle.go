package relay

// handle names a relay of a shard. It does not hold it: the same index comes
// back with another generation once the relay has gone.
type handle struct{ index, generation uint32 }

// table finds relays by their handle. The zero value is empty.
type table[T any] struct {
	slots []slot[T]
	free  []uint32 // indexes
}

type slot[T any] struct {
	value      *T // nil: free
	generation uint32
}

// add makes room for v.
func (t *table[T]) add(v *T) handle {
	if len(t.free) == 0 {
		t.free = append(t.free, uint32(len(t.slots)))
		t.slots = append(t.slots, slot[T]{})
	}
	last := len(t.free) - 1
	index := t.free[last]
	t.free = t.free[:last]
	t.slots[index].value = v
	return handle{index, t.slots[index].generation}
}

// get is nil for what has gone.
func (t *table[T]) get(h handle) *T {
	if h.index >= uint32(len(t.slots)) || t.slots[h.index].generation != h.generation {
		return nil
	}
	return t.slots[h.index].value
}

// each calls f for all that are in it, which may remove them.
func (t *table[T]) each(f func(*T)) {
	for i := range t.slots {
		if v := t.slots[i].value; v != nil {
			f(v)
		}
	}
}

// remove makes h old.
func (t *table[T]) remove(h handle) {
	s := &t.slots[h.index]
	s.value = nil
	s.generation++
	t.free = append(t.free, h.index)
}

// len is how many are in it.
func (t *table[T]) len() int { return len(t.slots) - len(t.free) }
