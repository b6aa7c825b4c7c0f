package proxy

import (
	"net/http"

	"fermata/balancer"
)

// pinsOf are the values that the client sends for the pin's cookie.
func (h *Handler) pinsOf(r *http.Request) []string {
	var pins []string
	for _, cookie := range r.CookiesNamed(h.pool.Cookie().Name) {
		pins = append(pins, cookie.Value)
	}
	return pins
}

// pinCookie is the Set-Cookie that pins the client to its node. It is empty if the
// client has that cookie already or is not pinned by cookie.
func (h *Handler) pinCookie(r *http.Request, c *client) string {
	pin := h.pool.Pin(c.pick.Node)
	sent := h.pinsOf(r)
	if pin == "" || (len(sent) > 0 && sent[0] == pin) {
		return ""
	}
	o := h.pool.Cookie()
	secure := o.Secure == "always" || (o.Secure == "auto" && c.secure)
	cookie := http.Cookie{
		Name:        o.Name,
		Value:       pin,
		Path:        o.Path,
		Domain:      o.Domain,
		MaxAge:      int(o.MaxAge.Seconds()),
		HttpOnly:    true,
		Secure:      secure,
		SameSite:    sameSite(o),
		Partitioned: o.Partitioned && secure, // without it, browsers drop the cookie
	}
	return cookie.String()
}

func sameSite(o balancer.CookieOptions) http.SameSite {
	switch o.SameSite {
	case "strict":
		return http.SameSiteStrictMode
	case "none":
		return http.SameSiteNoneMode
	}
	return http.SameSiteLaxMode
}
