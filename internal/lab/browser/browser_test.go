package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"fermata/internal/lab/browser"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// told is a test that notes what it is blamed for.
type told struct {
	testing.TB
	errors []string
}

func (t *told) Errorf(format string, args ...any) {
	t.errors = append(t.errors, fmt.Sprintf(format, args...))
}

func TestAPageThatThrowsIsComplainedAbout(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte(`<link rel="icon" href="data:,"><button onclick="nonsense()">press</button><p>here</p>`))
	}))
	t.Cleanup(server.Close)
	told := &told{TB: t}
	page := browser.Open(told, server.URL)
	page.ComplainsOnlyOf()
	page.Do(browser.Click("button"), browser.Until(`document.querySelector("p").textContent === "here"`))
	if got := page.Text(`Promise.resolve(document.querySelector("p").textContent)`); got != "here" {
		t.Errorf("got %q, want the text of a promise", got)
	}
	page.ComplainsOnlyOf("Uncaught")
	if len(told.errors) != 0 {
		t.Errorf("got %q, want no errors until now", told.errors)
	}
	page.ComplainsOnlyOf("something else")
	if len(told.errors) != 1 || !strings.Contains(told.errors[0], "Uncaught") {
		t.Errorf("got errors %q, want one of an exception", told.errors)
	}
}
