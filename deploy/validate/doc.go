// Package validate has the tests of the manifests that the API server's code does,
// and that of Compose.
package validate
