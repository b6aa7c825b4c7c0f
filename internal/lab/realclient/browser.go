package realclient

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cdp "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"fermata/internal/lab/browser"
)

// StartBrowser runs clients in one page of a headless Chromium, which ends
// with the test. The page comes over https when the clients' URL is wss, since
// a page of another scheme would be another site to the cookie.
func StartBrowser(t testing.TB, o Options) *Clients {
	t.Helper()
	o.setDefaults()
	config, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	c := newClients(o)
	page := servePage(t, o)
	tab := browser.Tab(t, flags(o)...)
	c.command = func(line []byte) error { return call(tab, "runClient", line) }
	if err := c.listen(tab); err != nil {
		t.Fatalf("the browser: %v", err)
	}
	if err := chromedp.Do(tab, chromedp.Navigate(page+"/page.html")); err != nil {
		t.Fatalf("the page: %v", err)
	}
	if err := call(tab, "startClients", config); err != nil {
		t.Fatalf("the clients: %v", err)
	}
	return c
}

// flags are what the browser needs beyond its defaults.
func flags(o Options) []chromedp.ExecAllocatorOption {
	if o.Insecure {
		return []chromedp.ExecAllocatorOption{chromedp.IgnoreCertErrors}
	}
	return nil
}

// listen takes the lines that the page passes to emitLine.
func (c *Clients) listen(tab context.Context) error {
	err := chromedp.Listen(tab, func(event any) {
		if line, ok := event.(*cdp.EventBindingCalled); ok {
			if l, err := parseLine([]byte(line.Payload), len(c.clients)); err != nil {
				c.end(err)
			} else {
				c.take(l)
			}
		}
	})
	if err != nil {
		return err
	}
	_, err = chromedp.Call(tab, cdp.AddBinding, cdp.AddBindingParams{Name: "emitLine"})
	return err
}

// call calls one of the page's functions.
func call(tab context.Context, function string, argument []byte) error {
	return chromedp.Do(tab, chromedp.Evaluate[chromedp.Void](fmt.Sprintf("void %s(%s)", function, argument)))
}

// servePage serves the page and what it loads, and returns the URL.
func servePage(t testing.TB, o Options) string {
	t.Helper()
	server := httptest.NewUnstartedServer(pageHandler(modules(t), o))
	t.Cleanup(server.Close)
	if strings.HasPrefix(o.URL, "wss:") {
		server.StartTLS()
	} else {
		server.Start()
	}
	return server.URL
}

func pageHandler(modules string, o Options) http.Handler {
	pusher := PusherJS
	if o.Library == PusherJS81 {
		pusher = PusherJS81
	}
	files := map[string]string{
		"/page.html":     filepath.Join(folder(), "page.html"),
		"/clients.mjs":   filepath.Join(folder(), "clients.mjs"),
		"/sequences.mjs": filepath.Join(folder(), "sequences.mjs"),
		"/pusher.min.js": filepath.Join(modules, pusher, "dist/web", build(o)),
		"/echo.iife.js":  filepath.Join(modules, "laravel-echo/dist/echo.iife.js"),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if filepath.Ext(file) == ".mjs" {
			w.Header().Set("Content-Type", "text/javascript")
		}
		http.ServeFile(w, r, file)
	})
}

// build is the file of pusher-js that a page needs. Only one of them can decrypt;
// in node the only one can.
func build(o Options) string {
	if slices.ContainsFunc(o.Channels, isEncrypted) {
		return "pusher-with-encryption.min.js"
	}
	return "pusher.min.js"
}
