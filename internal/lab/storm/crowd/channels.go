//go:build linux

package crowd

import "fmt"

// room is how many clients share a presence channel: each of them is told of all
// who come and go, so that a larger one would be about nothing else.
const room = 20

// shared are the channels that all clients have.
var shared = []string{"news", "private-news"}

// Kinds are the clients' channels: the public one, the private one, and all
// presence channels. Each client has one of each.
func (o Options) Kinds() (kinds [][]string) {
	for _, name := range shared {
		kinds = append(kinds, []string{name})
	}
	var rooms []string
	for _, g := range o.groups() {
		for number := range (g.clients + room - 1) / room {
			rooms = append(rooms, fmt.Sprintf("presence-%s.%d", g.name, number))
		}
	}
	return append(kinds, rooms)
}
