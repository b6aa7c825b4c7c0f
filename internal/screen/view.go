package screen

// lines are the screen: at most height lines of at most width columns, the
// last one with the keys. They depend on the model alone.
func (m *model) lines(width, height int) []line {
	if height <= 0 {
		return nil
	}
	all := m.head(width, height)
	all = append(all[:min(len(all), height-1)], m.body(width, height-1-len(all))...)
	for len(all) < height-1 {
		all = append(all, nil)
	}
	all = append(all, m.foot(width))
	for i := range all {
		all[i] = all[i].fit(width)
	}
	return all
}

// body is what stands between head and foot.
func (m *model) body(width, room int) []line {
	switch {
	case room <= 0:
		return nil
	case m.help:
		return first(helpLines(), room)
	case m.question != nil:
		return m.split(m.question.lines(width), width, room, room-3)
	}
	least := room / 3
	if room < 12 {
		least = 0 // the nodes come first
	}
	return m.split(m.eventLines(width), width, room, least)
}

// split shares the room between the nodes and what is below them, which gets
// what the nodes leave and at least least lines, if it needs them.
func (m *model) split(below []line, width, room, least int) []line {
	least = min(len(below), max(least, 0))
	nodes := m.nodeLines(width, room-least)
	return append(nodes, first(below, room-len(nodes))...)
}

// first is as many of the lines as there is room for.
func first(lines []line, room int) []line {
	return lines[:min(len(lines), max(room, 0))]
}

// flow puts parts behind one another, as many lines as that takes.
func flow(parts []line, gap string, width int) []line {
	var lines []line
	for _, part := range parts {
		if last := len(lines) - 1; last >= 0 && lines[last].columns()+len(gap)+part.columns() <= width {
			lines[last] = append(append(lines[last], span{text: gap}), part...)
			continue
		}
		lines = append(lines, part)
	}
	return lines
}
