package proxy

import "net/http"

// Retire is for a process that accepts no connection any more, as another one does:
// each that it still has brings one request, and is closed behind the answer. Clients
// stay, and upgrades are served as ever.
func (h *Handler) Retire() { h.retired.Store(true) }

// Unretire undoes Retire.
func (h *Handler) Unretire() { h.retired.Store(false) }

// Beside is how many clients other processes have that are one with this one.
func (h *Handler) Beside(clients int) { h.beside.Store(int64(clients)) }

// retireConnection has the answer be the last one on its connection.
func (h *Handler) retireConnection(w http.ResponseWriter) {
	if h.retired.Load() {
		w.Header().Set("Connection", "close")
	}
}
