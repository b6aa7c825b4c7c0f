package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"fermata/internal/app/apptest"
	"fermata/internal/lab/browser"
)

func TestTheDemosSocketStaysWhenItsNodeIsDrained(t *testing.T) {
	t.Parallel()
	page, admin := startDemo(t)
	tab := browser.Tab(t, chromedp.IgnoreCertErrors)
	click := func(node string) chromedp.Action[chromedp.Void] {
		return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelector('[aria-label="Drain %s"]').click()`, node))
	}
	see := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(tab, steps...); err != nil {
			t.Fatal(err)
		}
	}
	see(chromedp.Navigate(page),
		browser.Until(`document.getElementById("detail").textContent.includes("on private-demo")`),
		browser.Until(`document.getElementById("trust").hidden`),                               // it is on wss://
		browser.Until(`document.querySelectorAll("#nodes li[data-state=ready]").length === 3`)) // up, too
	first, err := chromedp.Run(tab, chromedp.Evaluate[string](`document.getElementById("node").textContent`))
	if err != nil {
		t.Fatal(err)
	}
	see(click(first),
		browser.Until(fmt.Sprintf(`document.getElementById("node").textContent.startsWith("reverb-") && document.getElementById("node").textContent !== %q`, first)),
		browser.Until(`document.querySelector("#moves li").textContent.includes("the socket stayed")`),
		chromedp.SendKeys(chromedp.CSS("#text"), "hello\r"),
		browser.Until(`document.querySelector("#messages .text")?.textContent === "hello"`),
		browser.Until(`/^0 reconnects · moved 1 time · \d+ events, none missed$/.test(document.getElementById("counts").textContent)`))

	var out strings.Builder
	if code := run(t.Context(), []string{"status", "--admin", admin}, nil, &out, &out); code != exitDone || !strings.Contains(out.String(), "\n"+first+": 1 moved\n") {
		t.Errorf("status: exit %d, got\n%s\nwant a client moved off the node", code, out.String())
	}
}

func TestTheDemoWorksInABrowserThatDoesNotKnowItsCertificate(t *testing.T) {
	t.Parallel()
	page, _ := startDemo(t)
	tab := browser.Tab(t)
	err := chromedp.Do(tab, chromedp.Navigate(page),
		browser.Until(`document.getElementById("detail").textContent.includes("on private-demo")`),
		browser.Until(`!document.getElementById("trust").hidden`))
	if err != nil {
		t.Fatal(err)
	}
}

// startDemo runs the demo on free ports until the test ends, and checks that
// it ends well then.
func startDemo(t *testing.T) (page, admin string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, errOut := newPrinted(), newPrinted()
	done := make(chan int, 1)
	free := "127.0.0.1:0"
	go func() {
		done <- run(ctx, []string{"demo", "--page", free, "--tls", free, "--plain", free, "--admin", free}, nil, out, errOut)
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-done; code != exitDone {
			t.Errorf("exit of the demo: got %d, want 0: %s", code, errOut.text())
		}
	})
	text := out.until(t, "Ctrl-C")
	find := func(pattern string) string {
		found := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("no %s in %s", pattern, text)
		}
		return found[1]
	}
	return find(`page +(http://\S+)`), find(`FERMATA_ADMIN=(\S+)`)
}

// printed is an output that a test can wait for.
type printed struct {
	mu    sync.Mutex
	b     strings.Builder
	grown chan struct{}
}

func newPrinted() *printed { return &printed{grown: make(chan struct{})} }

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.grown)
	p.grown = make(chan struct{})
	return p.b.Write(b)
}

func (p *printed) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

// until returns the text once it contains what is wanted.
func (p *printed) until(t *testing.T, want string) string {
	t.Helper()
	timeout := time.After(apptest.Timeout)
	for {
		p.mu.Lock()
		text, grown := p.b.String(), p.grown
		p.mu.Unlock()
		if strings.Contains(text, want) {
			return text
		}
		select {
		case <-grown:
		case <-timeout:
			t.Fatalf("got %q in %s, want %q", text, apptest.Timeout, want)
		}
	}
}
