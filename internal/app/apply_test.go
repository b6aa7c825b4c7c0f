package app

import (
	"fmt"
	"testing"

	"fermata/internal/cluster"
)

func TestARebalanceOfAllNodesIsWholeWhereThereIsOneFermata(t *testing.T) {
	a, _ := resting(t)
	f := func(clients map[string]int, rate int, want string) {
		t.Helper()
		reliefs, got := a.partOf(cluster.View{}, cluster.Rebalance{Clients: clients, Rate: rate})
		text := ""
		for _, r := range reliefs {
			text += fmt.Sprintf("%s %d, ", r.Node.Name(), r.Clients)
		}
		if text += fmt.Sprint(got, " a second"); text != want {
			t.Errorf("%v at %d a second: got %s, want %s", clients, rate, text, want)
		}
	}
	f(map[string]int{"a": 10, "b": 30}, 50, "a 10, b 30, 50 a second")
	f(map[string]int{"a": 10, "b": 0}, 50, "a 10, 50 a second")
	f(map[string]int{"a": 10, "gone": 30}, 50, "a 10, 12 a second")
	f(map[string]int{"a": 1, "gone": 99}, 50, "a 1, 1 a second") // 0 would be all at once
	f(map[string]int{"a": 10}, 0, "a 10, 0 a second")
	f(map[string]int{"gone": 10}, 5, "5 a second")
}
