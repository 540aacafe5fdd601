package main

import (
	"os"
	"testing"
)

func TestTheLedgerSaysWhatTheOperationFilesSay(t *testing.T) {
	if err := os.Chdir("../../.."); err != nil {
		t.Fatal(err)
	}
	if err := run(false); err != nil {
		t.Error(err)
	}
}
