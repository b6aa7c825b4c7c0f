package pusher

import (
	"crypto/md5"
	"net/url"
	"strings"
	"testing"

	"fermata/internal/lab/devnode"
	"fermata/internal/secret"
)

const path = "/apps/3/events"

var body = []byte(`{"name":"foo","channels":["project-3"],"data":"{\"some\":\"data\"}"}`)

// documented is the query of Pusher's documentation, "Worked authentication
// example".
const documented = "auth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0&body_md5=ec365a775a4cd0599faeb73354201b6f" +
	"&auth_signature=da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c"

const appSecret secret.Text = "7ad3773142a6692b25b8"

func signedBy(query string, secret secret.Text, method, path string, body []byte) bool {
	q, ok := ReadQuery(query)
	return ok && q.SignedBy(secret, method, path, md5.Sum(body))
}

func TestWhatTheAppHasSignedIsKnown(t *testing.T) {
	f := func(what, query string, secret secret.Text, method, path, body string, want bool) {
		t.Helper()
		if got := signedBy(query, secret, method, path, []byte(body)); got != want {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	with := func(old, new string) string { return strings.Replace(documented, old, new, 1) }
	b, s := string(body), appSecret
	f("as documented", documented, s, "POST", path, b, true)
	f("in another order", "body_md5=ec365a775a4cd0599faeb73354201b6f&"+with("&body_md5=ec365a775a4cd0599faeb73354201b6f", ""), s, "POST", path, b, true)
	f("spelt otherwise", with("auth_version=1.0", "auth_version=1%2e0"), s, "POST", path, b, true)
	f("without a claimed md5", with("&body_md5=ec365a775a4cd0599faeb73354201b6f", ""), s, "POST", path, b, true)
	f("another secret", documented, "7ad3773142a6692b25b9", "POST", path, b, false)
	f("no secret", documented, "", "POST", path, b, false)
	f("another method", documented, s, "GET", path, b, false)
	f("another path", documented, s, "POST", "/apps/4/events", b, false)
	f("another body", documented, s, "POST", path, b+" ", false)
	f("another claimed md5", with("ec365a77", "ec365a78"), s, "POST", path, b, false)
	f("another key", with("278d", "278e"), s, "POST", path, b, false)
	f("another time", with("1353088179", "1353088180"), s, "POST", path, b, false)
	f("another version", with("1.0", "1.1"), s, "POST", path, b, false)
	f("one more parameter", documented+"&info=user_count", s, "POST", path, b, false)
	f("another signature", with("da454824", "da454825"), s, "POST", path, b, false)
	f("a signature in upper case", with("da454824", "DA454824"), s, "POST", path, b, false)
	f("half a signature", documented[:len(documented)-1], s, "POST", path, b, false)
}

func TestAQueryThatNodesMayReadOtherwiseIsNotRead(t *testing.T) {
	for _, raw := range []string{
		"", "auth_key=k", documented + "&auth_key=k", documented + "&a[]=1", documented + "&a.b=1", documented + "&=1", documented + "&",
		documented + "&1=1", documented + "&appId=1", documented + "&a=%zz", documented + "&a%62=1", "auth%5fsignature=1",
	} {
		if _, ok := ReadQuery(raw); ok {
			t.Errorf("got %q read, want not", raw)
		}
	}
	if signedBy("auth_signature", "s", "POST", "/", body) {
		t.Error("got an empty signature taken, want not")
	}
}

// The node checks signatures with code of its own.
func TestWhatIsSignedAgainIsValidForANode(t *testing.T) {
	other := []byte(`{"name":"bar"}`)
	for _, more := range []url.Values{nil, {"info": {"user count"}, "Z": {"+&="}, "_": {""}}} {
		raw := devnode.Sign("POST", path, more, body, "key", "secret").Encode()
		q, ok := ReadQuery(raw)
		if !ok || !q.SignedBy("secret", "POST", path, md5.Sum(body)) {
			t.Fatalf("%s: got not signed, want signed", raw)
		}
		got := q.SignAgain("secret", "POST", path, md5.Sum(other))
		values, err := url.ParseQuery(got)
		if err != nil {
			t.Fatal(err)
		}
		claimed := values.Get("auth_signature")
		values.Del("auth_signature")
		if want := devnode.Sign("POST", path, values, other, "key", "secret"); claimed != want.Get("auth_signature") || values.Get("body_md5") != want.Get("body_md5") {
			t.Errorf("got %s, want the signature %s and the md5 %s", got, want.Get("auth_signature"), want.Get("body_md5"))
		}
	}
}

func TestSigningAgainKeepsTheRestOfTheQueryAsItWasWritten(t *testing.T) {
	const raw = "auth_version=1%2E0&auth_signature=x&info=a+b%20c&empty&auth_key=k&auth_timestamp=1"
	q, ok := ReadQuery(raw)
	if !ok {
		t.Fatal("got not read, want read")
	}
	got := q.SignAgain("s", "POST", path, md5.Sum(body))
	before, after, _ := strings.Cut(got, "auth_signature=")
	if _, rest, _ := strings.Cut(after, "&"); before+"auth_signature=x&"+rest != raw {
		t.Errorf("got %s, want %s with another signature", got, raw)
	}
}

func FuzzAQueryFromStrangers(f *testing.F) {
	f.Add(documented)
	f.Add("auth_signature=&a=%")
	f.Fuzz(func(t *testing.T, raw string) {
		q, ok := ReadQuery(raw)
		if !ok {
			return
		}
		again := q.SignAgain(appSecret, "POST", path, md5.Sum(body))
		if !signedBy(again, appSecret, "POST", path, body) || signedBy(again, "another", "POST", path, body) {
			t.Errorf("got %q for %q, want it to be valid for the secret alone", again, raw)
		}
	})
}
