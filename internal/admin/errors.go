package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

var (
	errToken     = errors.New("no or wrong token, want the header Authorization: Bearer TOKEN")
	errForbidden = errors.New("forbidden")
	errReadOnly  = errors.New("this token may look and change nothing: it is admin.read_token, want admin.token")
	errNoPath    = errors.New("no such path")
	errMethod    = errors.New("wrong method")
)

// configError is what is wrong in the configuration file.
type configError struct{ error }

// errorBody is what every error looks like on the wire.
type errorBody struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// classify is the one place where an error becomes a status and a code.
func classify(err error) (status int, code string) {
	switch {
	case errors.As(err, new(inputError)):
		return http.StatusBadRequest, "bad_input"
	case errors.Is(err, errToken):
		return http.StatusUnauthorized, "unauthorized"
	case errors.Is(err, errReadOnly):
		return http.StatusForbidden, "read_only"
	case errors.Is(err, errForbidden):
		return http.StatusForbidden, "forbidden"
	case errors.Is(err, ErrUnknownNode):
		return http.StatusNotFound, "unknown_node"
	case errors.Is(err, errNoPath):
		return http.StatusNotFound, "not_found"
	case errors.Is(err, errMethod):
		return http.StatusMethodNotAllowed, "method_not_allowed"
	case errors.Is(err, ErrRefused):
		return http.StatusConflict, "refused"
	case errors.Is(err, ErrRollLost):
		return http.StatusConflict, "roll_lost"
	case errors.Is(err, ErrNotUpgraded):
		return http.StatusBadGateway, "not_upgraded"
	case errors.Is(err, ErrAway):
		return http.StatusServiceUnavailable, "cluster_away"
	case errors.As(err, new(configError)):
		return http.StatusUnprocessableEntity, "bad_configuration"
	}
	return http.StatusInternalServerError, codeInternal
}

// codeInternal is that of all errors that are not expected.
const codeInternal = "internal"

func writeError(w http.ResponseWriter, err error) {
	status, code := classify(err)
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="fermata"`)
	}
	var body errorBody
	body.Error.Code, body.Error.Message = code, err.Error()
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	var body bytes.Buffer
	if err := Encode(&body, value); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body.Bytes()) // a caller who is gone needs no answer
}

// Encode writes value as the API does: indented, with a newline at its end.
func Encode(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
