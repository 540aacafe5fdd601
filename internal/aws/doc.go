// Package aws holds the words that every AWS-shaped service shares: errors,
// resource names, and who is asking. It is contracts only: it imports the
// standard library and nothing of ours, so any room may depend on it.
package aws
