package session

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// State is a session as another process gets it, in JSON. Fields are only ever added:
// one that is unknown is ignored, and one that is missing has its zero value.
type State struct {
	App           string              `json:"app"`   // its ID
	Proof         string              `json:"proof"` // of the key and the secret
	Told          string              `json:"told"`
	Present       string              `json:"present,omitempty"` // empty: as Told
	Subscriptions []StateSubscription `json:"subscriptions,omitempty"`
	Lost          string              `json:"lost,omitempty"` // why it cannot be moved; empty: it can
}

// StateSubscription is one of a State.
type StateSubscription struct {
	Channel string `json:"channel"`
	Data    string `json:"data,omitempty"` // the channel_data
}

// words are what a State says of why a session cannot be moved.
var words = [...]string{missed: "missed", unreadable: "unreadable", tooMany: "too_many", tooMuch: "too_much", nobody: "nobody", earlier: "earlier", ended: "ended"}

// State is for another process, in which Restore has the same session.
func (s *Session) State() State {
	st := State{App: s.app.ID, Proof: s.app.proof(), Told: s.told, Lost: words[s.lost]}
	if s.elsewhere != nil {
		st.Present = *s.elsewhere
	}
	for each := range s.subscriptions.all() {
		st.Subscriptions = append(st.Subscriptions, StateSubscription{each.channel, each.data})
	}
	return st
}

// proof is different for apps that do not have the same key and secret. It tells
// neither.
func (a *App) proof() string {
	sum := sha256.Sum256([]byte(a.ID + "\x00" + a.Key + "\x00" + string(a.Secret)))
	return hex.EncodeToString(sum[:8])
}

// Of is the session's app among these; nil: it is not there as it was.
func (st *State) Of(apps []App) *App {
	for i := range apps {
		if apps[i].ID == st.App && apps[i].proof() == st.Proof {
			return &apps[i]
		}
	}
	return nil
}

var (
	errUntold    = errors.New("got a session without a socket id")
	errNoChannel = errors.New("got a subscription without a channel")
)

// Restore returns the session of a State, which is one of the app's. What exceeds the
// options cannot be moved, as when it had come from the client. The error is for what
// cannot be a session; it counts nowhere then.
func Restore(app *App, st State, o Options) (*Session, error) {
	if st.Told == "" {
		return nil, errUntold
	}
	s := New(app, st.Told, o)
	if st.Present != "" {
		s.Arrived(st.Present)
	}
	for _, each := range st.Subscriptions {
		if each.Channel == "" {
			s.End()
			return nil, errNoChannel
		}
		s.keep(each.Channel, each.Data)
	}
	if st.Lost != "" {
		s.lose(lossOf(st.Lost))
	}
	return s, nil
}

// lossOf is what the word says. A process that is newer may have more of them.
func lossOf(word string) loss {
	for why, known := range words {
		if known == word {
			return loss(why)
		}
	}
	return earlier
}
