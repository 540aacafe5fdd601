package systemtest_test

import (
	"testing"

	"github.com/leatdev/leat/leattest"
)

// BenchmarkDeployOfFiftyResources deploys a stack of 50 resources, from the file to the last
// endpoint, and deletes it off the clock.
func BenchmarkDeployOfFiftyResources(b *testing.B) {
	p, project := leattest.Start(b), deployFleetFolder(b)
	for _, command := range []string{"deploy", "destroy"} { // packages are built once
		if code, _, errs := deployLeat(b.Context(), p.URL(), command, project); code != 0 {
			b.Fatal(errs)
		}
	}
	for b.Loop() {
		if code, _, errs := deployLeat(b.Context(), p.URL(), "deploy", project); code != 0 {
			b.Fatal(errs)
		}
		b.StopTimer()
		if code, _, errs := deployLeat(b.Context(), p.URL(), "destroy", project); code != 0 {
			b.Fatal(errs)
		}
		b.StartTimer()
	}
}
