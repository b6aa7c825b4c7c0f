package screen

import "strings"

const help = `
  j k, arrows  select a node
  g G          the first, the last one
  d            drain it; asks first, with the forecast
  u            undrain it
  Ctrl-L       draw the screen again
  q, Ctrl-C    quit; drains go on

CLIENTS has a node's connections and, behind the
slash, max_connections; the bar is the one against
the other or, without max_connections, against the
fullest node. New and closed clients are counted
over five seconds.

In a cluster all but these are of all members.
"up 2/3" is up on two of three. What Redis must
know is refused while it is away; status --watch
--local then does it on this member alone.`

func helpLines() []line {
	var lines []line
	for text := range strings.SplitSeq(strings.TrimPrefix(help, "\n"), "\n") {
		lines = append(lines, line{{text, plain}})
	}
	return lines
}
