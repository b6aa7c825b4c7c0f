package admin_test

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"fermata/internal/admin"
	"fermata/internal/admin/admintest"
)

// browse opens the address in a headless Chromium, which ends with the test,
// and collects its complaints.
func browse(t *testing.T, address string) (tab context.Context, complaints func() string) {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Fatal("no chromium here; get what the tests need with: make setup")
	}
	tab = newTab(t)
	var mu sync.Mutex
	var all []string
	err := chromedp.Listen(tab, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *log.EventEntryAdded:
			all = append(all, e.Entry.Text)
		case *runtime.EventExceptionThrown:
			all = append(all, e.ExceptionDetails.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	do(t, tab, chromedp.Navigate(address))
	return tab, func() string { mu.Lock(); defer mu.Unlock(); return strings.Join(all, "\n") }
}

func newTab(t *testing.T) context.Context {
	t.Helper()
	life, end := context.WithTimeout(context.Background(), 2*time.Minute)
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)
	browser, stop := chromedp.NewExecAllocator(life, flags...)
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

func do(t *testing.T, tab context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(tab, steps...); err != nil {
		t.Fatal(err)
	}
}

// until waits until the expression is true in the page.
func until(expression string) chromedp.Action[chromedp.Void] {
	return chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(time.Minute))
}

// shows waits until the element that the selector finds has the text in it.
func shows(selector, text string) chromedp.Action[chromedp.Void] {
	return until(`document.querySelector("` + selector + `")?.textContent.includes("` + text + `")`)
}

func TestTheDashboardDrainsAndUndrainsInABrowser(t *testing.T) {
	control := admintest.New(
		admin.Node{Name: "reverb-1", Connections: 30, MaxConnections: 100, Reason: "<b>fine</b>"},
		admin.Node{Name: "reverb-2", Connections: 1, Health: "down", Reason: "dial refused"},
	)
	s := server(control, "")
	s.Publish(event(1))
	tab, complaints := browse(t, start(t, s))
	first := "#nodes tr:first-child "
	do(t, tab,
		shows("#state", "live"),
		shows("#summary", "1 of 2 nodes usable, 31 connections"),
		shows(first+".reason", "<b>fine</b>"),
		shows("#nodes tr:last-child .health", "down"),
		shows("#events li", "reverb-1: event 1"),
		chromedp.Click(chromedp.CSS(first+"button")),
		shows("#confirm-title", "Drain reverb-1?"),
		chromedp.Click(chromedp.CSS("#confirm-yes")),
		shows("#confirm-error", "no usable node would be left"),
	)
	if all := complaints(); strings.Count(all, "\n") > 0 || !strings.Contains(all, "409") {
		t.Errorf("got the complaints %q, want only that of the 409", all)
	}
	do(t, tab,
		shows("#confirm-yes", "Drain all the same"),
		chromedp.Click(chromedp.CSS("#confirm-yes")),
		shows(first+".node-state", "draining"),
		shows(first+".drain-text", "30 of 30 left, 100/s, until"),
		until(`!document.getElementById("confirm").open`),
	)
	s.Publish(event(2))
	do(t, tab,
		shows("#events li:first-child", "event 2"),
		chromedp.Click(chromedp.CSS(first+"button")),
		shows("#confirm-title", "Undrain reverb-1?"),
		chromedp.SendKeys(chromedp.CSS("#confirm-yes"), "\r"),
		shows(first+".node-state", "ready"),
	)
}

func TestTheDashboardAsksForTheToken(t *testing.T) {
	s := server(twoNodes(), "secret")
	s.Publish(event(1))
	tab, complaints := browse(t, start(t, s))
	do(t, tab,
		until(`document.getElementById("ask").open`),
		chromedp.SendKeys(chromedp.CSS("#token"), "wrong\r"),
		shows("#ask-error", "That token is wrong."),
		chromedp.SendKeys(chromedp.CSS("#token"), "secret\r"),
		shows("#state", "live"),
		shows("#nodes tr:first-child .name", "reverb-1"),
		shows("#events li", "event 1"),
		until(`sessionStorage.getItem("token") === "secret"`),
	)
	for line := range strings.SplitSeq(complaints(), "\n") {
		if !strings.Contains(line, "401") {
			t.Errorf("the browser complains: %s", line)
		}
	}
}
