package smoke

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
)

// pin is the case of that name. The cookie's value is opaque, but it stands
// for a node, and is set only when it is new or has changed: the pin holds
// when reconnecting with the cookie brings no other one.
func (s *site) pin(ctx context.Context) (string, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	first, err := s.visit(ctx, jar)
	if err != nil {
		return "", err
	}
	if first == "" {
		return "", s.noCookie()
	}
	if s.cookieIn(jar) != first {
		return "", &broken{"a cookie that a browser does not send back here", "one for " + s.name}
	}
	for i := range s.Reconnects {
		again, err := s.visit(ctx, jar)
		if err != nil {
			return "", err
		}
		if again != "" && again != first {
			return "", &broken{fmt.Sprintf("another cookie at reconnect %d", i+1), "the same node every time"}
		}
	}
	return fmt.Sprintf("same node over %d reconnects", s.Reconnects), nil
}

// visit connects once and returns the pin that the answer sets, if it does.
func (s *site) visit(ctx context.Context, jar http.CookieJar) (string, error) {
	conn, resp, err := s.dial(ctx, jar, nil)
	if err != nil {
		return "", err
	}
	defer conn.CloseNow()
	_, err = greeting(ctx, conn)
	return s.cookieOf(resp), err
}

// cookieOf is the pin that an answer sets; empty: none.
func (s *site) cookieOf(resp *http.Response) string {
	for _, cookie := range resp.Cookies() {
		if cookie.Name == s.Cookie {
			return cookie.Value
		}
	}
	return ""
}

// cookieIn is the pin that a browser would send.
func (s *site) cookieIn(jar http.CookieJar) string {
	for _, cookie := range jar.Cookies(s.page("app", s.Key)) {
		if cookie.Name == s.Cookie {
			return cookie.Value
		}
	}
	return ""
}

func (s *site) noCookie() error {
	if s.ExpectCookie {
		return &broken{"a 101 without the cookie " + s.Cookie, "Set-Cookie: " + s.Cookie + "=…"}
	}
	return skip("no cookie " + s.Cookie + " on the 101: pinned by IP, or not Fermata")
}
