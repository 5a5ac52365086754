package render

// Bounds of what is remembered: 1 MB of digests.
const (
	maxDigested = 64 << 10 // values in all builds
	maxVerdicts = 2_000
)

// memory is what is remembered by key. The zero value is empty.
type memory[T any] struct {
	items map[key]*item[T]
	cost  int
	now   int // calls of forget
}

type item[T any] struct {
	value T
	cost  int
	used  int
}

func (m *memory[T]) of(k key) (T, bool) {
	i := m.items[k]
	if i == nil {
		var none T
		return none, false
	}
	i.used = m.now
	return i.value, true
}

func (m *memory[T]) keep(k key, value T, cost int) {
	if m.items == nil {
		m.items = map[key]*item[T]{}
	}
	if old := m.items[k]; old != nil {
		m.cost -= old.cost
	}
	m.items[k] = &item[T]{value: value, cost: cost, used: m.now}
	m.cost += cost
}

// forget drops what was not asked for since the call before, and all that is left, where more than most is remembered.
func (m *memory[T]) forget(most int) {
	for k, i := range m.items {
		if m.cost > most && i.used < m.now {
			m.cost -= i.cost
			delete(m.items, k)
		}
	}
	if m.cost > most {
		m.items, m.cost = nil, 0
	}
	m.now++
}
