package pusher

import "fmt"

// Codes of a Close frame, and of a pusher:error. What pusher-js does with one
// depends on its range: on 4000–4099 it never comes back, on 4100–4199 after a
// second, on 4200–4299 at once.
const (
	CodeUnknownApp = 4001 // the app key is not known
	CodeOverQuota  = 4004 // the app has as many connections as it may
	CodeForbidden  = 4009 // a wrong origin or signature
	CodeRetry      = 4100 // come back after a second
	CodeMove       = 4200 // come back at once
)

// CheckCloseCode returns an error for a code that must not be sent to a client,
// or after which pusher-js never comes back.
func CheckCloseCode(code int) error {
	switch {
	case code >= 4100 && code <= 4299, code == 1000, code == 1001, code == 1012, code == 1013:
		return nil
	}
	return fmt.Errorf("got %d, want 4200–4299 (clients come back at once), 4100–4199, 1000, 1001, 1012 or 1013 (after a second)", code)
}

// ComesAtOnce is whether pusher-js comes back without a pause on this code.
func ComesAtOnce(code int) bool { return code >= 4200 && code <= 4299 }
