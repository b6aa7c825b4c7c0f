package proxy

import "net/http"

// spellings are the names that package net/http spells differently from their
// RFCs. Names are compared without regard to case, but some peers do not.
var spellings = map[string]string{
	"Sec-Websocket-Key":        "Sec-WebSocket-Key",
	"Sec-Websocket-Version":    "Sec-WebSocket-Version",
	"Sec-Websocket-Protocol":   "Sec-WebSocket-Protocol",
	"Sec-Websocket-Extensions": "Sec-WebSocket-Extensions",
	"Sec-Websocket-Accept":     "Sec-WebSocket-Accept",
	"Www-Authenticate":         "WWW-Authenticate",
	"Etag":                     "ETag",
	"Dnt":                      "DNT",
}

// spell spells the names as their RFCs do. It comes last: Get, Set and Del do
// not find such names any more.
func spell(h http.Header) {
	for ours, theirs := range spellings {
		if values, ok := h[ours]; ok {
			delete(h, ours)
			h[theirs] = values
		}
	}
}

// speller spells the names of an answer that others write.
type speller struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (s speller) WriteHeader(status int) {
	spell(s.Header())
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (s speller) Unwrap() http.ResponseWriter { return s.ResponseWriter }
