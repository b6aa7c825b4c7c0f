package screen

// predecessors are the old processes that have clients still, a line each.
func (m *model) predecessors() (lines []line) {
	for _, p := range m.look.Predecessors {
		lines = append(lines, line{{p.Text(), plain}})
	}
	return lines
}
