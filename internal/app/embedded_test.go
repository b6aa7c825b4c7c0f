package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"fermata/internal/app/apptest"
	"fermata/internal/lab/browser"
	"fermata/internal/lab/devnode"
)

// A browser that blocks third-party cookies still keeps partitioned ones.
func TestAPageEmbeddedInAnotherSiteKeepsItsNodeByAPartitionedCookie(t *testing.T) {
	t.Parallel()
	if got, want := picksOfAnEmbeddedPage(t, "partitioned: true"), []string{"hash", "cookie", "cookie"}; !slices.Equal(got, want) {
		t.Errorf("got the picks %v, want %v", got, want)
	}
}

func TestAPageEmbeddedInAnotherSiteHasNoOtherCookie(t *testing.T) {
	t.Parallel()
	if got, want := picksOfAnEmbeddedPage(t, "partitioned: false"), []string{"hash", "hash", "hash"}; !slices.Equal(got, want) {
		t.Errorf("got the picks %v, want %v", got, want)
	}
}

// picksOfAnEmbeddedPage has a page on localhost connect three times, one after
// the other, while it is embedded in a page of 127.0.0.1, which is another site.
func picksOfAnEmbeddedPage(t *testing.T, partitioned string) (picks []string) {
	t.Helper()
	s := apptest.New(t, 3, secure(t)+"sticky: {bounded_load: 0, cookie: {same_site: none, "+partitioned+"}}\n")
	_, port, _ := strings.Cut(s.Address, ":")
	embedded := servePages(t, fmt.Sprintf(`<script>
		const visit = (left) => {
			const socket = new WebSocket("wss://localhost:%s/app/%s");
			socket.onmessage = () => socket.close(1000);
			socket.onclose = () => left > 1 && visit(left - 1);
		};
		visit(3);
	</script>`, port, devnode.DefaultAppKey))
	outer := servePages(t, fmt.Sprintf(`<iframe src=%q></iframe>`, strings.Replace(embedded, "127.0.0.1", "localhost", 1)))
	tab := browser.Tab(t, chromedp.IgnoreCertErrors, chromedp.Flag("test-third-party-cookie-phaseout", true))
	if err := chromedp.Do(tab, chromedp.Navigate(outer)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		picks = append(picks, s.Logs.Wait(t, "client closed")["pick"].(string))
	}
	return picks
}

// servePages serves this page over TLS, and returns its URL.
func servePages(t *testing.T, page string) string {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, page)
	}))
	t.Cleanup(server.Close)
	return server.URL
}
