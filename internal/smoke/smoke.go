// Package smoke tests a running stack from outside, as its clients see it:
// named cases, each with its time, and a report for people, scripts and CI.
package smoke

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"time"

	"fermata/internal/secret"
)

// Options say what is tested, and how. URLs and Key must be set.
type Options struct {
	// URLs are the stack's addresses: ws:// or wss://, with Reverb's path
	// prefix where there is one.
	URLs []string
	// Key is the app's key, AppID and Secret its id and secret. Without the
	// last two no event is published.
	Key    string
	AppID  string
	Secret secret.Text
	// Origin goes with each upgrade, as a browser sends it, for apps with
	// allowed_origins, such as https://app.example.com; empty: none is sent.
	Origin string
	// Cookie is the name of the pin's cookie; empty: "fermata".
	Cookie string
	// ExpectCookie makes a stack that sets no such cookie a failure.
	ExpectCookie bool
	// Reconnects is how often the pin is tried; 0: 3 times.
	Reconnects int
	// Nodes is how many nodes the event must reach; 0: as many as are found.
	Nodes int
	// Roots are the authorities that may have signed the certificate; nil:
	// those of the system.
	Roots *x509.CertPool
	// Insecure accepts any certificate. Whoever is in between can then read
	// and change everything.
	Insecure bool
	// MinValid is how long the certificate must still be valid; 0: 7 days.
	MinValid time.Duration
	// Timeout bounds each case; 0: 20 seconds.
	Timeout time.Duration
}

// Run tests one URL after the other, and stops early when ctx ends. It errors
// when the options are wrong; then nothing was tested.
func Run(ctx context.Context, options Options) (Report, error) {
	options.setDefaults()
	sites, err := options.sites()
	if err != nil {
		return Report{}, err
	}
	var report Report
	for _, s := range sites {
		report.URLs = append(report.URLs, s.run(ctx))
	}
	return report, nil
}

func (o *Options) setDefaults() {
	if o.Cookie == "" {
		o.Cookie = "fermata"
	}
	if o.Reconnects == 0 {
		o.Reconnects = 3
	}
	if o.MinValid == 0 {
		o.MinValid = 7 * 24 * time.Hour
	}
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
}

// sites checks the options and makes one site of each URL.
func (o *Options) sites() ([]*site, error) {
	if err := CheckURLs(o.URLs); err != nil {
		return nil, err
	}
	if o.Key == "" {
		return nil, errors.New("got no app key, want the key of an app that the nodes know")
	}
	if (o.AppID == "") != (o.Secret == "") {
		return nil, errors.New("got one of app id and secret, want both or none")
	}
	if o.Reconnects < 0 || o.Nodes < 0 || o.MinValid < 0 || o.Timeout < 0 {
		return nil, errors.New("got a negative number, want none")
	}
	if !isOrigin(o.Origin) {
		return nil, fmt.Errorf("got the origin %q, want SCHEME://HOST[:PORT], as a browser sends it", o.Origin)
	}
	var sites []*site
	for _, text := range o.URLs {
		u, err := parseURL(text)
		if err != nil {
			return nil, err
		}
		sites = append(sites, &site{Options: o, name: text, url: u})
	}
	return sites, nil
}

// CheckURLs errors unless they are what Options.URLs can be.
func CheckURLs(urls []string) error {
	if len(urls) == 0 {
		return errors.New("got no URL, want at least one, such as wss://ws.example.com")
	}
	for _, text := range urls {
		if _, err := parseURL(text); err != nil {
			return err
		}
	}
	return nil
}

func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return text == "" || err == nil && u.Hostname() != "" && text == u.Scheme+"://"+u.Host
}

// parseURL refuses what is not ws://HOST or wss://HOST with a path at most.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "ws" && u.Scheme != "wss") || u.Hostname() == "" {
		return nil, fmt.Errorf("got %q, want ws://HOST[:PORT] or wss://HOST[:PORT]", text)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("got %q, want at most a path behind the host", u.Redacted())
	}
	if u.Path == "" {
		u.Path = "/" // or what is joined to it has no slash in front
	}
	return u, nil
}
