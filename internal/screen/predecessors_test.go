package screen

import (
	"testing"
	"time"

	"fermata/internal/admin"
)

func TestTheScreenHasOldProcessesThatHaveClients(t *testing.T) {
	m := threeNodes()
	m.look.Predecessors = []admin.Predecessor{{PID: 1234, Version: "v1.2", Clients: 2500, Until: noon.Add(10 * time.Minute)}, {PID: 1, Version: "v1.1", Clients: 3}}
	wantText(t, m, "closed/s\nprocess 1234 (v1.2) still has 2500 clients, all over by 12:10\nprocess 1 (v1.1) still has 3 clients, until they leave\n\n")
}
