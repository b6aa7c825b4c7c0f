// Package browser opens pages in a headless Chromium, for tests.
package browser

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const (
	// life bounds everything that a browser does in one test.
	life = 5 * time.Minute
	// patience bounds the wait for one change of a page.
	patience = time.Minute
)

// Tab opens a browser with one tab, which ends with the test. It ends the test
// where there is no Chromium, and skips it under -short.
func Tab(t testing.TB, flags ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it needs Chromium")
	}
	if !slices.ContainsFunc([]string{"chromium", "chromium-browser", "google-chrome"}, installed) {
		t.Fatal("no Chromium here; get what the tests need with: make setup")
	}
	ctx, end := context.WithTimeout(context.Background(), life)
	all := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)
	browser, stop := chromedp.NewExecAllocator(ctx, append(all, flags...)...)
	tab, closeTab := chromedp.NewContext(browser)
	t.Cleanup(func() {
		if err := chromedp.Cancel(tab); err != nil {
			t.Logf("closing the browser: %v", err)
		}
		closeTab()
		stop()
		end()
	})
	return tab
}

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// Page is a page in a tab of its own.
type Page struct {
	t   testing.TB
	tab context.Context

	mu         sync.Mutex
	complaints []string
}

// Open opens the address and collects what the browser complains about. It
// ends with the test.
func Open(t testing.TB, address string) *Page {
	t.Helper()
	p := &Page{t: t, tab: Tab(t)}
	if err := chromedp.Listen(p.tab, p.listen); err != nil {
		t.Fatal(err)
	}
	p.Do(chromedp.Navigate(address))
	return p
}

func (p *Page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		p.complaints = append(p.complaints, e.Entry.Text)
	case *runtime.EventExceptionThrown:
		p.complaints = append(p.complaints, e.ExceptionDetails.Text)
	}
}

// Do takes the steps one after the other, and ends the test at the first that
// is not possible.
func (p *Page) Do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.tab, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// Text is what an expression has become, a promise's value if it is one. It
// must be a string.
func (p *Page) Text(expression string) string {
	p.t.Helper()
	text, err := chromedp.Run(p.tab, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

// ComplainsOnlyOf checks that each complaint until now has one of the known
// texts in it.
func (p *Page) ComplainsOnlyOf(known ...string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, complaint := range p.complaints {
		if !slices.ContainsFunc(known, func(text string) bool { return strings.Contains(complaint, text) }) {
			p.t.Errorf("the browser complains: %s", complaint)
		}
	}
}

// Until waits until the expression is true in the page. Its error has the
// page's text.
func Until(expression string) chromedp.Action[chromedp.Void] {
	wait := chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(patience))
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := wait(ctx, tab)
		if err == nil {
			return nil
		}
		text, _ := chromedp.Evaluate[string]("document.body.innerText")(ctx, tab)
		return fmt.Errorf("waiting for %s: %w; the page says %q", expression, err, text)
	})
}

// Click clicks on the element that the CSS selector finds, once it is enabled: a
// click on a disabled one does nothing, and no error comes of it.
func Click(selector string) chromedp.Action[chromedp.Void] {
	enabled, click := Until(fmt.Sprintf("document.querySelector(%q)?.disabled !== true", selector)), chromedp.Click(chromedp.CSS(selector))
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		if _, err := enabled(ctx, tab); err != nil {
			return err
		}
		_, err := click(ctx, tab)
		return err
	})
}

// Type types into the element that the CSS selector finds; "\r" is Enter.
func Type(selector, keys string) chromedp.Action[chromedp.Void] {
	return chromedp.SendKeys(chromedp.CSS(selector), keys)
}
