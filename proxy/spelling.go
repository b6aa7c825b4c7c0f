package proxy

import "net/http"

// spellings are the names that package net/http spells differently from their
// RFCs. Names are compared without regard to case, but some peers do not.
var spellings = []struct{ ours, rfc string }{
	{"Sec-Websocket-Key", "Sec-WebSocket-Key"},
	{"Sec-Websocket-Version", "Sec-WebSocket-Version"},
	{"Sec-Websocket-Protocol", "Sec-WebSocket-Protocol"},
	{"Sec-Websocket-Extensions", "Sec-WebSocket-Extensions"},
	{"Sec-Websocket-Accept", "Sec-WebSocket-Accept"},
	{"Www-Authenticate", "WWW-Authenticate"},
	{"Etag", "ETag"},
	{"Dnt", "DNT"},
}

// inRFC is the name as its RFC spells it.
func inRFC(name string) string {
	for _, s := range spellings {
		if s.ours == name {
			return s.rfc
		}
	}
	return name
}

// canonical is the name as package net/http spells it. To make that of a name that an
// RFC spells differently costs memory, which the list saves.
func canonical(name string) string {
	for _, s := range spellings {
		if s.rfc == name {
			return s.ours
		}
	}
	return http.CanonicalHeaderKey(name)
}

// spell spells the names as their RFCs do. It comes last: Get, Set and Del do
// not find such names any more.
func spell(h http.Header) {
	for _, s := range spellings {
		if values, ok := h[s.ours]; ok {
			delete(h, s.ours)
			h[s.rfc] = values
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
