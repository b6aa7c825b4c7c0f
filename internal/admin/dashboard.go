package admin

import (
	"embed"
	"net/http"
)

//go:embed web
var web embed.FS

// dashboard serves the page on / and what belongs to it under /web/.
func dashboard() http.Handler {
	files := http.FileServerFS(web)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.ServeFileFS(w, r, web, "web/dashboard.html")
			return
		}
		if r.URL.Path == "/web/" {
			writeError(w, errNoPath)
			return
		}
		files.ServeHTTP(w, r)
	})
}
