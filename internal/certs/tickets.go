package certs

import (
	"crypto/hkdf"
	"crypto/sha256"
	"strconv"
	"time"

	"fermata/internal/secret"
)

// ticketKeys are the keys of TLS session tickets: those of today and, for
// tickets around midnight and clocks that differ, of yesterday and tomorrow.
// They come from the secrets alone, so that a client resumes with whichever
// Fermata it meets, before a restart or after. The first one encrypts.
func ticketKeys(secrets []secret.Text, now time.Time) [][32]byte {
	var keys [][32]byte
	for _, day := range []int64{0, -1, 1} {
		for _, s := range secrets {
			keys = append(keys, ticketKey(s, dayOf(now)+day))
		}
	}
	return keys
}

// dayOf counts the days since 1970 in UTC.
func dayOf(now time.Time) int64 { return now.Unix() / (24 * 60 * 60) }

func ticketKey(s secret.Text, day int64) (key [32]byte) {
	info := "fermata TLS session ticket 1 " + strconv.FormatInt(day, 10)
	derived, err := hkdf.Key(sha256.New, []byte(s.Reveal()), nil, info, len(key))
	if err != nil {
		panic(err) // only for a length that HKDF does not have
	}
	copy(key[:], derived)
	return key
}
