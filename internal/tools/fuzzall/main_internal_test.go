package main

import "testing"

func TestOnlyATargetThatItsTimeEndedIsRepeated(t *testing.T) {
	t.Parallel()
	const elapsed = "fuzz: elapsed: 1s, execs: 16229 (0/sec), new interesting: 104 (total: 108)\n"
	for output, want := range map[string]bool{
		elapsed + "--- FAIL: FuzzOne (1.20s)\n    context deadline exceeded\nFAIL\nexit status 1\nFAIL\tgithub.com/leatdev/leat/kpl\t1.2s\n": true,
		// An input that made the target say so.
		elapsed + "--- FAIL: FuzzOne (0.20s)\n    --- FAIL: FuzzOne (0.00s)\n        one_test.go:9: context deadline exceeded\n" +
			"    Failing input written to testdata/fuzz/FuzzOne/4eb7cda59f8d8c5e\nFAIL\n": false,
		"--- FAIL: FuzzOne (0.20s)\n    context deadline exceeded\n    Failing input written to testdata/fuzz/FuzzOne/4eb7cda59f8d8c5e\nFAIL\n": false,
		"--- FAIL: FuzzOne (9.00s)\n    fuzzing process hung or terminated unexpectedly: exit status 2\nFAIL\n":                                 false,
		"FAIL\tgithub.com/leatdev/leat/kpl [build failed]\nFAIL\n":                                                                              false,
		"": false,
	} {
		if got := endedBadly(output); got != want {
			t.Errorf("%v for\n%s", got, output)
		}
	}
}
