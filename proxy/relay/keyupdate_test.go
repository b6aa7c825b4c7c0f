package relay

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
)

// sealer makes the TLS 1.3 records of a client whose secret is known, so that
// a test can send what crypto/tls never would. RFC 8446, section 5.2.
type sealer struct {
	t      testing.TB
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	record uint64
}

// newSealer takes over a client's writing after its handshake; log is what the
// client's Config.KeyLogWriter has got.
func newSealer(t testing.TB, client *tls.Conn, log *bytes.Buffer) *sealer {
	t.Helper()
	return sealerOf(t, client, log, "CLIENT_TRAFFIC_SECRET_0")
}

// sealerOf takes over the side of that secret.
func sealerOf(t testing.TB, client *tls.Conn, log *bytes.Buffer, label string) *sealer {
	t.Helper()
	if got := client.ConnectionState().CipherSuite; got != tls.TLS_AES_128_GCM_SHA256 {
		t.Skipf("SKIPPED, nothing shows that a key update passes: got cipher suite %#x, want TLS_AES_128_GCM_SHA256", got)
	}
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if f := strings.Fields(lines.Text()); f[0] == label {
			s := &sealer{t: t}
			secret, _ := hex.DecodeString(f[2])
			s.use(secret)
			return s
		}
	}
	t.Fatal("no secret in the log")
	return nil
}

func (s *sealer) use(secret []byte) {
	s.secret, s.record = secret, 0
	block, err := aes.NewCipher(s.expand("key", 16))
	if err != nil {
		s.t.Fatal(err)
	}
	s.aead, _ = cipher.NewGCM(block)
	s.iv = s.expand("iv", 12)
}

func (s *sealer) expand(label string, n int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(info, byte(len("tls13 "+label)))
	info = append(append(info, "tls13 "+label...), 0)
	b, err := hkdf.Expand(sha256.New, s.secret, string(info), n)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

const (
	handshakeRecord = 22
	dataRecord      = 23
)

func (s *sealer) seal(kind byte, b []byte) []byte {
	header := binary.BigEndian.AppendUint16([]byte{dataRecord, 3, 3}, uint16(len(b)+1+s.aead.Overhead()))
	nonce := bytes.Clone(s.iv)
	for i, c := range binary.BigEndian.AppendUint64(nil, s.record) {
		nonce[4+i] ^= c
	}
	s.record++
	return s.aead.Seal(header, nonce, append(bytes.Clone(b), kind), header)
}

// keyUpdate asks the other side to change its key, and changes ours.
func (s *sealer) keyUpdate() []byte {
	b := s.seal(handshakeRecord, []byte{24, 0, 0, 1, 1})
	s.use(s.expand("traffic upd", sha256.Size))
	return b
}
