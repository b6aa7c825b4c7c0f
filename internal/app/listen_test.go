package app

import (
	"slices"
	"testing"
	"time"

	"fermata/internal/config"
	"fermata/internal/secret"
)

func TestAListenersTicketsAreKeyedByItsOwnSecretOrTheCookies(t *testing.T) {
	f := func(what string, tls *config.TLS, want ...secret.Text) {
		t.Helper()
		c := config.Default()
		c.Sticky.Cookie.Secrets = []secret.Text{"newer", "older"}
		if got := ticketSecrets(config.Listen{TLS: tls}, c); !slices.Equal(got, want) {
			t.Errorf("%s: got %d secrets, want %d others", what, len(got), len(want))
		}
	}
	f("plain HTTP", nil, "newer", "older")
	f("TLS", &config.TLS{}, "newer", "older")
	f("TLS with a secret", &config.TLS{TicketSecret: "its own"}, "its own")
}

func TestAnAnswerMayTakeAsLongAsItsRequestAndItsNode(t *testing.T) {
	a, _ := resting(t)
	a.config.Timeouts.Request, a.config.Timeouts.Response = 30*time.Second, 20*time.Second
	if got := a.clientServer().WriteTimeout; got != 50*time.Second {
		t.Errorf("got %v, want 50s", got)
	}
}
