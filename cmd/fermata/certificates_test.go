package main

import (
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/admin/admintest"
)

func TestStatusShowsWhyThereIsNoCertificate(t *testing.T) {
	at := time.Date(2026, 12, 1, 10, 30, 0, 0, time.Local)
	control := admintest.New()
	control.Certificates = []admin.Certificate{
		{Domain: "a.example", NotAfter: at},
		{Domain: "b.example", Failures: 3, Reason: "connection refused", Next: at},
	}
	running(t, control, "")
	fermata(t.Context(), "status").has(t, 0, `
CERTIFICATE  UNTIL                REASON
a.example    2026-12-01 10:30:00  -
b.example    none yet             connection refused (tried 3 times, next at 10:30:00)
`, "")
}
