# Reads "go test -short -v ./...": shows what each package came to, what was
# skipped and why, and all that a failed test said.
/^=== (RUN|NAME|CONT|PAUSE) / { name = $3; next }
/^ *--- SKIP: / { skipped++; sub(/^.*SKIPPED/, "SKIPPED", said[$3]); printf "%s: %s", $3, said[$3]; delete said[$3]; next }
/^ *--- PASS: / { delete said[$3]; next }
/^ *--- FAIL: / { print; printf "%s", said[$3]; delete said[$3]; next }
/^(ok  |FAIL)\t/ { print; if ($1 == "FAIL") failed = 1; for (name in said) { if (failed) printf "%s", said[name]; delete said[name] } name = ""; next }
/^(PASS|FAIL|\?)/ { next }
{ said[name] = said[name] $0 "\n" }
END { print skipped " tests skipped: make test runs all"; exit failed }
