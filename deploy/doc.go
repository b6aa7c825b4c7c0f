// Package deploy is for the tests of the manifests that stand beside it.
package deploy
