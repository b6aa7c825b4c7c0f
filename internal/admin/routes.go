package admin

import (
	"net/http"
	"strings"
)

// route is one that docs/openapi.yaml has.
type route struct {
	method, path string
	http.Handler
}

func (s *Server) routes(metrics http.Handler) []route {
	open := func(path string, h http.Handler) route { return route{"GET", path, h} }
	guarded := func(path string, h http.Handler) route { return route{"GET", path, s.withToken(h)} }
	api := func(method, path string, a answer) route { return route{method, path, s.withToken(a)} }
	return []route{
		api("GET", "/v1/nodes", s.nodes),
		api("GET", "/v1/nodes/{name}", s.node),
		api("POST", "/v1/nodes/{name}/drain", s.drain),
		api("POST", "/v1/nodes/{name}/undrain", s.undrain),
		api("POST", "/v1/rebalance", s.rebalance),
		api("POST", "/v1/reload", s.reload),
		api("POST", "/v1/upgrade", s.upgrade),
		api("GET", "/v1/roll", s.roll),
		api("PUT", "/v1/roll", s.setRoll),
		api("DELETE", "/v1/roll", s.endRoll),
		api("GET", "/v1/explain", s.explain),
		api("GET", "/v1/history", s.pastSamples),
		guarded("/v1/events", s.feed),
		guarded("/v1/live", http.HandlerFunc(s.live)),
		guarded("/metrics", metrics),
		open("/healthz", http.HandlerFunc(healthy)),
		open("/readyz", http.HandlerFunc(s.ready)),
		open("/{$}", dashboard()),
		open("/web/", dashboard()),
	}
}

// mux serves the routes. Another method, or path, is an error as all others are.
func (s *Server) mux(metrics http.Handler) http.Handler {
	mux, allowed := http.NewServeMux(), make(map[string][]string)
	for _, r := range s.routes(metrics) {
		mux.Handle(r.method+" "+r.path, r)
		allowed[r.path] = append(allowed[r.path], r.method)
	}
	for path, methods := range allowed {
		mux.Handle(path, s.withToken(wrongMethod(strings.Join(methods, ", "))))
	}
	mux.Handle("/", s.withToken(answer(noSuchPath)))
	return mux
}
