//go:build !plantedbugs

package s3

// planted tells whether a mistake is to be made, so that a test can see whether
// the power-cut harness finds it. In ordinary builds none is, and the planted code is gone.
func planted(string) bool { return false }
