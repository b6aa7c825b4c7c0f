// Package server is a module of its own for the sake of its tool: pebble is built from
// source, and Fermata's own module does not need what pebble needs.
package server
