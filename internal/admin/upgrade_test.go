package admin_test

import (
	"testing"
	"time"

	"fermata/internal/admin"
)

func TestAPredecessorIsALineForPeople(t *testing.T) {
	check := func(p admin.Predecessor, want string) {
		t.Helper()
		if got := p.Text(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	until := time.Date(2026, 3, 1, 12, 10, 0, 0, time.Local)
	check(admin.Predecessor{PID: 1234, Version: "v1.2", Clients: 2500, Until: until}, "process 1234 (v1.2) still has 2500 clients, all over by 12:10")
	check(admin.Predecessor{PID: 1, Version: "(devel)", Clients: 1}, "process 1 (devel) still has 1 client, until they leave")
}
