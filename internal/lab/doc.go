// Package lab is the roof over what measures Fermata and plays with it: nodes
// that look like Reverb, real clients, the demo, and comparisons with others.
package lab
