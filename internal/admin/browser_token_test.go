package admin_test

import (
	"testing"

	"fermata/internal/admin"
	"fermata/internal/admin/endpoint"
	"fermata/internal/lab/browser"
)

func TestWithTheReadTokenTheDashboardHasNoButtonsAndSaysWhy(t *testing.T) {
	t.Parallel()
	o := endpoint.Options{Address: "127.0.0.1:9000", Token: "secret", ReadToken: "look"}
	page := browser.Open(t, start(t, admin.New(o, twoNodes(), exposition)))
	page.Do(
		browser.Until(`document.getElementById("ask").open`),
		browser.Type("#token", "look\r"),
		shows("#state", "live"),
		shows("#nodes .name", "reverb-1"),
		shows("#read-only:not([hidden])", "This token may look and change nothing (admin.read_token)."),
		browser.Until(`[...document.querySelectorAll("#nodes button")].every((button) => button.hidden)`),
		browser.Click("#other-token"),
		browser.Until(`document.getElementById("ask").open`),
		browser.Type("#token", "secret\r"),
		browser.Until(`document.getElementById("read-only").hidden`),
		browser.Click(card(1)+".act"),
		shows("#confirm-title", "Drain reverb-1?"),
	)
	page.ComplainsOnlyOf("401")
}
