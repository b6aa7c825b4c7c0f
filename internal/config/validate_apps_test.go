package config

import "testing"

func TestAppsAreChecked(t *testing.T) {
	t.Setenv("FERMATA_TEST_SECRET", "hush")
	f := func(text string, want ...string) { t.Helper(); wantMistakes(t, required+"apps:\n"+text, want...) }
	const kind = `, want 1 to 64 letters, digits or . _ ~ ! $ & ' ( ) * + , ; = @ -`
	const noSecret = ".secret: got nothing, want the app's secret, such as ${REVERB_APP_SECRET}"
	f("  - {}\n", `4: apps[0].id: got ""`+kind, `4: apps[0].key: got ""`+kind, "4: apps[0]"+noSecret)
	f("  - {id: 1, key: k, secret: ''}\n", "4: apps[0]"+noSecret)
	f("  - id: 1\n    key: k\n    secret: ${FERMATA_TEST_NONE}\n",
		"6: apps[0].secret: got ${FERMATA_TEST_NONE}, want an environment variable that is set")
	f("  - id: a/b\n    key: 'a:b'\n    secret: hush\n", `4: apps[0].id: got "a/b"`+kind, `5: apps[0].key: got "a:b"`+kind)
	f("  - {id: 1, key: a, secret: '${FERMATA_TEST_SECRET}'}\n  - {id: 1, key: b, secret: hush}\n  - {id: 3, key: a, secret: hush}\n",
		`5: apps[1].id: got "1", want another than apps[0].id`, `6: apps[2].key: got "a", want another than apps[0].key`)
	f("  - {id: 1, key: k, secret: hush, app_secret: hush}\n", "4: apps[0].app_secret: got an unknown key, want one of id, key, secret")
	f("  - hush\n", "4: apps[0]: got a single value, want keys: id, key, secret")
}

func TestSessionsAreChecked(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		wantMistakes(t, required+"session: "+text+"\n", want...)
	}
	f("{move: yes}", `3: session.move: got "yes", want true or false`)
	f("{on_loss: keep}", `3: session.on_loss: got "keep", want one of close, move`)
	f("{timeout: 50ms}", "3: session.timeout: got 50ms, want 100ms to 1m")
	f("{timeout: 61s}", "3: session.timeout: got 1m1s, want 100ms to 1m")
	f("{max_held_bytes: 1023}", "3: session.max_held_bytes: got 1023, want 1024 to 67108864")
	f("{max_subscriptions: 0}", "3: session.max_subscriptions: got 0, want 1 to 100000")
}
